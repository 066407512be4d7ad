"""What paired rounds say of a ratio, and when a difference is claimed."""

import math
from collections.abc import Callable

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.identical import ALLOWED, differing
from rollup_bench.harness.records.findings import Run
from rollup_bench.harness.records.lines import Pairs, Rounds, of_type
from rollup_bench.harness.stats import student
from rollup_bench.harness.stats.claims import discoveries
from rollup_bench.harness.stats.estimate import Estimate, Logs, estimate
from tests.support import ROOT

Noise = Callable[[np.random.Generator, tuple[int, ...]], Logs]


@pytest.mark.parametrize(
    ("probability", "dof", "expected"),
    [(0.975, 1, 12.7062), (0.995, 4, 4.6041), (0.995, 10, 3.1693), (0.975, 30, 2.0423), (0.995, 1e6, 2.5774)],
)
def test_student_matches_printed_tables(probability: float, dof: float, expected: float) -> None:
    assert student.quantile(probability, dof) == pytest.approx(expected, rel=1e-3)
    assert student.two_sided(expected, dof) == pytest.approx(2 * (1 - probability), rel=1e-2)


def _machine(rng: np.random.Generator, launches: int, rounds: int) -> Logs:
    """Log times of a machine that drifts, wanders and hiccups: one value a position in the round, 4 positions."""
    steps = rng.normal(0, 0.02, (launches, rounds * 4)).cumsum(axis=1)
    drift = np.linspace(0, rng.normal(0, 0.3), rounds * 4)
    hiccups = np.where(rng.random((launches, rounds * 4)) < 0.03, rng.exponential(1.0, (launches, rounds * 4)), 0)
    own = rng.normal(0, 0.05, (launches, rounds * 4))
    return np.asarray((steps + drift + hiccups + own).reshape(launches, rounds, 4))


def _pair(rng: np.random.Generator, launches: int, rounds: int, slower: float = 1.0) -> list[Logs]:
    """Log-ratios of two arms in abba rounds of such a machine, the second slower by a factor."""
    ratios = []
    for launch in _machine(rng, launches, rounds):
        first = rng.random(rounds) < 0.5
        outer, inner = launch[:, [0, 3]].mean(axis=1), launch[:, [1, 2]].mean(axis=1)
        ratios.append(np.where(first, inner - outer, outer - inner) + math.log(slower))
    return ratios


@pytest.mark.parametrize(("launches", "rounds"), [(2, 10), (5, 20)])
def test_identical_arms_differ_in_at_most_18_of_1000_comparisons(launches: int, rounds: int) -> None:
    rng = np.random.default_rng(20130101)
    found = [estimate(_pair(rng, launches, rounds)).p < 0.01 for _ in range(1000)]
    assert sum(found) <= 18


def test_launches_that_differ_do_not_pass_for_arms_that_differ() -> None:
    rng = np.random.default_rng(7)

    def comparison() -> Estimate:
        return estimate([r + rng.normal(0, 0.1) for r in _pair(rng, 5, 20)])

    assert sum(comparison().p < 0.01 for _ in range(500)) <= 13  # 5 expected, 13 in fewer than one of 1,000


def test_what_is_detectable_is_found_four_times_in_five() -> None:
    rng = np.random.default_rng(11)
    cells = [estimate(_pair(rng, 8, 40)) for _ in range(40)]
    slowdown = float(np.median([cell.detectable() for cell in cells]))
    again = [estimate(_pair(rng, 8, 40, slowdown)).p < 0.01 for _ in range(100)]
    assert sum(again) >= 70


@given(st.lists(st.floats(0, 1), max_size=30), st.floats(0.001, 0.5))
@settings(max_examples=100)
def test_false_discoveries_as_defined(ps: list[float], rate: float) -> None:
    held = discoveries(ps, rate)
    passing = [k for k in range(1, len(ps) + 1) if sorted(ps)[k - 1] <= rate * k / len(ps)]
    assert sum(held) >= max(passing, default=0)
    assert max((p for p, one in zip(ps, held, strict=True) if one), default=0) <= rate
    assert all(
        p >= max((q for q, one in zip(ps, held, strict=True) if one), default=0) or one
        for p, one in zip(ps, held, strict=True)
    )


def test_recorded_arms_that_are_identical_do_not_differ_and_slowed_ones_do() -> None:
    run = Run.read(ROOT / "tests" / "data" / "identical.jsonl")
    assert differing(run) <= ALLOWED
    slowed = [
        msgspec.structs.replace(one, times={arm: _slower(times, arm in "ace") for arm, times in one.times.items()})
        for one in of_type(run.lines, Rounds)
    ]
    assert differing(Run(run.header, slowed)) > 450  # of about 570 comparisons of a slowed arm with another


def _slower(times: Pairs, slowed: bool) -> Pairs:
    return [pair and (int(pair[0] * 1.4), int(pair[1] * 1.4)) for pair in times] if slowed else times
