"""The simulation of runs, and what it says if figures are not as they should be."""

import math

import pytest

from experiments.coverage import COVERED, RUN, Counts, deviations, failures, simulated
from rollup_bench.harness.records.findings import Run


def test_simulated_intervals_hold_and_identical_arms_are_not_told_apart() -> None:
    questions = deviations(Run.read(RUN))
    first = dict(list({name: each.times(0.5) for name, each in questions.items()}.items())[:2])
    counts = simulated(first, "usual", runs=1)
    assert counts.tried["wall holds"] == 2 * 15
    assert counts.tried["median holds"] == 2 * 6
    assert list(failures(counts)) == []
    assert counts.share("wall told apart or known to 6%") > 0.8


def test_deviations_are_scaled_and_times_are_not() -> None:
    for one in deviations(Run.read(RUN)).values():
        twice = one.times(2.0)
        assert twice.arms == one.arms
        assert twice.round == {arm: pytest.approx(2 * value) for arm, value in one.round.items()}
        assert twice.common_launch == pytest.approx(2 * one.common_launch)
        assert all(math.isfinite(value) for value in (*one.launch.values(), *one.processor.values()))


def test_failures_name_what_is_not_as_it_should_be() -> None:
    counts = Counts()
    for number in range(100):
        counts.add("wall holds", number >= 3)
        counts.add("median holds", number >= 2)
        counts.add("wall false claims", number < 2)
        counts.add("CPU false claims", number < 1)
    assert list(failures(counts)) == [
        f"wall holds: 97.00%; at least {COVERED:.0%} wanted",
        "wall false claims: 2.00%; at most 1% wanted",
    ]
