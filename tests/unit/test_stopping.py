"""When rounds stop, what is said meanwhile, and what a launch keeps, on clocks whose every step is given."""

import math
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from rollup_bench.harness.records.lines import Rounds, Spent
from rollup_bench.harness.run import costs, rounds
from rollup_bench.harness.run.costs import Gauge
from rollup_bench.harness.run.rounds import Ask, Effort, Progress, TimedQuestion, cost, launch, widest
from rollup_bench.harness.stats.abba import AGAIN
from rollup_bench.harness.stats.estimate import Estimate, estimate, launch_width, logarithms
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


def effort(least: int, most: int, width: float = 0.0, launches: int = 1, **changes: float) -> Effort:
    return Effort(launches, least, most, width, **({"warm": 0.0} | changes))


def counted(found: list[Rounds]) -> list[int]:
    return [len(one.times["a"]) for one in found]


def test_rounds_end_at_the_most() -> None:
    assert counted(Clock(a=[1.0]).launch(effort(9, 7))) == [7]


def test_arms_that_never_vary_are_narrow_at_the_first_look_after_the_least() -> None:
    """The width is computed every five rounds, and is 0 where nothing varies."""
    assert counted(Clock(a=[1.0]).launch(effort(1, 60))) == [5]
    assert counted(Clock(a=[1.0]).launch(effort(5, 60))) == [5]
    assert counted(Clock(a=[1.0]).launch(effort(6, 60))) == [10]


def test_rounds_end_once_their_time_is_over_and_not_when_it_is_just_up() -> None:
    """A round has four requests of one second each: the arm, its second name, and both again."""
    assert counted(Clock(a=[1.0]).launch(effort(60, 60, cell=11.0))) == [3]
    assert counted(Clock(a=[1.0]).launch(effort(60, 60, cell=12.0))) == [4]
    assert counted(Clock(a=[1.000000005, *[1.0] * 99]).launch(effort(60, 60, cell=12.0))) == [3]
    assert counted(Clock(a=[1.0]).launch(effort(20, 20))) == [16]  # 60 seconds, unless said otherwise


def test_the_width_that_is_asked_for_is_that_of_all_launches_together() -> None:
    """The width after ten rounds is a little over what one launch needs, and less than what each of two may have."""
    seconds = [1.0, 1.1, 0.9, 1.05, 1.2, 0.97, 1.01, 1.3]
    reached = _widths(seconds)
    assert counted(Clock(a=seconds).launch(effort(1, 15, width=reached[10] * 1.001))) == [10]
    assert counted(Clock(a=seconds).launch(effort(1, 15, width=reached[10] * 0.999))) == [15]
    for launches in (2, 5):
        share = launch_width(launches)
        assert counted(Clock(a=seconds).launch(effort(1, 15, reached[10] / share * 1.001, launches))) == [10]
        assert counted(Clock(a=seconds).launch(effort(1, 15, reached[10] / share * 0.999, launches))) == [15]


def _widths(seconds: Sequence[float]) -> dict[int, float]:
    """The width that is reported after each round, by the number of the round."""
    told: list[Progress] = []
    Clock(a=seconds).launch(effort(1, 15), say=told.append)
    widths = {number: one.widest for number, one in enumerate(told) if one.widest is not None}
    assert [widths[number] for number in (5, 6, 9, 10)] == [widths[5]] * 3 + [widths[10]]
    assert widths[5] > widths[10] > 0
    return widths


def test_the_widest_ratio_of_any_two_arms_counts() -> None:
    times = {arm: [(each, each) for each in given] for arm, given in VARYING.items()}
    rng = np.random.default_rng(3)
    pairs = [("a", "b"), ("a", "c"), ("b", "c")]
    wide = [_half(estimate([logarithms(times[one]) - logarithms(times[other])], rng)) for one, other in pairs]
    assert widest(times, np.random.default_rng(3)) == pytest.approx(max(wide))
    assert len(set(wide)) == 3


VARYING = {"a": (100, 100, 100, 101), "b": (100, 104, 99, 100), "c": (120, 90, 140, 100)}


def _half(one: Estimate) -> float:
    low, high = one.interval()
    return math.sqrt(high / low) - 1


def test_a_single_arm_has_no_width_and_a_single_round_an_infinite_one() -> None:
    rng = np.random.default_rng(1)
    assert widest({"a": [(1, 2), (3, 4)]}, rng) == 0.0
    assert widest({}, rng) == 0.0
    assert widest({"a": [(1, 2)], "b": [(3, 4)]}, rng) == math.inf


def test_a_round_is_the_mean_of_the_logarithms_of_its_times() -> None:
    assert logarithms([(1, 100), (10, 10), (1, 1)]).tolist() == pytest.approx([math.log(10), math.log(10), 0.0])


def test_progress_is_said_before_each_warm_up_and_after_each_round() -> None:
    clock, told = Clock(a=[1.0], b=[1.0]), list[Progress]()
    clock.launch(effort(9, 2), clock.cell("q"), clock.cell("r"), say=told.append)
    assert [one.doing for one in told] == [
        *("warming up q on a", "warming up q on b", "warming up r on a", "warming up r on b"),
        *("round 1, 2 of 2 questions still measured", "round 2, 0 of 2 questions still measured"),
    ]
    assert [one.share for one in told] == pytest.approx([0, 0.075, 0.15, 0.225, 0.65, 1.0])
    assert {one.widest for one in told} == {None}


def test_progress_counts_the_questions_that_still_go_on() -> None:
    """`r` has two arms, so a round takes twice as long. It ends after one; then half of the questions are done."""
    clock, told = Clock(a=[1.0]), list[Progress]()
    cells = [clock.cell("q"), TimedQuestion("r", ("a", "b"), "a", count().__next__)]
    asks = {"a": clock.asks["a"], "b": clock.asks["a"]}
    launch(0, cells, asks, effort(9, 4, cell=5.0), 1, told.append, clock)
    assert [one.doing for one in told[3:]] == [
        "round 1, 1 of 2 questions still measured",
        "round 2, 0 of 2 questions still measured",
    ]
    assert [one.share for one in told[3:]] == pytest.approx([0.3 + 0.7 * (1 - 3 / 4 / 2), 1.0])


def test_a_launch_keeps_what_was_asked_in_pairs_and_how_it_was_warmed_up() -> None:
    clock = Clock(a=[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0], b=[0.25])
    (found,) = clock.launch(effort(1, 1, warm=2.5), number=3)
    assert (found.question, found.cache, found.launch, found.control) == ("q", "hot", 3, ("a", "a" + AGAIN))
    assert (found.warm["a"].windows, found.warm["b"].windows) == ([SECOND, 2 * SECOND], [SECOND // 4] * 10)
    assert [request for _, request in clock.order[:12]] == list(range(12))
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
    requests = [request for _, request in clock.order]
    for i in range(0, len(requests), 8):
        assert sorted(map(str, requests[i : i + 8])) == ["q"] * 4 + ["r"] * 4
        first.add(requests[i])
    assert first == {"q", "r"}


def test_answers_from_caches_are_asked_elsewhere() -> None:
    clock, other = Clock(a=[1.0]), Clock(a=[1.0])
    cells = [clock.cell("q"), clock.cell("r", cache="cached")]
    found = clock.launch(effort(1, 1), *cells, cached=other.asks)
    assert [one.cache for one in found] == ["hot", "cached"]
    assert (len(clock.order), len(other.order)) == (4, 4)


def test_an_arm_that_fails_at_once_is_named_and_leaves_no_times() -> None:
    def fails(_: object) -> None:
        raise ConnectionError("gone")

    clock = Clock(a=[1.0], b=[1.0])
    clock.asks["b"] = fails
    (found,) = clock.launch(effort(1, 2, warm=1.0))
    assert found.failed.keys() == {"b"}
    assert found.failed["b"].startswith("ConnectionError: gone (unit/test_stopping.py:")
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
        stall(kernel, cpu=1_000_000, io=1_000_000, memory=1_000_000)

    clock.asks["a"] = waits
    (found,) = clock.launch(effort(1, 1))
    assert found.pressure == {"cpu": 0.25, "io": 0.25, "memory": 0.25}


@pytest.mark.parametrize(("seconds", "questions", "spent"), [(0.0, 1, 3.0), (2.0, 2, 4.0), (2.5, 3, 5.0)])
def test_a_cost_is_of_as_many_questions_as_fit_and_of_one_at_least(
    seconds: float, questions: int, spent: float, kernel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock moves by one second when it is read: the meter begins at 0, the measured time at 1."""
    ticks = Clocks(iter(map(float, range(100))))
    monkeypatch.setattr(costs, "time", ticks)
    monkeypatch.setattr(rounds, "time", ticks)
    asked: list[object] = []
    cell = TimedQuestion("q", ("a", "b"), "a", count(5).__next__, "lukewarm")
    found = cost(cell, "b", asked.append, 3, seconds, Gauge(lambda: 2.0, lambda: 99))
    assert (found.arm, found.question, found.cache, found.launch) == ("b", "q", "lukewarm", 3)
    assert found.questions == questions
    assert found.spent == Spent(
        seconds=spent, client=0.0, engine=0.0, resident=99, pressure={"cpu": 0.0, "io": 0.0, "memory": 0.0}
    )
    assert asked == list(range(5, 5 + questions))
