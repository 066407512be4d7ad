"""The curve of growth against a slow search, and its intervals where few outcomes are possible."""

import math
from collections.abc import Sequence
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rollup_bench.harness.stats.growth import EXPONENTS, Curve, Growth, growth

EVENTS = (1_000, 40_000, 500_000, 5_000_000)
WIDENED = 3.1046
"""sqrt(4 / 2) times t at 95% with two degrees of freedom, over that of the normal distribution."""
CURVES = [Curve(0.05, 0.2, 0.8), Curve(0.1, 0.0, 1.0), Curve(0.001, 0.1, 1.5), Curve(0.01, 0.3, 0.0)]
MADE = Curve(0.05, 0.2, 0.8)
noise = st.lists(st.floats(0.5, 2.0), min_size=4, max_size=4)


def searched(times: Sequence[float], a: float) -> Curve:
    """Returns the curve with the least squares of relative distances, searched over all exponents; b is at least 0."""
    best = (math.inf, Curve(a, 0.0, 0.0))
    for c in EXPONENTS:
        grown = (np.array(EVENTS) / 1e6) ** c / np.array(times)
        b = max(float(np.linalg.lstsq(grown[:, None], 1 - a / np.array(times), rcond=None)[0][0]), 0.0)
        curve = Curve(a, b, float(c))
        best = min(best, (off(curve, times), curve), key=lambda pair: pair[0])
    return best[1]


def off(curve: Curve, times: Sequence[float]) -> float:
    """Returns the sum over all sizes of the squared relative distance between the curve and the time."""
    return float(((curve(EVENTS) / np.array(times) - 1) ** 2).sum())


def grown(times: Sequence[float], a: float = MADE.a) -> Growth:
    """Returns the growth of sizes that were loaded once each; the fixed cost was measured once."""
    return growth(EVENTS, [[one] for one in times], [a], np.random.default_rng(1))


def test_a_curve_is_a_constant_and_a_power_of_millions() -> None:
    assert Curve(1.0, 2.0, 0.5)([0, 250_000, 1_000_000, 4_000_000]).tolist() == [1.0, 2.0, 3.0, 5.0]


@given(st.sampled_from(CURVES), noise)
@settings(max_examples=10)
def test_no_curve_of_the_slow_search_is_closer(made: Curve, noise: list[float]) -> None:
    times = (made(EVENTS) * noise).tolist()
    found = grown(times, made.a).curve
    assert off(found, times) == pytest.approx(off(searched(times, made.a), times), rel=1e-6, abs=1e-9)
    assert found.a == pytest.approx(made.a)
    assert found.b >= 0


def test_times_below_the_fixed_cost_do_not_grow() -> None:
    found = grown([0.04, 0.03, 0.02, 0.01])
    assert (found.curve.a, found.curve.b, found.b[0]) == pytest.approx((0.05, 0.0, 0.0))
    assert found.growing == pytest.approx(-0.04)
    assert found.outcome(limit=2.0).kind == "fixed"


@pytest.mark.parametrize(
    "made", [MADE, Curve(0.01, 0.3, 1.25), Curve(0.5, 0.02, 0.0), Curve(0.001, 0.2, 2.0), Curve(0.01, 0.2, -0.3)]
)
def test_times_on_a_curve_give_it_and_intervals_of_no_width(made: Curve) -> None:
    found = grown(made(EVENTS).tolist(), made.a)
    assert (found.curve.a, found.curve.b, found.curve.c) == pytest.approx((made.a, made.b, made.c), rel=1e-6, abs=1e-9)
    assert (*found.b, *found.c) == pytest.approx((made.b, made.b, made.c, made.c), rel=1e-6, abs=1e-9)
    assert (found.largest_deviation, found.half_width) == pytest.approx((1.0, 0.0))
    assert found.growing == pytest.approx(float(made(5_000_000)) - made.a)


def test_the_order_of_sizes_does_not_matter() -> None:
    found = growth(EVENTS[::-1], [[one] for one in MADE(EVENTS[::-1])], [MADE.a], np.random.default_rng(1))
    assert (found.curve.b, found.curve.c) == pytest.approx((MADE.b, MADE.c))
    assert found.growing == pytest.approx(float(MADE(5_000_000)) - MADE.a)


def test_residuals_get_either_sign_and_are_widened_for_few_sizes() -> None:
    """Four sizes have 16 combinations of signs, each of which is drawn more often than one time in 40."""
    times = MADE(EVENTS) * np.exp([0.02, -0.03, 0.04, -0.02])
    found = grown(times.tolist())
    residuals = np.log(times / found.curve(EVENTS))
    assert found.largest_deviation == pytest.approx(math.exp(np.abs(residuals).max()))
    drawn = [
        searched((found.curve(EVENTS) * np.exp(WIDENED * residuals * signs)).tolist(), MADE.a)
        for signs in product((-1, 1), repeat=4)
    ]
    assert found.b == pytest.approx((min(one.b for one in drawn), max(one.b for one in drawn)), rel=1e-3)
    assert found.c == pytest.approx((min(one.c for one in drawn), max(one.c for one in drawn)), abs=1e-9)
    assert found.half_width == pytest.approx((found.c[1] - found.c[0]) / 2)


LOADS = [((-1, 1), (-math.sqrt(2), math.sqrt(2))), ((0, 0, 3), (-math.sqrt(3 / 2), 2 * math.sqrt(3 / 2)))]
"""Values, and the extremes of the mean of as many redrawn ones minus their mean, widened by sqrt(n / (n - 1))."""


@pytest.mark.parametrize(("loads", "moves"), LOADS)
def test_loads_are_drawn_again_and_widened_where_they_are_few(loads: Sequence[int], moves: tuple[float, float]) -> None:
    """One size has several loads, so that only its own are drawn."""
    sizes, mean = [[one] for one in MADE(EVENTS)], sum(loads) / len(loads)
    sizes[2] = [sizes[2][0] * math.exp(0.1 * (each - mean)) for each in loads]
    found = growth(EVENTS, sizes, [MADE.a], np.random.default_rng(1))
    assert (found.curve.c, found.largest_deviation) == pytest.approx((0.8, 1.0))
    moved = []
    for move in moves:
        times = MADE(EVENTS)
        times[2] *= math.exp(0.1 * move)
        moved.append(searched(times.tolist(), MADE.a).b)
    assert found.b == pytest.approx(tuple(sorted(moved)), rel=1e-3)


@pytest.mark.parametrize(("values", "moves"), LOADS)
def test_the_fixed_cost_is_drawn_again_too(values: Sequence[int], moves: tuple[float, float]) -> None:
    mean, times = sum(values) / len(values), MADE(EVENTS).tolist()
    fixed = [MADE.a * math.exp(0.1 * (each - mean)) for each in values]
    found = growth(EVENTS, [[one] for one in times], fixed, np.random.default_rng(1))
    assert (found.curve.a, found.curve.c) == pytest.approx((MADE.a, 0.8))
    moved = [searched(times, MADE.a * math.exp(0.1 * move)).c for move in moves]
    assert found.c == pytest.approx((min(moved), max(moved)), abs=1e-9)


def test_the_time_of_a_size_is_the_geometric_mean_of_its_loads() -> None:
    sizes = [[one / 2, one * 2] for one in MADE(EVENTS)]
    found = growth(EVENTS, sizes, [MADE.a / 3, MADE.a * 3], np.random.default_rng(1))
    assert (found.curve.a, found.curve.b, found.curve.c) == pytest.approx((MADE.a, MADE.b, MADE.c))


@pytest.mark.parametrize(
    ("growing", "deviation", "c", "kind", "reason"),
    [
        (2.0, 9.0, (0.0, 2.0), "fixed", "the growing part is at most 2 times the fixed cost"),
        (2.1, 1.25, (0.90, 1.05), "known", ""),
        (2.1, 1.26, (0.90, 1.05), "unknown", "no curve fits: a time is off by a factor of 1.26"),
        (2.1, 1.25, (0.90, 1.08), "unknown", "the exponent is known to ±0.09 only, not to ±0.08"),
    ],
)
def test_an_exponent_is_known_if_it_is_not_hidden_fits_and_has_a_narrow_interval(
    growing: float, deviation: float, c: tuple[float, float], kind: str, reason: str
) -> None:
    found = Growth(Curve(1, 1, 1), b=(1, 1), c=c, growing=growing, largest_deviation=deviation)
    assert found.outcome(limit=0.08) == (kind, reason)
