"""Simulated queues of known capacity: what the outcomes of open loops and the search say of them."""

import pytest

from experiments.sustained import CAPACITIES, Queue, found, outcomes, queues
from rollup_bench.harness.run.profiles import UnderLoad

LOAD = UnderLoad(questions=1)


@pytest.mark.parametrize("capacity", CAPACITIES)
def test_a_rate_of_a_quarter_above_the_capacity_is_not_called_sustained(capacity: float) -> None:
    for queue in queues(capacity):
        assert outcomes(queue, 1.25 * capacity, 15, LOAD)["sustained"] <= 1


@pytest.mark.parametrize(("capacity", "least"), [(1.6, 1), (170.0, 15)])
def test_half_of_the_capacity_is_called_sustained(capacity: float, least: int) -> None:
    for queue in queues(capacity):
        counts = outcomes(queue, 0.5 * capacity, 15, LOAD)
        assert counts["not sustained"] == 0
        assert counts["sustained"] >= least


def test_a_schedule_that_is_too_short_is_undecided() -> None:
    brief = UnderLoad(questions=1, requests=30, least=1.0, most=20.0)
    counts = outcomes(Queue(1.6, 1, "exponential", 0), 1.25 * 1.6, 30, brief)
    assert counts["sustained"] <= 1
    assert counts["undecided"] >= 15


def test_the_search_finds_the_highest_rate_within_the_objective_or_its_neighbour() -> None:
    """With exponential service times, the p95 is 3 / (170 - rate): 100 ms at 140, between the rates 125 and 160."""
    assert {found(Queue(170.0, 1, "exponential", 0), LOAD, seed) for seed in range(5)} <= {100.0, 125.0}
