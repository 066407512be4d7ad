"""Closed loop with one client: rounds over all questions and all arms, interleaved."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import msgspec
import numpy as np

from rollup_bench.engines.failures import reason
from rollup_bench.harness.records.lines import Cache, Cost, Rounds, WarmUp
from rollup_bench.harness.run.costs import Gauge, Meter, pressure, stall_seconds
from rollup_bench.harness.run.warm_up import warm_up
from rollup_bench.harness.stats.abba import abba, original, with_control
from rollup_bench.harness.stats.estimate import estimate, launch_width, logarithms

Ask = Callable[[Any], object]
Clock = Callable[[], int]
_WARMING = 0.3  # of a launch, about
_LOOK = 5  # rounds between two looks at the width


class TimedQuestion(msgspec.Struct, frozen=True):
    """A question to be timed: of these arms, `control` being the one entered twice; `draw` gives the next request."""

    question: str
    arms: tuple[str, ...]
    control: str
    draw: Callable[[], Any]
    cache: Cache = "hot"


class Effort(msgspec.Struct, frozen=True):
    """How long to measure: rounds are added up to `most` until every ratio is known to within `width` (0.05: 5%).

    The width is that of all launches together, if they do not differ.
    """

    launches: int
    least: int
    most: int
    width: float
    warm: float = 5.0  # seconds at most for each arm and question
    cell: float = 60.0  # seconds of rounds at most for each question
    cost: float = 0.5  # seconds in which each arm alone is asked, to see what a question costs


class Progress(msgspec.Struct, frozen=True):
    """What is being measured, how far this launch is (0 to 1), and how wide the widest interval still is."""

    doing: str
    share: float
    widest: float | None = None


Say = Callable[[Progress], None]


@dataclass
class _Measurement:
    """A cell while it is measured."""

    cell: TimedQuestion
    asks: Mapping[str, Ask]
    names: tuple[str, ...]
    clock: Clock
    times: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    warm: dict[str, WarmUp] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    spent: int = 0
    width: float | None = None

    @property
    def alive(self) -> list[str]:
        """The names that still answer; a second name goes with its arm."""
        return [name for name in self.names if original(name) not in self.failed]

    def ask(self, name: str, request: object) -> int:
        """Nanoseconds until the answer is there; an arm that does not answer is not asked again."""
        start = self.clock()
        try:
            self.asks[original(name)](request)
        except Exception as error:  # whatever a client raises is the arm's failure, and the others go on
            self.failed[original(name)] = reason(error)
        return self.clock() - start

    def warm_up(self, arm: str, seconds: float) -> None:
        """Asks one arm alone until its times no longer shift."""

        def once() -> bool:
            self.ask(arm, self.cell.draw())
            return arm not in self.failed

        self.warm[arm] = warm_up(once, seconds, self.clock)

    def round(self, rng: np.random.Generator) -> None:
        """Asks every arm twice: all of them the same request, then in abba order all of them the next."""
        start = self.clock()
        order = abba(self.alive, rng)
        half = len(order) // 2
        requests = [self.cell.draw(), self.cell.draw()]
        taken: dict[str, list[int]] = {name: [] for name in order}
        for position, name in enumerate(order):
            taken[name].append(self.ask(name, requests[position >= half]))
        for name in self.alive:
            self.times.setdefault(name, []).append((taken[name][0], taken[name][1]))
        self.spent += self.clock() - start

    def enough(self, effort: Effort, rng: np.random.Generator) -> bool:
        """Looks at widths alone, never at what the ratios are."""
        rounds = max((len(times) for times in self.times.values()), default=0)
        if rounds >= effort.most or self.spent > effort.cell * 1e9 or not self.alive:
            return True
        if rounds < effort.least or rounds % _LOOK:
            return False
        self.width = widest({name: self.times[name] for name in self.alive}, rng)
        return bool(self.width <= effort.width * launch_width(effort.launches))


def widest(times: Mapping[str, Sequence[tuple[int, int]]], rng: np.random.Generator) -> float:
    """The widest half interval of a ratio between any two arms in one launch, as a fraction; 0 for a single arm."""
    logs = {name: logarithms(pairs) for name, pairs in times.items()}
    found = (estimate([logs[one] - logs[other]], rng).interval() for one, other in combinations(logs, 2))
    return max(((high / low) ** 0.5 - 1 if low > 0 else math.inf for low, high in found), default=0.0)


def launch(
    number: int,
    cells: Sequence[TimedQuestion],
    asks: Mapping[str, Ask],
    effort: Effort,
    seed: int,
    say: Say = lambda _: None,
    clock: Clock = time.perf_counter_ns,
    cached: Mapping[str, Ask] | None = None,
) -> list[Rounds]:
    """Measures every cell in this launch of the engines; a round goes over all questions before the next begins.

    So whatever comes and goes on the machine meets all of them alike. Cells of answers from caches ask `cached`.
    """
    ways = {"cached": cached or {}}
    measured = [
        _Measurement(cell, ways.get(cell.cache, asks), with_control(cell.arms, cell.control), clock) for cell in cells
    ]
    _warm_up(measured, effort, say)
    rng, stalled_before, start = np.random.default_rng([seed, number]), stall_seconds(), time.perf_counter()
    _all_rounds(measured, effort, rng, say)
    waited = pressure(stalled_before, time.perf_counter() - start)
    return [
        Rounds(
            question=one.cell.question,
            cache=one.cell.cache,
            launch=number,
            control=(one.cell.control, one.names[-1]),
            times=one.times,
            warm=one.warm,
            failed=one.failed,
            pressure=waited,
        )
        for one in measured
    ]


def _warm_up(cells: Sequence[_Measurement], effort: Effort, say: Say) -> None:
    work = [(one, arm) for one in cells for arm in one.cell.arms]
    for number, (one, arm) in enumerate(work):
        say(Progress(f"warming up {one.cell.question} on {arm}", _WARMING * number / len(work)))
        one.warm_up(arm, effort.warm)


def _all_rounds(cells: Sequence[_Measurement], effort: Effort, rng: np.random.Generator, say: Say) -> None:
    looking, rounds, going = rng.spawn(1)[0], 0, list(cells)
    while going:
        for i in rng.permutation(len(going)):
            going[i].round(rng)
        rounds += 1
        going = [one for one in going if not one.enough(effort, looking)]
        wide = max((one.width for one in going if one.width is not None), default=None)
        done = 1 - sum(1 - rounds / effort.most for _ in going) / len(cells)
        share = _WARMING + (1 - _WARMING) * done
        say(Progress(f"round {rounds}, {len(going)} of {len(cells)} questions not yet narrow", share, wide))


def cost(cell: TimedQuestion, arm: str, ask: Ask, number: int, seconds: float, gauge: Gauge) -> Cost:
    """Asks one arm alone for so long (once at least) and reads what that took."""
    meter, end, questions = Meter(gauge), time.perf_counter() + seconds, 0
    while not questions or time.perf_counter() < end:
        ask(cell.draw())
        questions += 1
    return Cost(
        arm=arm, question=cell.question, cache=cell.cache, launch=number, questions=questions, spent=meter.read()
    )
