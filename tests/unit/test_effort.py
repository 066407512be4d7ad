"""How many rounds a launch has, and how often each arm is asked."""

import pytest

from rollup_bench.harness.stats.effort import Limits, Share, intervals, shares


@pytest.mark.parametrize(
    ("seconds", "every"),
    [
        ({"a": 1.0}, {"a": 1}),
        ({"a": 1.0, "b": 4.0}, {"a": 1, "b": 1}),
        ({"a": 1.0, "b": 4.1}, {"a": 1, "b": 2}),
        ({"b": 16.0, "a": 1.0}, {"a": 1, "b": 4}),
        ({"a": 1.0, "b": 100.0}, {"a": 1, "b": 8}),
        ({"a": 0.1, "b": 1.0, "c": 9.0}, {"a": 1, "b": 1, "c": 4}),
        ({}, {}),
    ],
)
def test_a_slow_arm_takes_at_most_four_median_times(seconds: dict[str, float], every: dict[str, int]) -> None:
    assert intervals(seconds, 8) == every


def test_slow_arms_are_asked_less_often_only_if_time_is_short() -> None:
    seconds = {("q", "hot"): {"a": 0.5, "b": 15.5}}  # a round takes 48 seconds, as one arm has two names
    for budget, share in (
        (480.0, Share(10, {"a": 1, "b": 1})),
        (479.0, Share(10, {"a": 1, "b": 2})),
        (75.0, Share(10, {"a": 1, "b": 8})),
        (59.0, Share(8, {"a": 1, "b": 8})),
        (1.0, Share(3, {"a": 1, "b": 8})),
    ):
        assert shares({}, seconds, Limits(3, 10, budget)) == {("q", "hot"): share}


def test_the_rounds_of_all_questions_share_the_time() -> None:
    seconds = {("q", "hot"): {"a": 1.0}, ("r", "hot"): {"a": 2.0}, ("r", "cached"): {"a": 1.0}}
    assert {share.rounds for share in shares({}, seconds, Limits(1, 100, 160.0)).values()} == {10}


def test_a_question_that_no_arm_answers_takes_no_time() -> None:
    assert shares({}, {("q", "hot"): {}}, Limits(1, 5, 10.0)) == {("q", "hot"): Share(5, {})}
