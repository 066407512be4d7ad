"""The order of rounds, warm-up, and how rounds end, on a clock of their own."""

from collections.abc import Callable
from itertools import count

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollup_bench.harness.records.lines import Rounds
from rollup_bench.harness.run.rounds import Ask, Effort, Progress, TimedQuestion, launch
from rollup_bench.harness.run.warm_up import shift, steady, warm_up
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


def _effort(**changes: float) -> Effort:
    return Effort(launches=1, least=int(changes.pop("least", 10)), most=int(changes.pop("most", 60)), **changes)


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


def test_a_twin_is_its_arm_under_a_second_name() -> None:
    assert with_control(("a", "b"), "b") == ("a", "b", "b" + AGAIN)
    assert [original(name) for name in with_control(("a", "b"), "b")] == ["a", "b", "b"]


def test_arms_of_a_pass_get_the_same_request_and_no_two_passes_do() -> None:
    machine = Machine()
    measured = _measure(machine, {"a": machine.arm("a", 5), "b": machine.arm("b", 7)}, _effort(width=0.5))[0]
    rounds = len(measured.times["a"])
    passes = [machine.asked[i : i + 3] for i in range(len(machine.asked) - 6 * rounds, len(machine.asked), 3)]
    assert all(len({request for _, request in one}) == 1 for one in passes)
    assert len({one[0][1] for one in passes}) == 2 * rounds
    assert all(
        [name for name, _ in one] == [name for name, _ in other][::-1]
        for one, other in zip(passes[::2], passes[1::2], strict=True)
    )


def test_rounds_are_added_until_the_interval_is_narrow() -> None:
    def rounds(noise: float, width: float) -> int:
        machine = Machine()
        arms = {"a": machine.arm("a", 5, noise), "b": machine.arm("b", 5, noise)}
        return len(_measure(machine, arms, _effort(width=width))[0].times["a"])

    assert rounds(noise=0.01, width=0.05) == 10
    assert 10 < rounds(noise=0.1, width=0.1) < 60
    assert rounds(noise=0.3, width=0.01) == 60


def test_stopping_does_not_look_at_the_difference() -> None:
    def rounds(slower: float) -> int:
        machine = Machine()
        arms = {"a": machine.arm("a", 5, 0.1), "b": machine.arm("b", 5 * slower, 0.1)}
        return len(_measure(machine, arms, _effort(width=0.1, warm=0.0))[0].times["a"])

    assert rounds(1.0) == rounds(3.0)


def test_every_question_has_its_say_in_each_round() -> None:
    machine, told = Machine(), list[Progress]()
    arms = {"a": machine.arm("a", 5)}
    cells = [TimedQuestion(f"q{i}", ("a",), "a", lambda i=i: i) for i in range(4)]  # type: ignore[misc]
    launch(0, cells, arms, _effort(width=0.5, warm=0.0), seed=2, say=told.append, clock=machine)
    requests = [request for _, request in machine.asked]
    assert all(sorted(requests[i : i + 16 : 4]) == [0, 1, 2, 3] for i in range(0, len(requests), 16))  # type: ignore[type-var]
    assert told[-1].share == pytest.approx(1.0)


def test_an_arm_that_fails_is_named_and_the_others_go_on() -> None:
    machine = Machine()
    good = machine.arm("b", 5)

    def bad(request: object) -> None:
        if machine.now > 2e9:
            raise ConnectionError("gone")
        good(request)

    measured = _measure(machine, {"a": bad, "b": good, "c": good}, _effort(width=0.001))[0]
    assert measured.failed.keys() == {"a"}
    assert measured.failed["a"].startswith("ConnectionError: gone (unit/test_rounds.py:")
    assert len(measured.times["b"]) == len(measured.times["c"]) == 60
    assert len(measured.times["a"]) == len(measured.times["a" + AGAIN]) < 60


def test_time_is_a_limit_too() -> None:
    machine = Machine()
    measured = _measure(machine, {"a": machine.arm("a", 1000)}, _effort(width=0.001, cell=22.0, warm=1.0))[0]
    assert len(measured.times["a"]) == 6  # four requests of a second a round, the one that passes 22 s is the last


@given(st.lists(st.floats(1, 2), min_size=20, max_size=20, unique=True), st.randoms(use_true_random=False))
def test_a_jump_is_a_shift_wherever_it_comes(values: list[float], random: object) -> None:
    jumped = [value + (10 if i >= 10 else 0) for i, value in enumerate(values)]
    assert not steady(jumped)
    assert shift(jumped) == pytest.approx(shift([-value for value in jumped]))


def test_steady_noise_is_steady_and_warming_up_is_not() -> None:
    rng = np.random.default_rng(5)
    assert sum(steady(list(rng.lognormal(0, 0.1, 20))) for _ in range(1000)) > 950
    assert not steady([10 * 0.8**i + 1 for i in range(20)])
    assert not steady([1.0] * 19)
    assert steady([1.0] * 20)


def test_warm_up_goes_on_while_times_fall_and_gives_up_at_its_cap() -> None:
    machine = Machine()
    compiled = iter([50 * 0.9**i + 5 for i in range(60)])

    def ask() -> bool:
        machine.arm("a", next(compiled, 5.0))(None)
        return True

    settled = warm_up(ask, 60.0, machine)
    assert settled.steady
    assert len(settled.windows) > 40
    machine = Machine()
    falling = count(1)
    never = warm_up(lambda: machine.arm("a", 1000 / next(falling))(None) is None, 3.0, machine)
    assert not never.steady
