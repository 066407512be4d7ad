"""What a launch asks, says and records, on clocks that move by given steps."""

import math
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path

import pytest

from rollup_bench.harness.records.lines import Rounds, Spent
from rollup_bench.harness.run import costs, rounds
from rollup_bench.harness.run.costs import Gauge
from rollup_bench.harness.run.rounds import Ask, Effort, Progress, TimedQuestion, alone, launch
from rollup_bench.harness.stats.abba import AGAIN
from rollup_bench.harness.stats.estimate import logarithms
from tests.support.clocks import Clocks, stall

SECOND = 10**9


class Clock:
    """A clock that each request moves by the next of the times of its arm, which come around again."""

    def __init__(self, **seconds: Sequence[float]) -> None:
        self.now, self.order = 0, list[tuple[str, object]]()
        self.asks: dict[str, Ask] = {arm: self._arm(arm, given) for arm, given in seconds.items()}

    def __call__(self) -> int:
        return self.now

    def _arm(self, arm: str, seconds: Sequence[float]) -> Ask:
        numbers = count()

        def ask(request: object) -> None:
            self.order.append((arm, request))
            self.now += round(seconds[next(numbers) % len(seconds)] * SECOND)

        return ask

    def cell(self, question: str = "q", **changes: object) -> TimedQuestion:
        requests: Callable[[], int] = count().__next__
        return TimedQuestion(question, tuple(self.asks), next(iter(self.asks)), requests, **changes)  # type: ignore[arg-type]

    def launch(
        self, effort: Effort, *cells: TimedQuestion, number: int = 0, seed: int = 1, **named: object
    ) -> list[Rounds]:
        return launch(number, cells or [self.cell()], self.asks, effort, seed, clock=self, **named)  # type: ignore[arg-type]


def effort(least: int, most: int, **changes: float) -> Effort:
    return Effort(1, least, most, **({"warm": 0.0} | changes))


def counted(found: list[Rounds]) -> list[int]:
    return [len(one.times["a"]) for one in found]


def test_a_launch_has_as_many_rounds_as_fit_between_the_least_and_the_most() -> None:
    """A round has four requests of one second each: the arm, its second name, and both again."""
    assert counted(Clock(a=[1.0]).launch(effort(1, 9, rounds=600.0))) == [9]
    assert counted(Clock(a=[1.0]).launch(effort(1, 9, rounds=20.0))) == [5]
    assert counted(Clock(a=[1.0]).launch(effort(7, 9, rounds=20.0))) == [7]


def test_a_round_is_the_mean_of_the_logarithms_of_its_times() -> None:
    assert logarithms([(1, 100), (10, 10), (1, 1)]).tolist() == pytest.approx([math.log(10), math.log(10), 0.0])


def test_progress_is_said_after_each_pass_and_after_each_round() -> None:
    clock, told = Clock(a=[1.0], b=[1.0]), list[Progress]()
    clock.launch(effort(2, 2, warm=10.0), clock.cell("q"), clock.cell("r"), say=told.append)
    assert [one.doing for one in told] == [
        *("warm-up, pass 1, 0 of 2 arms steady", "warm-up, pass 2, 2 of 2 arms steady", "round 1 of 2"),
        "round 2 of 2",
    ]
    assert [one.share for one in told] == pytest.approx([0.2, 0.4, 0.65, 0.8])


def test_a_launch_keeps_what_was_asked_in_pairs_and_how_it_was_warmed_up() -> None:
    clock = Clock(a=[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0], b=[0.25])
    (found,) = clock.launch(effort(1, 1, warm=2.5), number=3)
    assert (found.question, found.cache, found.launch, found.control) == ("q", "hot", 3, ("a", "a" + AGAIN))
    assert (found.warm["a"].windows, found.warm["b"].windows) == ([SECOND, 2 * SECOND], [SECOND // 4] * 2)
    assert [request for _, request in clock.order] == [0, 0, 1, 1, 2, 2, 2, 3, 3, 3]
    assert found.times["b"] == [(SECOND // 4, SECOND // 4)]
    (first,), (second,) = found.times["a"], found.times["a" + AGAIN]
    assert sorted((first or ()) + (second or ())) == [each * SECOND for each in (3, 4, 5, 6)]
    assert found.failed == {}


def test_the_order_of_rounds_is_the_seeds_and_the_launchs_own() -> None:
    def order(seed: int, number: int) -> list[tuple[str, object]]:
        clock = Clock(a=[1.0], b=[1.0])
        clock.launch(effort(9, 20), clock.cell("q"), clock.cell("r"), seed=seed, number=number)
        return clock.order

    assert order(1, 2) == order(1, 2)
    assert order(1, 2) != order(2, 2)
    assert order(1, 2) != order(1, 3)
    assert order(1, 2) != order(2, 1)


def test_questions_take_turns_in_an_order_of_their_own() -> None:
    clock, first = Clock(a=[1.0]), set[object]()
    cells = [TimedQuestion(name, ("a",), "a", lambda name=name: name) for name in "qr"]  # type: ignore[misc]
    clock.launch(effort(9, 20), *cells)
    requests = [request for _, request in clock.order[2:]]  # without the pass of the warm-up
    for i in range(0, len(requests), 8):
        assert sorted(map(str, requests[i : i + 8])) == ["q"] * 4 + ["r"] * 4
        first.add(requests[i])
    assert first == {"q", "r"}


def test_answers_from_caches_are_asked_elsewhere() -> None:
    clock, other = Clock(a=[1.0]), Clock(a=[1.0])
    cells = [clock.cell("q"), clock.cell("r", cache="cached")]
    found = clock.launch(effort(1, 1), *cells, cached=other.asks)
    assert [one.cache for one in found] == ["hot", "cached"]
    assert (len(clock.order), len(other.order)) == (5, 5)


def test_an_arm_that_fails_at_once_is_named_and_leaves_no_times() -> None:
    def fails(_: object) -> None:
        raise ConnectionError("gone")

    clock = Clock(a=[1.0], b=[1.0])
    clock.asks["b"] = fails
    (found,) = clock.launch(effort(1, 2, warm=1.0))
    assert found.failed.keys() == {"b"}
    assert found.failed["b"].startswith("ConnectionError: gone (unit/test_launch.py:")
    assert set(found.times) == {"a", "a" + AGAIN}
    assert not found.warm["b"].steady


def test_rounds_end_where_no_arm_answers() -> None:
    def fails(_: object) -> None:
        raise ConnectionError("gone")

    clock = Clock(a=[1.0])
    clock.asks["a"] = fails
    assert clock.launch(effort(9, 60))[0].times == {}


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that stands for /proc/pressure."""
    monkeypatch.setattr(costs, "_PRESSURE", tmp_path)
    stall(tmp_path, cpu=0, io=0, memory=0)
    return tmp_path


def test_the_pressure_of_a_launch_is_that_of_its_rounds(kernel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "time", Clocks(iter([10.0, 14.0])))
    clock = Clock(a=[1.0])
    ask = clock.asks["a"]

    def waits(request: object) -> None:
        ask(request)
        waited = 250_000 * len(clock.order)
        stall(kernel, cpu=waited, io=waited, memory=waited)

    clock.asks["a"] = waits
    (found,) = clock.launch(effort(1, 1))
    assert found.pressure == {"cpu": 0.25, "io": 0.25, "memory": 0.25}


@pytest.mark.parametrize(("seconds", "questions"), [(0.0, 2), (2.0, 2), (2.5, 3)])
def test_an_arm_is_asked_alone_until_its_time_is_up_and_twice_at_least(
    seconds: float, questions: int, kernel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To draw a request takes 0.25 processor seconds, which are not counted."""
    drawing = [2.0 + 0.25 * number for number in range(1, 2 * questions + 1)]
    monkeypatch.setattr(costs, "time", Clocks(iter([10.0, 14.0]), iter([1.0, 2.5])))
    monkeypatch.setattr(rounds, "time", Clocks(iter(()), iter(drawing)))
    clock = Clock(b=[1.0])
    cell = TimedQuestion("q", ("a", "b"), "a", count(5).__next__, "lukewarm")
    engine = iter([2.0, 5.0])
    found = alone(cell, "b", clock.asks["b"], 3, seconds, Gauge(engine.__next__, lambda: 99), clock=clock)
    assert (found.arm, found.question, found.cache, found.launch) == ("b", "q", "lukewarm", 3)
    assert (found.questions, found.times) == (questions, [SECOND] * questions)
    assert found.spent == Spent(
        seconds=4.0,
        client=1.5 - 0.25 * questions,
        engine=3.0,
        resident=99,
        pressure={"cpu": 0.0, "io": 0.0, "memory": 0.0},
        others=0.0,
    )
    assert clock.order == [("b", 5 + number) for number in range(questions)]
