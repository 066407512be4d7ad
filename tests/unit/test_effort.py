"""How much the next launch measures, and when a run may end."""

import msgspec
import numpy as np
import pytest

from rollup_bench.harness.stats.abba import AGAIN
from rollup_bench.harness.stats.effort import Limits, Share, finished, intervals, shares, unknown
from rollup_bench.harness.stats.estimate import STOPS, Logs
from rollup_bench.harness.stats.noise import Measured

Q = ("q", "hot")
LIMITS = Limits(least=4, most=200, seconds=1000.0, fixed=100.0)
FAST = {Q: {"a": 0.001, "b": 0.001}}


def launches(
    count: int, between: float = 0.0, within: float = 0.0, apart: float = 0.0, rounds: int = 20
) -> list[dict[str, Logs]]:
    """Launches in which arm `b` takes e**`apart` times as long as `a`; launches and rounds have these deviations."""
    rng = np.random.default_rng(1)
    measured = []
    for _ in range(count):
        b = rng.normal(apart + rng.normal(0, between), within, rounds)
        measured.append({"a": np.zeros(rounds), "b": b, f"a{AGAIN}": rng.normal(0, within, rounds)})
    return measured


@pytest.mark.parametrize("count", range(1, 20))
def test_a_run_may_end_only_after_one_of_the_agreed_numbers_of_launches(count: int) -> None:
    assert finished({Q: launches(count, within=0.001)}, {}) == (count in STOPS)


def test_a_run_may_end_if_arms_are_told_apart_or_known_well_enough() -> None:
    noisy = {Q: launches(6, between=0.1, within=0.01)}
    assert not finished(noisy, {})
    assert unknown(noisy, 0.06) == {(Q, "a", "b")}
    assert finished({Q: launches(6, between=0.1, within=0.01, apart=2.0)}, {})


def test_a_run_goes_on_while_processor_times_are_not_known() -> None:
    rng = np.random.default_rng(2)
    wall = {Q: launches(6, within=0.001)}
    noisy = {Q: [{arm: rng.normal(0, 0.1, 1) for arm in ("a", "b")} for _ in range(6)]}
    exact = {Q: [{arm: rng.normal(0, 0.001, 1) for arm in ("a", "b")} for _ in range(6)]}
    assert not finished(wall, noisy)
    assert finished(wall, exact)


def test_nine_pairs_of_ten_suffice() -> None:
    good, bad = launches(6, within=0.001), launches(6, between=0.1, within=0.001)
    measured = {(str(number), "hot"): good for number in range(9)}
    assert finished(measured | {("bad", "hot"): bad}, {})
    assert not finished(measured | {("bad", "hot"): bad, ("also bad", "hot"): bad}, {})


def test_a_run_without_pairs_has_not_finished() -> None:
    assert not finished({}, {})
    assert not finished({Q: [{"a": np.zeros(9)} for _ in range(6)]}, {})


def test_rounds_are_added_where_rounds_vary() -> None:
    """With a variance of 0.25 within launches, more rounds are needed than with 0.09, but no more than `most`."""
    calm, noisy = (shares({Q: launches(6, within=within, rounds=500)}, FAST, LIMITS)[Q].rounds for within in (0.3, 0.5))
    assert LIMITS.least < calm < noisy < LIMITS.most


def test_launches_are_preferred_where_launches_vary_or_are_cheap() -> None:
    """Cheaper launches make more launches with fewer rounds worthwhile."""
    slow = {Q: dict.fromkeys(FAST[Q], 1.0)}
    measured = {Q: launches(2, within=0.1)}
    cheap, dear = (
        shares(measured, slow, Limits(least=4, most=200, seconds=1e6, fixed=fixed))[Q].rounds for fixed in (0.0, 1e5)
    )
    assert cheap < dear


def test_arms_that_are_told_apart_are_asked_less_often() -> None:
    """Arm `c` is far slower than `a` and `b`, which are alike."""
    measured = {Q: [logs | {"c": np.full(20, 5.0)} for logs in launches(6, within=0.3)]}
    share = shares(measured, {Q: FAST[Q] | {"c": 0.15}}, LIMITS)[Q]
    assert share.every["a"] == share.every["b"] == 1
    assert share.every["c"] == 64
    assert len(range(0, share.rounds, 64)) == LIMITS.least


def test_a_question_whose_rounds_hardly_vary_gets_the_fewest_rounds() -> None:
    assert shares({Q: launches(6, within=0.001)}, FAST, LIMITS)[Q] == Share(4, dict.fromkeys(FAST[Q], 1))


def test_pairs_that_cannot_be_known_get_the_most_rounds() -> None:
    assert shares({Q: launches(6, between=0.5, within=0.1)}, FAST, LIMITS)[Q].rounds == LIMITS.most
    assert shares({Q: launches(12, between=0.5, within=0.1)}, FAST, LIMITS)[Q].rounds == LIMITS.most


def test_rounds_take_no_longer_than_allowed_except_for_the_fewest() -> None:
    limits = Limits(least=4, most=200, seconds=30.0, fixed=100.0)
    slow = {Q: dict.fromkeys(FAST[Q], 0.5)}
    noisy: Measured = {Q: launches(6, within=0.3)}
    assert shares(noisy, slow, limits)[Q].rounds == 10
    assert shares(noisy, {Q: dict.fromkeys(FAST[Q], 50.0)}, limits)[Q].rounds == 4


def test_the_arms_that_need_the_most_seconds_get_fewer_rounds_if_time_is_short() -> None:
    """The fast arms `a` and `b` need few seconds and get them; `c` and `d` share what is left."""
    rng = np.random.default_rng(1)
    noisy = [{arm: rng.normal(0, 0.3, 500) for arm in "abcd"} for _ in range(6)]
    slow = {Q: {"a": 0.001, "b": 0.001, "c": 0.5, "d": 0.5}}
    plenty, short = (shares({Q: noisy}, slow, Limits(4, 200, seconds, 100.0))[Q] for seconds in (1e6, 40.0))
    assert short.rounds == plenty.rounds
    assert all(short.every[arm] == plenty.every[arm] <= 2 for arm in "ab")
    assert all(short.every[arm] > plenty.every[arm] for arm in "cd")


@pytest.mark.parametrize("count", [0, 1])
def test_the_first_launches_ask_all_arms_alike_if_there_is_time(count: int) -> None:
    assert shares({Q: launches(count)}, FAST, LIMITS) == {Q: Share(200, {"a": 1, "b": 1})}


def test_a_pair_of_which_one_arm_failed_needs_no_rounds() -> None:
    measured = {Q: launches(6, within=0.2), ("r", "hot"): launches(6, within=0.2)}
    assert shares(measured, {Q: {"b": 0.001}, ("r", "hot"): FAST[Q]}, LIMITS)[Q].rounds == LIMITS.least


@pytest.mark.parametrize("count", [2, 12])
def test_a_run_of_one_arm_has_as_many_rounds_in_each_launch(count: int) -> None:
    measured = {Q: [{"a": logs["a"]} for logs in launches(count)]}
    assert shares(measured, {Q: {"a": 0.001}}, LIMITS) == shares({}, {Q: {"a": 0.001}}, LIMITS)


def test_a_run_that_cannot_end_early_has_all_rounds_in_its_last_launch() -> None:
    exact = {Q: launches(2, within=0.001)}
    assert shares(exact, FAST, LIMITS)[Q].rounds == LIMITS.least
    assert shares(exact, FAST, msgspec.structs.replace(LIMITS, launches=3))[Q].rounds == LIMITS.most


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
