"""The curve of growth against a slow search, and its intervals where few outcomes are possible."""

import math
from collections.abc import Sequence
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rollup_bench.harness.stats.growth import EXPONENTS, Curve, Growth, Interval, growth

EVENTS = (1_000, 20_000, 300_000, 1_000_000, 5_000_000)
WIDENED = 6.0922
"""sqrt(5 / 2) times t at 99% with two degrees of freedom, over that of the normal distribution."""
CURVES = [Curve(0.05, 0.2, 0.8), Curve(0.1, 0.0, 1.0), Curve(0.0, 0.1, 1.5)]
noise = st.lists(st.floats(0.5, 2.0), min_size=5, max_size=5)


def searched(times: Sequence[float]) -> Curve:
    """The curve with the least squares of relative distances, searched over all exponents; no part is negative."""
    grown = (np.array(EVENTS) / 1e6) ** EXPONENTS[:, None]
    parts = np.stack([np.ones_like(grown), grown], axis=2) / np.array(times)[:, None]
    solved = np.zeros((3, len(EXPONENTS), 2))
    for one, kept in zip(solved, ([0, 1], [0], [1]), strict=True):
        one[:, kept] = np.linalg.pinv(parts[:, :, kept]).sum(axis=2)
    squares = ((np.einsum("cnp,kcp->kcn", parts, solved) - 1) ** 2).sum(axis=2)
    squares[(solved < 0).any(axis=2)] = math.inf
    way, best = np.unravel_index(squares.argmin(), squares.shape)
    a, b = solved[way, best]
    return Curve(float(a), float(b), float(EXPONENTS[best]))


def off(curve: Curve, times: Sequence[float]) -> float:
    """The sum over all sizes of the squared relative distance between the curve and the time."""
    return float(((curve(EVENTS) / np.array(times) - 1) ** 2).sum())


def grown(times: Sequence[float]) -> Growth:
    """The growth of cells that have one round each."""
    return growth(EVENTS, [[one] for one in times], np.random.default_rng(1))


def test_a_curve_is_a_constant_and_a_power_of_millions() -> None:
    assert Curve(1.0, 2.0, 0.5)([0, 250_000, 1_000_000, 4_000_000]).tolist() == [1.0, 2.0, 3.0, 5.0]


@given(st.sampled_from(CURVES), noise)
@settings(max_examples=10)
def test_no_curve_of_the_slow_search_is_closer(made: Curve, noise: list[float]) -> None:
    times = (made(EVENTS) * noise).tolist()
    found, best = grown(times).curve, searched(times)
    assert off(found, times) == pytest.approx(off(best, times), rel=1e-6, abs=1e-9)
    assert found.a >= 0 <= found.b


def test_times_that_fall_have_a_constant_alone() -> None:
    """The closest constant is the sum of 1 / t over the sum of 1 / t^2."""
    fallen = np.array([5.0, 4.0, 3.0, 2.0, 1.0])
    found = grown(fallen.tolist())
    assert (found.curve.a, found.curve.b) == pytest.approx(((1 / fallen).sum() / (1 / fallen**2).sum(), 0.0))
    assert min(*found.a, *found.b) >= 0


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (Curve(0.01, 0.2, 0.85), (0.01, 0.2, 0.85)),
        (Curve(0.0, 0.3, 1.25), (0.0, 0.3, 1.25)),
        (Curve(0.5, 0.02, 0.05), (0.5, 0.02, 0.05)),
        (Curve(0.001, 0.2, 2.0), (0.001, 0.2, 2.0)),
    ],
)
def test_times_on_a_curve_give_it_and_intervals_of_no_width(made: Curve, expected: tuple[float, ...]) -> None:
    found = grown(made(EVENTS).tolist())
    assert (found.curve.a, found.curve.b, found.curve.c) == pytest.approx(expected, rel=1e-4, abs=1e-9)
    times = float(made(5_000_000) / made(1_000))
    assert (found.ratio, *found.ratio_interval, found.largest_deviation) == pytest.approx((times, times, times, 1.0))
    for interval, value in zip((found.a, found.b, found.c), expected, strict=True):
        assert interval == pytest.approx((value, value), rel=1e-4, abs=1e-9)


def test_the_order_of_cells_does_not_matter() -> None:
    made = Curve(0.01, 0.2, 0.85)
    found = growth(EVENTS[::-1], [[one] for one in made(EVENTS[::-1])], np.random.default_rng(1))
    assert (found.ratio, *found.ratio_interval) == pytest.approx((float(made(5_000_000) / made(1_000)),) * 3)


def test_what_is_off_the_curve_is_put_to_either_side_and_widened_for_few_cells() -> None:
    """Five cells have 32 combinations of sides, each of which is drawn more often than one in 200."""
    times = Curve(0.05, 0.2, 0.8)(EVENTS) * np.exp([0.002, -0.003, 0.004, -0.002, 0.001])
    found = grown(times.tolist())
    distances = np.log(times / found.curve(EVENTS))
    assert found.largest_deviation == pytest.approx(math.exp(np.abs(distances).max()))
    drawn = [
        searched((found.curve(EVENTS) * np.exp(WIDENED * distances * sides)).tolist())
        for sides in product((-1, 1), repeat=5)
    ]
    ends: list[tuple[Interval, list[float]]] = [
        (found.a, [one.a for one in drawn]),
        (found.b, [one.b for one in drawn]),
        (found.c, [one.c for one in drawn]),
        (found.ratio_interval, [float(one(5_000_000) / one(1_000)) for one in drawn]),
    ]
    for interval, values in ends:
        assert interval == pytest.approx((min(values), max(values)), rel=1e-3)


@pytest.mark.parametrize(
    ("rounds", "moves"),
    [((-1, 1), (-math.sqrt(2), math.sqrt(2))), ((0, 0, 3), (-math.sqrt(3 / 2), 2 * math.sqrt(3 / 2)))],
)
def test_rounds_are_drawn_again_and_widened_where_they_are_few(
    rounds: Sequence[int], moves: tuple[float, float]
) -> None:
    """The mean of n redrawn rounds lies between the least and the most; its distance is widened by sqrt(n / (n - 1)).

    One cell has several rounds, so that only its own are drawn.
    """
    made, cells = Curve(0.05, 0.2, 0.8), [[one] for one in Curve(0.05, 0.2, 0.8)(EVENTS)]
    mean = sum(rounds) / len(rounds)
    cells[2] = [cells[2][0] * math.exp(0.1 * (each - mean)) for each in rounds]
    found = growth(EVENTS, cells, np.random.default_rng(1))
    assert (found.curve.c, found.largest_deviation) == pytest.approx((0.8, 1.0))
    moved = []
    for move in moves:
        times = made(EVENTS)
        times[2] *= math.exp(0.1 * move)
        moved.append(searched(times.tolist()).b - made.b)
    assert [end - made.b for end in found.b] == pytest.approx(sorted(moved), rel=0.15)


def test_the_middle_half_of_the_rounds_counts() -> None:
    made = Curve(0.05, 0.2, 0.8)
    cells = [[one, one, one, 100 * one] for one in made(EVENTS)]
    assert growth(EVENTS, cells, np.random.default_rng(1)).curve.a == pytest.approx(0.05)


@pytest.mark.parametrize(
    ("times", "c", "outcome"),
    [
        ((1.09, 1.99), (0.1, 1.9), "flat"),
        ((1.09, 2.0), (0.5, 0.6), "unknown"),
        ((1.1, 1.9), (0.5, 1.0), "known"),
        ((1.1, 1.9), (0.5, 1.01), "unknown"),
    ],
)
def test_an_exponent_is_told_where_something_grows_and_its_interval_is_narrow(
    times: Interval, c: Interval, outcome: str
) -> None:
    found = Growth(Curve(1, 1, 1), (1, 1), (1, 1), c, ratio=1.5, ratio_interval=times, largest_deviation=1.0)
    assert found.outcome == outcome
