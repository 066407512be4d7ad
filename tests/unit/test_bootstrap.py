"""The ratio of paired rounds with its error and degrees of freedom, where the formulas give them exactly."""

import math

import numpy as np
import pytest

from rollup_bench.harness.stats.estimate import Estimate, difference, estimate, launch_width, midmean
from rollup_bench.harness.stats.percentiles import interval, percentiles

MANY = 20_000  # replicates: what is drawn is then within 3% of what is expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([5.0], 5.0),
        ([1.0, 3.0], 2.0),
        ([9.0, 1.0, 2.0], 4.0),
        ([100.0, 1.0, 2.0, 4.0], 3.0),
        ([1.0, 2.0, 3.0, 4.0, 50.0], 3.0),
        ([8.0, 1.0, 2.0, 3.0, 4.0, 90.0, 7.0, 6.0], 5.0),
    ],
)
def test_the_midmean_leaves_out_a_quarter_at_each_end(values: list[float], expected: float) -> None:
    assert midmean(np.array(values)) == expected


def test_the_midmean_of_a_table_is_that_of_each_row() -> None:
    assert midmean(np.array([[100.0, 1.0, 2.0, 4.0], [0.0, 0.0, 2.0, 2.0]])).tolist() == [3.0, 1.0]


def test_an_interval_reaches_students_t_times_the_error_to_either_side() -> None:
    """With 10 degrees of freedom t is 3.1693 at 99% and 1.8125 at 90%."""
    one = Estimate(math.log(2), 0.1, 10.0)
    assert one.ratio == pytest.approx(2)
    assert one.interval() == pytest.approx((2 * math.exp(-0.31693), 2 * math.exp(0.31693)), rel=1e-4)
    assert one.interval(0.9) == pytest.approx((2 * math.exp(-0.18125), 2 * math.exp(0.18125)), rel=1e-4)


def test_an_interval_that_is_beyond_what_floats_hold_is_infinite() -> None:
    assert Estimate(800.0, 0.1, 10.0).interval() == (math.inf, math.inf)
    assert Estimate(0.0, math.inf, 1.0).interval() == (0.0, math.inf)


def test_p_is_students_and_certain_where_there_is_no_error() -> None:
    assert Estimate(0.31693, 0.1, 10.0).p == pytest.approx(0.01, rel=1e-3)
    assert Estimate(-0.31693, 0.1, 10.0).p == pytest.approx(0.01, rel=1e-3)
    assert (Estimate(0.1, 0.0, 10.0).p, Estimate(0.0, 0.0, 10.0).p) == (0.0, 1.0)


def test_what_is_detectable_lies_beyond_the_floor_by_both_quantiles() -> None:
    """With 10 degrees of freedom four of five values lie below 0.8791, and t is 3.1693 at 99%, 1.8125 at 90%."""
    one = Estimate(5.0, 0.1, 10.0)
    assert one.detectable() == pytest.approx(math.exp(0.31693 + 0.08791), rel=1e-4)
    assert one.detectable(0.5, 0.9) == pytest.approx(math.exp(0.5 + 0.18125 + 0.08791), rel=1e-4)


def test_launches_that_alone_differ_have_the_standard_error_of_their_mean() -> None:
    """The sample 1, 2, 6 has mean 3 and variance 7, so its mean has variance 7 / 3, with two degrees of freedom."""
    one = estimate([np.full(4, value) for value in (1.0, 2.0, 6.0)], np.random.default_rng(1), MANY)
    assert (one.centre, one.dof) == pytest.approx((3.0, 2.0))
    assert one.error == pytest.approx(math.sqrt(7 / 3), rel=0.03)


def test_rounds_of_one_launch_have_the_error_of_what_is_drawn_again() -> None:
    """The mean of two draws from 0 and 2 has variance 1 / 2; two rounds have one degree of freedom."""
    one = estimate([np.array([0.0, 2.0])], np.random.default_rng(1), MANY)
    assert (one.centre, one.dof) == pytest.approx((1.0, 1.0))
    assert one.error == pytest.approx(math.sqrt(0.5), rel=0.03)


@pytest.mark.parametrize(("rounds", "dof"), [(2, 1), (3, 2), (4, 1), (8, 3), (10, 5)])
def test_the_degrees_of_rounds_are_those_of_the_middle_half_less_one_a_launch(rounds: int, dof: int) -> None:
    values = np.arange(float(rounds))
    assert estimate([values], np.random.default_rng(1)).dof == pytest.approx(dof)
    assert estimate([values, values], np.random.default_rng(1)).dof == pytest.approx(2 * dof)


def test_both_variances_add_and_their_degrees_are_satterthwaites() -> None:
    """The centres 0 and 1 add a variance of 1 / 4 with one degree of freedom, the rounds 1 / 4 with two."""
    one = estimate([np.array([-1.0, 1.0]), np.array([0.0, 2.0])], np.random.default_rng(1), MANY)
    assert one.centre == pytest.approx(0.5)
    assert one.error == pytest.approx(math.sqrt(1 / 4 + 1 / 4), rel=0.03)
    assert one.dof == pytest.approx(0.5**2 / (0.25**2 / 1 + 0.25**2 / 2), rel=0.03)


@pytest.mark.parametrize("launches", [[[1.0]], [[1.0], [1.0, 2.0]]])
def test_a_launch_of_one_round_leaves_the_error_unknown(launches: list[list[float]]) -> None:
    one = estimate([np.array(rounds) for rounds in launches], np.random.default_rng(1))
    assert (one.error, one.dof) == (math.inf, 1.0)


def test_rounds_that_are_all_alike_have_no_error() -> None:
    one = estimate([np.full(4, 0.5), np.full(4, 0.5)], np.random.default_rng(1))
    assert (one.centre, one.error, one.dof) == (0.5, 0.0, 1.0)


def test_a_difference_has_welchs_degrees_of_freedom() -> None:
    one = difference(Estimate(0.5, 0.03, 8.0), Estimate(0.1, 0.04, 4.0), shift=0.1)
    assert (one.centre, one.error) == pytest.approx((0.3, 0.05))
    assert one.dof == pytest.approx(0.05**4 / (0.03**4 / 8 + 0.04**4 / 4))
    assert difference(Estimate(0.5, 0.03, 8.0), Estimate(0.1, 0.04, 4.0)).centre == pytest.approx(0.4)


def test_a_difference_from_what_is_unknown_is_unknown() -> None:
    one = difference(Estimate(0.5, math.inf, 1.0), Estimate(0.1, 0.04, 4.0))
    assert (one.error, one.dof) == (math.inf, 1.0)
    assert difference(Estimate(0.5, 0.0, 3.0), Estimate(0.1, 0.0, 3.0)).dof == 1.0


def test_a_side_without_error_leaves_the_degrees_to_the_other() -> None:
    assert difference(Estimate(0.5, 0.0, 0.0), Estimate(0.1, 0.04, 4.0)).dof == pytest.approx(4.0)


@pytest.mark.parametrize(
    ("launches", "level", "share"), [(1, 0.99, 1.0), (2, 0.99, 0.9428), (5, 0.99, 1.4843), (5, 0.9, 1.5676)]
)
def test_the_share_of_one_launch_is_as_worked_out_apart(launches: int, level: float, share: float) -> None:
    assert launch_width(launches, level) == pytest.approx(share, rel=2e-3)


def test_a_spread_counts_all_samples_and_draws_launches_again() -> None:
    """Two launches, all 0 and all 1, are drawn in four ways, whose medians are 0, 1/2, 1/2 and 1."""
    launches = [np.zeros(3), np.ones(3)]
    one = percentiles(launches, np.random.default_rng(1))
    assert (one.samples, one.median, one.low, one.high, one.maximum) == (6, 0.5, 0.0, 1.0, 1.0)
    narrow, wide = (percentiles(launches, np.random.default_rng(1), level) for level in (0.4, 0.6))
    assert (narrow.low, narrow.high, wide.low, wide.high) == (0.5, 0.5, 0.0, 1.0)


def test_a_spread_draws_the_samples_of_a_launch_again() -> None:
    """The median of three draws from 0, 0 and 1 is 1 in 7 of 27 cases."""
    launch = [0.0, 0.0, 1.0]
    ends = [percentiles([launch], np.random.default_rng(1), level).high for level in (0.2, 0.4, 0.6, 0.99)]
    assert ends == [0.0, 0.0, 1.0, 1.0]


def test_a_percentile_is_given_from_ten_samples_beyond_on() -> None:
    exact = percentiles([np.arange(100.0)], np.random.default_rng(1))
    assert exact.percentiles == pytest.approx({"p50": 49.5, "p75": 74.25, "p90": 89.1})
    assert list(percentiles([np.arange(99.0)], np.random.default_rng(1)).percentiles) == ["p50", "p75"]
    most = percentiles([np.arange(10_001.0)], np.random.default_rng(1)).percentiles
    assert list(most) == ["p50", "p75", "p90", "p95", "p99", "p99.9"]


def test_an_interval_leaves_out_as_many_values_below_as_above() -> None:
    assert interval(range(1001), 0.99) == pytest.approx((5, 995))
    assert interval(range(101), 0.9) == pytest.approx((5, 95))
