"""Estimates, their errors and degrees of freedom, in cases that a reader can compute."""

import math

import numpy as np
import pytest

from rollup_bench.harness.stats.estimate import (
    STOPS,
    Estimate,
    critical,
    difference,
    estimate,
    midmean,
    paired,
    variances,
)
from rollup_bench.harness.stats.percentiles import interval, median_interval, percentiles


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


def test_the_first_look_at_a_run_gets_a_quarter_of_the_error_and_the_last_look_the_rest() -> None:
    """Student's t for 10 degrees of freedom is 3.1693 at 99% and 4.5869 at 99.9%."""
    assert critical(1 - 0.01 / 0.25, 10, early=True) == pytest.approx(3.1693, rel=1e-3)
    assert critical(1 - 0.01 / 0.75, 10) == pytest.approx(3.1693, rel=1e-3)
    assert critical(1 - 0.001 / 0.75, 10) == pytest.approx(4.5869, rel=1e-3)
    one = Estimate(math.log(2), 0.1, 10.0)
    assert one.ratio == pytest.approx(2)
    bounds = pytest.approx((2 * math.exp(-0.31693), 2 * math.exp(0.31693)), rel=1e-4)
    assert one.interval(1 - 0.01 / 0.75) == bounds
    assert Estimate(math.log(2), 0.1, 10.0, early=True).interval(1 - 0.01 / 0.25) == bounds


@pytest.mark.parametrize("rounds", [1, 4])
@pytest.mark.parametrize("count", [1, 3, 5, STOPS[0], 7, STOPS[1], 12])
def test_an_estimate_knows_whether_it_has_no_more_launches_than_the_first_look(count: int, rounds: int) -> None:
    one = estimate([np.arange(float(rounds)) + launch for launch in range(count)])
    assert one.early == (count <= STOPS[0])
    late = Estimate(0.0, 0.1, 3.0)
    assert difference(one, late).early == difference(late, one).early == one.early


def test_an_interval_that_is_beyond_what_floats_hold_is_infinite() -> None:
    assert Estimate(800.0, 0.1, 10.0).interval() == (math.inf, math.inf)
    assert Estimate(0.0, math.inf, 1.0).interval() == (0.0, math.inf)


def test_p_is_that_of_student_divided_by_the_share_of_its_look() -> None:
    assert Estimate(0.31693, 0.1, 10.0).p == pytest.approx(0.01 / 0.75, rel=1e-3)
    assert Estimate(-0.31693, 0.1, 10.0).p == pytest.approx(0.01 / 0.75, rel=1e-3)
    assert Estimate(0.31693, 0.1, 10.0, early=True).p == pytest.approx(0.01 / 0.25, rel=1e-3)
    assert Estimate(0.01, 0.1, 10.0).p == 1.0
    assert (Estimate(0.1, 0.0, 10.0).p, Estimate(0.0, 0.0, 10.0).p) == (0.0, 1.0)


def test_a_ratio_is_known_within_a_width_that_its_interval_does_not_exceed() -> None:
    one = Estimate(5.0, 0.1, 10.0)
    half = 0.1 * critical(0.99, 10.0)
    assert one.within(math.expm1(half) * 1.001)
    assert not one.within(math.expm1(half) * 0.999)


def test_a_detectable_slowdown_exceeds_the_floor_by_both_quantiles() -> None:
    """Four of five values of a normal distribution lie below 0.8416; t is 3.1693 for 10 degrees of freedom."""
    one, beyond = Estimate(5.0, 0.1, 10.0), 0.08416 * math.sqrt(1 + 3.1693**2 / 20) / 0.975
    assert one.detectable(level=1 - 0.01 / 0.75) == pytest.approx(math.exp(0.31693 + beyond), rel=1e-3)
    assert one.detectable(0.5, 1 - 0.01 / 0.75) == pytest.approx(math.exp(0.5 + 0.31693 + beyond), rel=1e-3)
    exact = Estimate(5.0, 0.1, 1e9)
    assert exact.detectable() == pytest.approx(math.exp(0.1 * critical(0.99, 1e9) + 0.08416), rel=1e-3)


def test_launches_whose_rounds_are_equal_have_the_standard_error_of_their_mean() -> None:
    """The sample 1, 2, 6 has mean 3 and variance 7, so its mean has variance 7 / 3, with two degrees of freedom."""
    one = estimate([np.full(4, value) for value in (1.0, 2.0, 6.0)])
    assert (one.centre, one.error, one.dof) == pytest.approx((3.0, math.sqrt(7 / 3), 2.0))


def test_launches_of_a_single_value_are_a_sample_of_values() -> None:
    one = estimate([np.array([value]) for value in (1.0, 2.0, 6.0)])
    assert (one.centre, one.error, one.dof) == pytest.approx((3.0, math.sqrt(7 / 3), 2.0))
    mixed = estimate([np.array([0.0, 2.0]), np.array([2.0]), np.array([6.0])])
    assert (mixed.centre, mixed.error, mixed.dof) == pytest.approx((3.0, math.sqrt(7 / 3), 2.0))


def test_a_single_launch_has_the_error_of_its_midmean() -> None:
    """The mean of 0 and 2 has variance 2 / 2. Winsorised, 0, 0, 2, 9 are 0, 0, 2, 2, whose mean of two varies by 2."""
    one = estimate([np.array([0.0, 2.0])])
    assert (one.centre, one.error, one.dof) == pytest.approx((1.0, 1.0, 1.0))
    four = estimate([np.array([9.0, 0.0, 2.0, 0.0])])
    assert (four.centre, four.error, four.dof) == pytest.approx((1.0, math.sqrt(2), 1.0))


@pytest.mark.parametrize("size", [8, 20, 61])
def test_the_error_of_a_midmean_is_its_deviation_in_many_samples(size: int) -> None:
    rng = np.random.default_rng(3)
    samples = rng.normal(size=(4000, size))
    errors = [estimate([sample]).error ** 2 for sample in samples[:1000]]
    assert np.mean(errors) == pytest.approx(midmean(samples).var(), rel=0.12)


@pytest.mark.parametrize(("rounds", "dof"), [(2, 1), (3, 2), (4, 1), (8, 3), (10, 5)])
def test_the_degrees_of_freedom_of_rounds_are_those_of_the_middle_halves(rounds: int, dof: int) -> None:
    values = np.arange(float(rounds))
    assert estimate([values]).dof == pytest.approx(dof)
    assert estimate([values] * 3).dof == pytest.approx(3 * dof)


def test_both_variances_add_and_their_degrees_of_freedom_are_satterthwaites() -> None:
    """The centres 0, 1, 2 add a variance of 1 / 3 with two degrees of freedom, the rounds 1 / 3 with three."""
    one = estimate([np.array([-1.0, 1.0]), np.array([0.0, 2.0]), np.array([1.0, 3.0])])
    assert (one.centre, one.error) == pytest.approx((1.0, math.sqrt(2 / 3)))
    assert one.dof == pytest.approx((2 / 3) ** 2 / ((1 / 3) ** 2 / 2 + (1 / 3) ** 2 / 3))


@pytest.mark.parametrize("count", [2, 8, 9])
def test_two_launches_and_many_are_a_sample_of_launches(count: int) -> None:
    one = estimate([np.array([-1.0, 1.0]) + number for number in range(count)])
    error = math.sqrt(np.arange(float(count)).var(ddof=1) / count)
    assert (one.centre, one.error, one.dof) == pytest.approx(((count - 1) / 2, error, count - 1))
    seven = estimate([np.array([-1.0, 1.0]) + number for number in range(7)])
    assert seven.error == pytest.approx(math.sqrt(np.arange(7.0).var(ddof=1) / 7 + 1 / 7))


def test_a_single_value_leaves_the_error_unknown() -> None:
    one = estimate([np.array([1.0])])
    assert (one.error, one.dof) == (math.inf, 1.0)


def test_rounds_that_are_all_alike_have_no_error() -> None:
    one = estimate([np.full(4, 0.5), np.full(4, 0.5)])
    assert (one.centre, one.error, one.dof) == (0.5, 0.0, 1.0)


def test_variances_are_told_apart() -> None:
    """In many launches of ten rounds, centres vary by 0.04 and rounds by 0.09 (their midmeans by about 0.09 * 1.2)."""
    rng = np.random.default_rng(5)
    found = variances([rng.normal(rng.normal(0, 0.2), 0.3, 10) for _ in range(3000)])
    assert found.between == pytest.approx(0.04, rel=0.1)
    assert found.within == pytest.approx(0.09 * 1.2, rel=0.1)


def test_few_launches_or_rounds_leave_a_variance_unknown() -> None:
    assert variances([np.array([0.0, 2.0])]) == pytest.approx((math.inf, 2.0))
    assert variances([np.array([0.0]), np.array([2.0])]) == pytest.approx((2.0, 0.0))
    assert variances([np.array([0.0, 2.0]), np.array([0.0, 2.0])]) == pytest.approx((-1.0, 2.0))


def test_rounds_with_both_arms_are_paired() -> None:
    launches = [
        {"a": np.array([1.0, 2.0, 3.0]), "b": np.array([5.0, np.nan])},
        {"a": np.array([1.0, np.nan]), "b": np.array([np.nan, 2.0])},
        {"a": np.array([1.0])},
        {"a": np.array([1.0]), "b": np.array([3.0])},
    ]
    assert [found.tolist() for found in paired(launches, "a", "b")] == [[4.0], [2.0]]


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


def test_a_median_is_the_mean_of_the_launches_on_a_scale_of_logarithms() -> None:
    one = percentiles([np.full(3, 1.0), np.full(3, 4.0)])
    exact = estimate([np.zeros(3), np.full(3, math.log(4.0))])
    assert (one.samples, one.median, one.maximum) == pytest.approx((6, 2.0, 4.0))
    assert (one.low, one.high) == pytest.approx(exact.interval())
    assert one.detectable == pytest.approx(difference(exact, exact).detectable())
    assert percentiles([np.array([1.0])]).detectable is None


def test_a_percentile_is_given_if_ten_samples_lie_beyond_it() -> None:
    exact = percentiles([np.arange(1.0, 101.0)])
    assert exact.percentiles == pytest.approx({"p50": 50.5, "p75": 75.25, "p90": 90.1})
    assert list(percentiles([np.arange(1.0, 100.0)]).percentiles) == ["p50", "p75"]
    most = percentiles([np.arange(1.0, 10_002.0)]).percentiles
    assert list(most) == ["p50", "p75", "p90", "p95", "p99", "p99.9"]


def test_the_interval_of_a_median_is_that_of_the_sign_test() -> None:
    """Of 20 samples, 3 or fewer lie below the median in 0.13% of the cases, and 4 or fewer in 0.59%."""
    assert median_interval(np.arange(20.0)) == (3.0, 9.5, 16.0)
    assert median_interval(np.arange(20.0), 0.988) == (4.0, 9.5, 15.0)
    assert median_interval([-1.0, 3.0, 2.0]) == (-1.0, 2.0, 3.0)
    assert median_interval([5.0]) == (5.0, 5.0, 5.0)


def test_an_interval_leaves_out_as_many_values_below_as_above() -> None:
    assert interval(range(1001), 0.99) == pytest.approx((5, 995))
    assert interval(range(101), 0.9) == pytest.approx((5, 95))
