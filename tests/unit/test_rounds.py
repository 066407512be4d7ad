"""The order of rounds, warm-up, and how rounds end, on a clock of their own."""

from collections.abc import Callable
from itertools import count

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollup_bench.harness.records.lines import Rounds
from rollup_bench.harness.run.rounds import Ask, Effort, TimedQuestion, launch
from rollup_bench.harness.run.warm_up import shift, steady
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


def test_the_a_a_control_is_its_arm_under_a_second_name() -> None:
    assert with_control(("a", "b"), "b") == ("a", "b", "b" + AGAIN)
    assert [original(name) for name in with_control(("a", "b"), "b")] == ["a", "b", "b"]


def test_all_arms_of_a_pass_get_the_same_request_and_each_pass_another_one() -> None:
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


def test_stopping_does_not_look_at_the_difference() -> None:
    def rounds(slower: float) -> int:
        machine = Machine()
        arms = {"a": machine.arm("a", 5, 0.1), "b": machine.arm("b", 5 * slower, 0.1)}
        return len(_measure(machine, arms, _effort(width=0.1, warm=0.0))[0].times["a"])

    assert rounds(1.0) == rounds(3.0)


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
