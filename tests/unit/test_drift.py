"""Times alone, processor seconds, and cells that still drift, of runs whose figures are given."""

import math

import numpy as np
import pytest

from rollup_bench.harness.records.findings import (
    Cell,
    alone,
    differences,
    drifting,
    processor,
    processor_differences,
    processor_logs,
)
from rollup_bench.harness.records.lines import Cost, MixedQuestions, Spent
from rollup_bench.harness.stats.estimate import estimate
from tests.support.timed import rounds, run

A, B = Cell("q", "hot", "a"), Cell("q", "hot", "b")


def cost(arm: str, launch: int, client: float, engine: float | None, times: tuple[int, ...] = ()) -> Cost:
    """Ten requests that took these processor seconds in all."""
    spent = Spent(seconds=1.0, client=client, engine=engine)
    return Cost(arm=arm, question="q", cache="hot", launch=launch, questions=10, spent=spent, times=list(times))


def test_times_alone_are_a_launch_for_each_cost_line() -> None:
    lines = [cost("a", 1, 1.0, None, (4 * 10**9,) * 2), cost("a", 0, 1.0, None, (10**9,) * 2), cost("b", 0, 1.0, None)]
    found = alone(run(*lines))
    assert set(found) == {A}
    assert (found[A].samples, found[A].median, found[A].maximum) == pytest.approx((4, 2.0, 4.0))


def test_processor_seconds_are_those_of_one_request() -> None:
    lines = [cost("a", launch, client, 3 * client) for launch, client in enumerate((1.0, 2.0, 4.0))]
    found = processor(run(*lines, cost("b", 0, 1.0, None)))
    exact = estimate([np.array([value]) for value in np.log([0.1, 0.2, 0.4])])
    assert found[A].client == pytest.approx((0.2, *exact.interval()))
    assert found[A].engine == pytest.approx([3 * bound for bound in found[A].client])
    assert found[A].total == pytest.approx([4 * bound for bound in found[A].client])
    assert found[B].client.seconds == pytest.approx(0.1)
    assert found[B].engine is None
    assert (found[B].total.low, found[B].total.high) == (0.0, math.inf)


def test_processor_seconds_of_a_mix_are_those_of_one_of_its_requests() -> None:
    mix = MixedQuestions(question="q", counts={"one": 3, "other": 1})
    found = run(mix, *(cost("a", launch, 1.0, 3.0) for launch in range(3)))
    assert processor(found)[A].total.seconds == pytest.approx(0.1)
    assert processor_logs(found)[A][0] == pytest.approx(math.log(0.1))


def test_processor_seconds_are_compared_within_each_launch() -> None:
    """Both arms take longer from launch to launch, and `b` always takes about twice as long as `a`."""
    lines = []
    for launch in range(6):
        lines += [cost("a", launch, 2.0**launch, 0.0), cost("b", launch, 2.0**launch, (1 + launch / 100) * 2.0**launch)]
    lines.append(cost("c", 9, 1.0, 1.0))
    (found,) = processor_differences(run(*lines))
    assert found[:4] == ("q", "hot", "a", "b")
    assert found.claim.ratio == pytest.approx(0.5, rel=0.02)
    assert found.claim.outcome == "faster"


def falling(arm_falls: float) -> list[list[int]]:
    """The nanoseconds of 20 rounds in each of 4 launches, which fall by this share between the halves of a launch."""
    rng = np.random.default_rng(1)
    steps = np.repeat([1.0, 1.0 - arm_falls], 10)
    return [(1e6 * steps * np.exp(rng.normal(0, 0.01, 20))).astype(int).tolist() for _ in range(4)]


@pytest.mark.parametrize(("share", "drifts"), [(0.0, False), (0.03, False), (0.08, True), (-0.08, True)])
def test_a_cell_drifts_if_its_times_change_by_more_than_5_percent(share: float, drifts: bool) -> None:
    lines = [rounds("q", {"a": times, "b": [10**6] * 20}, number) for number, times in enumerate(falling(share))]
    assert drifting(run(*lines)) == ({A} if drifts else set())


def test_a_change_that_is_not_known_is_no_drift() -> None:
    lines = [rounds("q", {"a": [100, 100, 80, 80]}), rounds("q", {"a": [80, 80, 100, 90]}, launch=1)]
    assert drifting(run(*lines)) == set()
    assert drifting(run(rounds("q", {"a": [100]}))) == set()


def test_rounds_without_an_arm_do_not_count_for_its_drift() -> None:
    times: list[int | None] = [100, None, 100, None, 80, None, 80, None]
    lines = [rounds("q", {"a": times, "b": [100] * 8}, number) for number in range(3)]
    assert drifting(run(*lines)) == {A}


def test_a_drifting_cell_supports_no_claim() -> None:
    lines = [
        rounds("q", {"a": times, "b": [10**7] * 20, "c": [10**8] * 20}, number)
        for number, times in enumerate(falling(0.2))
    ]
    spent = [cost(arm, number, seconds, 0.0) for number in range(4) for arm, seconds in (("a", 1.0), ("b", 9.0))]
    found = {(one.arm, one.versus): one.claim.outcome for one in differences(run(*lines, *spent))}
    assert found == {("a", "b"): "drifts", ("a", "c"): "drifts", ("b", "c"): "faster"}
    assert [one.claim.outcome for one in processor_differences(run(*lines, *spent))] == ["drifts"]
