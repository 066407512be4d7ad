"""Whether an arm's requests still get faster, on numbers that can be worked out by hand."""

import math

import numpy as np
import pytest

from rollup_bench.harness.run.warm_up import fall, steady


def test_the_last_quarter_is_compared_with_the_quarter_before() -> None:
    fell, error = fall([[9, 9, 9, 9, 200, 200, 100, 100]])
    assert fell == pytest.approx(math.log(2))
    assert error == pytest.approx(0)


def test_the_error_is_that_of_the_difference_of_two_means() -> None:
    """Each half has two logarithms with a variance of log(2)^2 / 4, and two requests leave one degree of freedom."""
    fell, error = fall([[7, 7, 7, 7, 100, 200, 100, 200]])
    assert fell == pytest.approx(0)
    assert error == pytest.approx(math.sqrt(2 * math.log(2) ** 2 / 4))


def test_questions_count_with_all_their_requests_and_not_with_their_times() -> None:
    slow, fast = [4000, 2000], [1, 1]
    fell, error = fall([slow, fast])
    assert fell == pytest.approx(math.log(2) / 2)
    assert error == pytest.approx(math.sqrt(2 * (math.log(2) / 4) ** 2))


@pytest.mark.parametrize("questions", [[], [[5]], [[5, 4]], [[5], [4], []]])
def test_too_few_requests_leave_the_error_unknown(questions: list[list[int]]) -> None:
    assert fall(questions) == (0.0, math.inf)
    assert not steady(questions)


def test_times_that_fall_are_not_steady_and_times_that_rise_are() -> None:
    falling = [round(1e9 * 0.98**i) for i in range(40)]
    assert not steady([falling])
    assert steady([falling[::-1]])
    assert steady([[100] * 8])


def test_a_fall_of_two_percent_counts_as_none() -> None:
    assert steady([[1, 1, 1, 1, 10_000, 10_000, 9_810, 9_810]])
    assert not steady([[1, 1, 1, 1, 10_000, 10_000, 9_790, 9_790]])


def test_a_fall_within_its_standard_error_counts_as_none() -> None:
    rng = np.random.default_rng(5)
    even = [[round(each) for each in rng.lognormal(15, 0.3, 40)] for _ in range(300)]
    found = sum(steady([times]) for times in even) / 300
    assert 0.75 < found < 0.95  # one side of one standard error is 84%
    halved = [[*times[:30], *(each // 2 for each in times[30:])] for times in even]
    assert sum(steady([times]) for times in halved) < 15
