"""From rounds to claims, through a run's file: what was put in is found, within a run and between two."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from rollup_bench.harness.records.compare import compare
from rollup_bench.harness.records.findings import Run, differences, floors, noise_floor
from rollup_bench.harness.records.lines import Header
from rollup_bench.harness.records.run_log import RunLog
from rollup_bench.harness.run.rounds import Ask, Effort, TimedQuestion, launch

QUESTIONS = tuple(f"q{i:02d}" for i in range(12))
SLOWED = {("q01", "b"): 1.1, ("q05", "b"): 1.1, ("q08", "b"): 1.1}
EFFORT = Effort(launches=8, least=30, most=30, warm=0.0)
Factors = Mapping[tuple[str, str], float]


class Machine:
    """A clock moved by being asked, of a machine whose speed wanders, drifts and differs from launch to launch."""

    def __init__(self, seed: int) -> None:
        self.now, self.rng = 0, np.random.default_rng(seed)
        self.speed, self.drift = float(self.rng.normal(0, 0.1)), float(self.rng.normal(0, 1e-5))

    def __call__(self) -> int:
        return self.now

    def arm(self, milliseconds: float, name: str, factors: Factors) -> Ask:
        own = {question: float(self.rng.normal(0, 0.01)) for question in QUESTIONS}

        def ask(question: str) -> None:
            self.speed += self.drift + float(self.rng.normal(0, 0.003))
            noise = float(self.rng.normal(0, 0.03)) + (
                float(self.rng.exponential(1)) if self.rng.random() < 0.02 else 0
            )
            log = self.speed + own[question] + noise
            self.now += int(1e6 * milliseconds * factors.get((question, name), 1.0) * np.exp(log))

        return ask


def _draw(question: str) -> Callable[[], str]:
    return lambda: question


def _run(path: Path, seed: int, factors: Factors) -> Run:
    header = Header(
        dataset="d", rows=1, seed=seed, profile="standard", machine={}, versions={}, budget={}, scope=["synthetic"]
    )
    log, machine = RunLog(path, header), Machine(seed)
    cells = [TimedQuestion(question, ("a", "b"), "a", _draw(question)) for question in QUESTIONS]
    for number in range(EFFORT.launches):
        machine.speed += float(machine.rng.normal(0, 0.05))
        asks = {name: machine.arm(10, name, factors) for name in ("a", "b")}
        for line in launch(number, cells, asks, EFFORT, seed, clock=machine):
            log.add(line)
    return Run.read(path)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Run, Run]:
    folder = tmp_path_factory.mktemp("runs")
    same, again = _run(folder / "same.jsonl", 1, {}), _run(folder / "again.jsonl", 2, {})
    return same, again, _run(folder / "slowed.jsonl", 3, SLOWED)


def test_three_slowdowns_are_found_within_a_run(runs: tuple[Run, Run, Run]) -> None:
    found = {(one.question, one.arm): one.claim for one in differences(runs[2])}
    assert {question for (question, _), claim in found.items() if claim.outcome != "no difference seen"} == {
        question for question, _ in SLOWED
    }
    assert all(found[question, "a"].ratio == pytest.approx(1 / 1.1, rel=0.04) for question, _ in SLOWED)
    assert all(claim.detectable is not None and claim.detectable < 1.1 for claim in found.values())
    assert all(one.claim.outcome == "no difference seen" for one in differences(runs[0]))


def test_the_same_three_are_found_between_two_runs(runs: tuple[Run, Run, Run]) -> None:
    result = compare(runs[0], runs[2])
    slower = {
        (one.cell.question, one.cell.arm) for one in result.changes if one.claim and one.claim.outcome == "slower"
    }
    assert slower == SLOWED.keys()
    assert not [one for one in result.changes if one.claim and one.claim.outcome == "faster"]
    back = compare(runs[2], runs[0])
    assert {one.cell[::2] for one in back.changes if one.claim and one.claim.outcome == "faster"} == SLOWED.keys()
    assert back.common == pytest.approx(1 / result.common)


def test_two_runs_of_the_same_differ_in_nothing_but_the_machine(runs: tuple[Run, Run, Run]) -> None:
    result = compare(runs[0], runs[1])
    assert all(one.claim and one.claim.outcome == "no difference seen" for one in result.changes)
    assert abs(result.common - 1) > 0.01
    assert all(one.claim and one.claim.ratio == 1 for one in compare(runs[0], runs[0]).changes)


def test_a_run_publishes_its_own_noise(runs: tuple[Run, Run, Run]) -> None:
    floor = noise_floor(runs[0])
    assert floor is not None
    assert floor.pairs == len(QUESTIONS) == len(floors(runs[0]))
    assert floor.low < 1 < floor.high
    assert 0 < floor.median_half_width < 0.1
    assert floor.differing == 0
    assert noise_floor(Run(runs[0].header, [])) is None
