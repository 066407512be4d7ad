"""The order of warm-ups and rounds, on a clock that moves only while an arm is asked."""

from collections.abc import Callable
from itertools import count

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from rollup_bench.harness.records.lines import Rounds
from rollup_bench.harness.run.rounds import Ask, Effort, TimedQuestion, launch
from rollup_bench.harness.stats.abba import AGAIN, abba, original, with_control

names = st.lists(st.text(min_size=1), min_size=1, max_size=8, unique=True)


class Machine:
    """A clock that only moves while something is asked."""

    def __init__(self, seed: int = 1) -> None:
        self.now = 0
        self.rng = np.random.default_rng(seed)
        self.asked: list[tuple[str, object]] = []

    def __call__(self) -> int:
        return self.now

    def arm(self, name: str, milliseconds: float, noise: float = 0.02) -> Ask:
        def ask(request: object) -> None:
            self.asked.append((name, request))
            self.now += int(1e6 * milliseconds * self.rng.lognormal(0, noise))

        return ask


def _draw() -> Callable[[], int]:
    numbers = count()
    return lambda: next(numbers)


def _effort(rounds: int, warm: float = 0.0) -> Effort:
    return Effort(launches=1, least=rounds, most=rounds, warm=warm)


def _measure(machine: Machine, arms: dict[str, Ask], effort: Effort, questions: int = 1) -> list[Rounds]:
    cells = [TimedQuestion(f"q{i}", tuple(arms), next(iter(arms)), _draw()) for i in range(questions)]
    return launch(0, cells, arms, effort, seed=1, clock=machine)


@given(names, st.integers(0, 1000))
def test_a_round_is_an_order_and_its_mirror(arms: list[str], seed: int) -> None:
    order = abba(arms, np.random.default_rng(seed))
    assert order == order[::-1]
    assert sorted(order) == sorted(arms * 2)
    assert order == abba(arms, np.random.default_rng(seed))


@given(names)
def test_every_order_comes_up(arms: list[str]) -> None:
    rng = np.random.default_rng(1)
    firsts = {abba(arms, rng)[0] for _ in range(40 * len(arms))}
    assert firsts == set(arms)


def test_the_a_a_control_is_its_arm_under_a_second_name() -> None:
    assert with_control(("a", "b"), "b") == ("a", "b", "b" + AGAIN)
    assert [original(name) for name in with_control(("a", "b"), "b")] == ["a", "b", "b"]


def test_all_arms_of_a_pass_get_the_same_request_and_each_pass_another_one() -> None:
    machine = Machine()
    measured = _measure(machine, {"a": machine.arm("a", 5), "b": machine.arm("b", 7)}, _effort(10))[0]
    rounds = len(measured.times["a"])
    passes = [machine.asked[i : i + 3] for i in range(len(machine.asked) - 6 * rounds, len(machine.asked), 3)]
    assert all(len({request for _, request in one}) == 1 for one in passes)
    assert len({one[0][1] for one in passes}) == 2 * rounds
    assert all(
        [name for name, _ in one] == [name for name, _ in other][::-1]
        for one, other in zip(passes[::2], passes[1::2], strict=True)
    )


def test_in_a_pass_of_the_warm_up_all_arms_get_the_same_request_once() -> None:
    machine = Machine()
    arms = {"a": machine.arm("a", 100), "b": machine.arm("b", 100)}
    (line,) = _measure(machine, arms, _effort(0, warm=1.0))
    passes = [machine.asked[i : i + 2] for i in range(0, len(machine.asked), 2)]
    assert len(passes) in (5, 6)
    assert [{request for _, request in one} for one in passes] == [{number} for number in range(len(passes))]
    assert {tuple(name for name, _ in one) for one in passes} == {("a", "b"), ("b", "a")}
    assert [len(line.warm[arm].windows) for arm in "ab"] == [len(passes)] * 2


def test_a_warm_up_ends_when_no_arm_gets_faster_any_more() -> None:
    def passes(milliseconds: Callable[[int], float], warm: float = 1000.0) -> tuple[int, bool]:
        machine, numbers = Machine(), count()

        def falling(request: object) -> None:
            machine.now += int(1e6 * milliseconds(next(numbers)))

        (line,) = _measure(machine, {"a": falling, "b": machine.arm("b", 5, noise=0.0)}, _effort(0, warm))
        return len(line.warm["b"].windows), line.warm["a"].steady

    assert passes(lambda _: 5.0) == (20, True)
    still_falling, is_steady = passes(lambda number: 5.0 * 0.99**number if number < 90 else 2.0)
    assert 90 < still_falling < 200
    assert is_steady
    assert passes(lambda number: 5.0 * 0.99**number, warm=0.5)[1] is False


def test_a_slow_arm_is_asked_in_fewer_passes_and_rounds_together_with_all_others() -> None:
    machine = Machine()
    arms = {"a": machine.arm("a", 1, 0.0), "b": machine.arm("b", 100, 0.0)}
    cell = TimedQuestion("q", ("a", "b"), "b", _draw())
    effort = Effort(launches=1, least=1, most=100, warm=1.0, rounds=2.0)
    (line,) = launch(0, [cell], arms, effort, seed=1, clock=machine)
    assert len(line.warm["b"].windows) == -(-len(line.warm["a"].windows) // 32)
    assert {len(pairs) for pairs in line.times.values()} == {len(line.times["a"])}
    for name in ("b", "b" + AGAIN):
        assert [number for number, pair in enumerate(line.times[name]) if pair] == list(
            range(0, len(line.times["a"]), 8)
        )
    assert None not in line.times["a"]


def test_an_arm_that_fails_is_named_and_the_others_go_on() -> None:
    machine = Machine()
    good = machine.arm("b", 5)

    def bad(request: object) -> None:
        if machine.now > 2e9:
            raise ConnectionError("gone")
        good(request)

    measured = _measure(machine, {"a": bad, "b": good, "c": good}, _effort(60))[0]
    assert measured.failed.keys() == {"a"}
    assert measured.failed["a"].startswith("ConnectionError: gone (unit/test_rounds.py:")
    assert len(measured.times["b"]) == len(measured.times["c"]) == 60
    assert len(measured.times["a"]) == len(measured.times["a" + AGAIN]) < 60
