"""Which noise floor the differences of a question must exceed."""

import numpy as np
import pytest

from rollup_bench.harness.stats.abba import AGAIN
from rollup_bench.harness.stats.estimate import Logs, estimate
from rollup_bench.harness.stats.noise import controls, floors

A_AGAIN = f"a{AGAIN}"


def question(*second: list[float]) -> list[dict[str, Logs]]:
    """Launches in which the control's second name takes these logarithms longer than the arm itself."""
    return [{"a": np.zeros(len(each)), "b": np.ones(len(each)), A_AGAIN: np.array(each)} for each in second]


def test_a_control_is_the_ratio_of_its_second_name_to_the_arm() -> None:
    launches = question([0.1, 0.2], [0.3, 0.4], [0.1, 0.1])
    measured = {("q", "hot"): launches, ("without", "hot"): [{"a": np.zeros(2), "b": np.zeros(2)}]}
    assert controls(measured) == {("q", "hot"): estimate([launch[A_AGAIN] for launch in launches])}


def test_each_quiet_control_is_one_value_of_a_launch_in_the_floor_of_the_run() -> None:
    one, other = question([0.1, -0.1], [0.0, 0.1], [0.1, -0.2]), question([0.2], [-0.1], [0.1])
    without = [{"a": np.zeros(2), "b": np.zeros(2)}]
    found = floors({("q", "hot"): one, ("r", "hot"): other, ("without", "hot"): without})
    together = estimate([np.array(values) for values in ([0.0, 0.2], [0.05, -0.1], [-0.05, 0.1])])
    assert found == dict.fromkeys([("q", "hot"), ("r", "hot"), ("without", "hot")], together)


def test_a_question_of_many_rounds_counts_no_more_in_the_floor_than_one_of_few() -> None:
    """The fast question is exact and has 100 rounds; the slow one has 4, and its second name takes 4% longer."""
    rng = np.random.default_rng(3)
    fast = question(*(list(rng.normal(0, 0.01, 100)) for _ in range(10)))
    slow = question(*(list(rng.normal(0.04, 0.12, 4)) for _ in range(10)))
    low, high = floors({("fast", "hot"): fast, ("slow", "hot"): slow})["slow", "hot"].interval()
    assert low < np.exp(0.02) < high
    assert high > 1.03


def test_only_questions_with_the_most_common_number_of_launches_are_in_the_floor() -> None:
    one, other = question([0.1, -0.1], [0.0, 0.1], [0.1, -0.2]), question([0.2, -0.1], [0.1, -0.1], [-0.1, 0.1])
    fewer, more = one[1:], [*one, *other]
    measured = {("q", "hot"): one, ("r", "hot"): other}
    together = floors(measured)["q", "hot"]
    found = floors({**measured, ("fewer", "hot"): fewer, ("more", "hot"): more})
    assert found == dict.fromkeys(found, together)
    assert floors({("q", "hot"): one, ("fewer", "hot"): fewer})["fewer", "hot"] == controls(measured)["q", "hot"]


@pytest.mark.parametrize("loud", [question([0.5, 0.5], [0.5, 0.5], [0.5, 0.5001]), question([0.5])])
def test_a_control_that_differs_or_is_unknown_is_the_floor_of_its_own_question(loud: list[dict[str, Logs]]) -> None:
    quiet = question([0.1, -0.1], [0.0, 0.1], [0.1, -0.2])
    found = floors({("loud", "hot"): loud, ("quiet", "hot"): quiet})
    assert found["loud", "hot"] == estimate([launch[A_AGAIN] for launch in loud])
    assert found["quiet", "hot"] == estimate([launch[A_AGAIN] for launch in quiet])


def test_a_run_without_controls_has_no_floor() -> None:
    assert floors({("q", "hot"): [{"a": np.zeros(2), "b": np.zeros(2)}]}) == {}
    assert floors({}) == {}
