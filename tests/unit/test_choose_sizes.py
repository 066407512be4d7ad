"""Figures of runs in several sizes, extrapolated to other sizes, against curves that are known."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from rollup_bench.errors import RequestError
from rollup_bench.harness.choose.draws import Measured
from rollup_bench.harness.choose.evidence import Evidence
from rollup_bench.harness.choose.needs import DAYS_A_YEAR
from rollup_bench.harness.choose.sizes import line, of_size, predicted
from rollup_bench.harness.stats.percentiles import interval
from tests.support.evidence import decide, loop, loops, run, store

SIZES = (1_250_000, 2_500_000, 5_000_000)
FOUR = (625_000, *SIZES)
COLUMN = 2000
CURVES: dict[str, Callable[[float], float]] = {
    "a fixed cost": lambda n: 0.004,
    "a scan": lambda n: 1e-8 * n,
    "a fixed cost and a scan": lambda n: 0.01 + 1e-8 * n,
    "groups that fill up": lambda n: 1e-6 * n**0.6,
    "a fixed cost and a short scan": lambda n: 0.004 * (1 + 2.7e-9 * n),
    "a sort": lambda n: 1e-9 * n * np.log2(n),
}


def figures(
    curve: Callable[[float], float], rng: np.random.Generator, sizes: Sequence[int] = SIZES, noise: float = 0.02
) -> list[Measured]:
    """What six launches of each size measure, with errors of this standard deviation."""
    return [Measured.of({launch: curve(n) * float(np.exp(rng.normal(0, noise))) for launch in range(6)}) for n in sizes]


def expected(known: list[Measured], rows: float, column: int = COLUMN) -> NDArray[np.float64]:
    """The draws of the figure with another number of events, from the largest of the `FOUR` sizes."""
    found = predicted(FOUR[-len(known) :], known, rows, column)
    assert found is not None
    return found.draws()


def of_rows(rows: int, seconds: float = 0.01, **others: object) -> Evidence:
    """A run of one store."""
    return run(store("druid/tuned", {"q": seconds}, bytes=100.0 * rows, **others), rows=rows, name=f"{rows}.jsonl")


@pytest.mark.parametrize("sizes", [SIZES, FOUR], ids=len)
@pytest.mark.parametrize("curve", CURVES.values(), ids=CURVES)
def test_twice_as_many_events_cost_what_the_interval_says(
    curve: Callable[[float], float], sizes: Sequence[int]
) -> None:
    rng = np.random.default_rng(7)
    draws = [expected(figures(curve, rng, sizes), 2 * SIZES[-1]) for _ in range(100)]
    intervals = [interval(one, 0.99) for one in draws]
    assert sum(low <= curve(2 * SIZES[-1]) <= high for low, high in intervals) >= 98
    assert np.median([high / low for low, high in intervals]) <= 1.5


@pytest.mark.parametrize("noise", [0.005, 0.02])
@pytest.mark.parametrize("sizes", [SIZES, FOUR], ids=len)
@pytest.mark.parametrize("curve", CURVES.values(), ids=CURVES)
def test_ten_times_as_many_events_cost_what_the_interval_says(
    curve: Callable[[float], float], sizes: Sequence[int], noise: float
) -> None:
    rng = np.random.default_rng(8)
    found = [interval(expected(figures(curve, rng, sizes, noise), 10 * SIZES[-1]), 0.99) for _ in range(100)]
    assert sum(low <= curve(10 * SIZES[-1]) <= high for low, high in found) >= 98


def test_a_figure_that_fits_no_curve_is_not_extrapolated() -> None:
    jumping = figures(lambda n: 0.005 if n < 2_000_000 else 0.013 + 1e-10 * n, np.random.default_rng(9))
    assert predicted(SIZES, jumping, 2 * SIZES[-1], COLUMN) is None


@pytest.mark.parametrize("curve", ["a scan", "groups that fill up", "a sort"])
def test_a_fourth_size_narrows_the_interval(curve: str) -> None:
    rng = np.random.default_rng(9)
    three, four = (
        np.median([np.divide(*np.quantile(expected(known, 10 * SIZES[-1]), (0.995, 0.005))) for known in drawn])
        for drawn in ([figures(CURVES[curve], rng, sizes) for _ in range(20)] for sizes in (SIZES, FOUR))
    )
    assert four < 0.9 * three


def test_intervals_widen_with_the_distance() -> None:
    known = figures(CURVES["a fixed cost and a scan"], np.random.default_rng(9))
    widths = [np.divide(*interval(expected(known, factor * SIZES[-1]), 0.99)[::-1]) for factor in (1, 2, 5, 10)]
    assert all(less < more for less, more in pairwise(widths))


@pytest.mark.parametrize(
    ("amounts", "rows", "expected"),
    [
        ((3.0, 5.0, 9.0), 10, 21.0),
        ((7.0, 7.0, 7.0), 40, 7.0),
        ((0.0, 0.0, 0.0), 40, 0.0),
        ((1.0, 1.0, 0.99), 40, 0.9966),
        ((0.9, 2.0, 4.0), 8, 7.695),
    ],
)
def test_the_line_of_amounts_neither_falls_nor_begins_below_zero(
    amounts: tuple[float, ...], rows: int, expected: float
) -> None:
    assert line((1, 2, 4), amounts, rows) == pytest.approx(expected, rel=1e-3)


def test_stores_are_extrapolated_from_three_sizes() -> None:
    load = loops(loop(10.0, {"q": 5.0}))
    runs = [of_rows(size, 0.01 * size / SIZES[0], under_load={"q": load}) for size in SIZES]
    found = of_size(runs, 50_000_000)
    (only,) = found.stores
    assert (found.rows, found.sizes) == (50_000_000, list(SIZES))
    assert only.processor["q"].value == pytest.approx(0.4, rel=0.2)
    assert only.bytes == pytest.approx(5e9)
    assert only.ingest is not None
    assert only.ingest.value == pytest.approx(1e-6, rel=0.2)
    assert not only.under_load


def test_the_largest_four_sizes_count() -> None:
    runs = [of_rows(size) for size in (100_000, 600_000, *SIZES)]
    assert of_size(runs, 20_000_000).sizes == [600_000, *SIZES]


@pytest.mark.parametrize("rows", [0, 5_000_000, 2_600_000, 50_000_001, 1_000_000])
def test_sizes_that_are_measured_or_too_far_are_not_extrapolated(rows: int) -> None:
    found = of_size([of_rows(size) for size in SIZES], rows)
    assert found.sizes == []
    assert found.rows == {2_600_000: 2_500_000, 1_000_000: 1_250_000}.get(rows, 5_000_000)


def test_two_sizes_or_near_ones_tell_no_other() -> None:
    assert of_size([of_rows(size) for size in SIZES[1:]], 20_000_000).rows == SIZES[-1]
    assert of_size([of_rows(size) for size in (3_000_000, 4_000_000, 5_000_000)], 20_000_000).rows == SIZES[-1]


def test_a_question_that_a_size_lacks_is_not_known() -> None:
    runs = [of_rows(size) for size in SIZES[:2]]
    runs.append(run(store("druid/tuned", {"q": 0.01, "r": 0.01}), rows=SIZES[2]))
    found = of_size(runs, 20_000_000)
    assert found.stores[0].unsure == {"r": "it was not timed well enough in all sizes"}


def test_a_choice_beyond_the_measured_sizes_knows_no_times_under_load() -> None:
    found = of_size([of_rows(size) for size in SIZES], 20_000_000)
    kept = {"years": 10.0, "events_a_day": 20_000_000 / 10 / DAYS_A_YEAR}
    assert decide(found, **kept).chosen == ["druid/tuned"]
    (refusal,) = decide(found, p95_ms=100.0, **kept).refused
    assert "p95" in refusal.why
    assert "--rows 20000000" in refusal.command


def test_runs_of_different_datasets_are_refused() -> None:
    with pytest.raises(RequestError, match="different datasets, flights, game"):
        of_size([of_rows(SIZES[0]), run(dataset="flights")], 0)


def test_figures_of_one_launch_still_vary_together() -> None:
    """They share the random numbers of their launches, and each has one more for the error of its curve."""
    known = figures(CURVES["a scan"], np.random.default_rng(10))
    steps = [
        dict(one.steps) for one in (predicted(SIZES, known, 10_000_000, COLUMN + place) for place in (0, 1)) if one
    ]
    launches = steps[0].keys() & steps[1].keys()
    assert steps[0].keys() ^ steps[1].keys() == {COLUMN, COLUMN + 1}
    assert len(launches) == 6 * len(SIZES)
    assert all(steps[0][launch] == steps[1][launch] != 0 for launch in launches)
