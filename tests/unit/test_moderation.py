"""How the variance of a ratio is estimated from all ratios of a run."""

import math

import numpy as np
import pytest

from rollup_bench.harness.stats.estimate import EARLY, Estimate, Logs, critical, estimate
from rollup_bench.harness.stats.moderation import FAMILY, LEAST, estimates


def ratios(deviations: Logs, launches: int, rounds: int = 1, within: float = 0.0) -> list[list[Logs]]:
    """Log-ratios that are 0 in truth, one for each deviation between launches; rounds deviate by `within`."""
    rng = np.random.default_rng(9)
    return [[rng.normal(rng.normal(0, each), within, rounds) for _ in range(launches)] for each in deviations]


def reach(one: Estimate) -> float:
    return one.error * critical(0.99, one.dof, one.early)


@pytest.mark.parametrize("launches", [LEAST, 10])
def test_variances_that_are_alike_in_truth_are_found_to_be_alike(launches: int) -> None:
    found = estimates(ratios(np.full(2000, 0.3), launches))
    errors = np.array([one.error for one in found])
    moderated = [one for one in found if one.dof > 100]
    assert len(moderated) > 1900
    assert np.median(errors) == pytest.approx(0.3 / math.sqrt(launches), rel=0.05)
    assert {one.early for one in found} == {launches == LEAST}


def test_the_variance_of_rounds_is_expected_where_rounds_are_few() -> None:
    """Half of the ratios have two rounds in a launch, and half 50; launches deviate by 0.1, rounds by 0.3."""
    few, many = ratios(np.full(300, 0.1), 10, 2, 0.3), ratios(np.full(300, 0.1), 10, 50, 0.3)
    found = [one for one in estimates([*few, *many]) if one.dof > 9]
    errors = sorted(one.error for one in found)
    assert len(found) > 550
    assert np.median(errors[:250]) == pytest.approx(math.sqrt((0.01 + 0.09 * 1.2 / 50) / 10), rel=0.15)
    assert np.median(errors[-250:]) == pytest.approx(math.sqrt((0.01 + 0.09 / 2) / 10), rel=0.15)


@pytest.mark.parametrize("launches", [LEAST, 10])
@pytest.mark.parametrize("spread", [0.0, 0.4])
def test_intervals_are_narrower_and_hold(launches: int, spread: float) -> None:
    """Of 3000 intervals, at most 1% should miss 0, and fewer at the first look, where a quarter of 1% is expected to.

    Variances deviate by a factor of e**0.8 or not at all.
    """
    deviations = np.exp(np.random.default_rng(4).normal(0, spread, 3000))
    alone = [estimate(each) for each in ratios(deviations, launches)]
    together = estimates(ratios(deviations, launches))
    assert np.median([reach(one) for one in together]) < 0.95 * np.median([reach(one) for one in alone])
    most = 1.5 * EARLY if launches == LEAST else 1.0
    assert sum(abs(one.centre) > reach(one) for one in together) <= most * 0.01 * 3000


def test_a_ratio_that_varies_far_more_is_estimated_by_itself() -> None:
    measured = ratios(np.array([*np.full(100, 0.1), 1.0]), 10)
    assert estimates(measured)[-1] == estimate(measured[-1])
    assert estimates(measured)[0] != estimate(measured[0])


@pytest.mark.parametrize(("count", "launches"), [(FAMILY - 1, LEAST), (FAMILY, LEAST - 1), (1, 1), (0, 0)])
def test_few_ratios_or_launches_are_estimated_one_by_one(count: int, launches: int) -> None:
    measured = ratios(np.full(count, 0.3), launches)
    assert estimates(measured) == [estimate(each) for each in measured]


def test_ratios_that_do_not_vary_are_estimated_by_themselves() -> None:
    constant = [[np.full(4, 0.5)] * LEAST] * FAMILY
    assert estimates(constant) == [estimate(each) for each in constant]
    assert estimates([*ratios(np.full(FAMILY, 0.3), LEAST), constant[0]])[-1] == estimate(constant[0])
