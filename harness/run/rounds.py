"""Times a launch: one client asks all arms all questions in rounds."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import msgspec
import numpy as np

from rollup_bench.engines.failures import reason
from rollup_bench.harness.records.lines import Cache, Cost, Pairs, Rounds, WarmUp
from rollup_bench.harness.run.costs import Gauge, Meter, pressure, stall_seconds
from rollup_bench.harness.run.routes import RouteOf, counted, unknown
from rollup_bench.harness.run.warm_up import warm_up
from rollup_bench.harness.stats.abba import abba, original, with_control
from rollup_bench.harness.stats.estimate import estimate, launch_width, logarithms

Ask = Callable[[Any], object]
Clock = Callable[[], int]
_WARM_UP_SHARE = 0.3  # the share of a launch that the warm-up takes, for the progress display
_LOOK = 5  # the number of rounds from one computation of the interval widths to the next


class TimedQuestion(msgspec.Struct, frozen=True):
    """A question to time; `arms` are names, `control` is the arm of the A/A control, `draw` returns a request."""

    question: str
    arms: tuple[str, ...]
    control: str
    draw: Callable[[], Any]
    cache: Cache = "hot"


class Effort(msgspec.Struct, frozen=True):
    """How long a question is timed: until every ratio of two arms' times is known to ±`width`, or a limit is reached.

    `width` is that of all launches together, under the assumption that the true ratio is the same in all launches.
    """

    launches: int
    least: int  # the fewest rounds of a launch
    most: int  # the most rounds of a launch
    width: float  # half the width of a ratio's interval, as a fraction: 0.05 is 5%
    warm: float = 5.0  # the most seconds of warm-up for each arm and question
    cell: float = 60.0  # the most seconds of rounds for each question
    cost: float = 0.5  # the seconds in which each arm is asked alone to measure processor time and memory


class Progress(msgspec.Struct, frozen=True):
    """What is measured, the share of this launch that is done (0 to 1), and half the widest interval's width so far."""

    doing: str
    share: float
    widest: float | None = None


Say = Callable[[Progress], None]


@dataclass
class _Measurement:
    """The times, warm-ups and failures of all arms on one question, while a launch is measured."""

    cell: TimedQuestion
    asks: Mapping[str, Ask]
    names: tuple[str, ...]
    clock: Clock
    times: dict[str, Pairs] = field(default_factory=dict)
    timed: dict[str, list[Any]] = field(default_factory=dict)
    warm: dict[str, WarmUp] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    spent: int = 0
    width: float | None = None

    @property
    def alive(self) -> list[str]:
        """The names of the arms that have not failed, with the second name of the A/A control."""
        return [name for name in self.names if original(name) not in self.failed]

    def ask(self, name: str, request: object) -> int:
        """Asks an arm and returns the nanoseconds until its answer; an arm that raises an error is marked failed."""
        start = self.clock()
        try:
            self.asks[original(name)](request)
        except Exception as error:  # any error fails only this arm, and not the run
            self.failed[original(name)] = reason(error)
        return self.clock() - start

    def warm_up(self, arm: str, seconds: float) -> None:
        """Asks one arm alone until its times no longer shift, or for at most `seconds`."""

        def once() -> bool:
            self.ask(arm, self.cell.draw())
            return arm not in self.failed

        self.warm[arm] = warm_up(once, seconds, self.clock)

    def round(self, rng: np.random.Generator) -> None:
        """Asks every arm in a random order with one request, and then in the opposite order with the next request."""
        start = self.clock()
        order = abba(self.alive, rng)
        half = len(order) // 2
        requests = [self.cell.draw(), self.cell.draw()]
        taken: dict[str, list[int]] = {name: [] for name in order}
        for position, name in enumerate(order):
            taken[name].append(self.ask(name, requests[position >= half]))
        for name in self.alive:
            self.times.setdefault(name, []).append((taken[name][0], taken[name][1]))
            self.timed.setdefault(name, []).extend(requests)
        self.spent += self.clock() - start

    def enough(self, effort: Effort, rng: np.random.Generator) -> bool:
        """Whether to stop timing the question; interval widths and limits decide, and measured ratios never do."""
        rounds = max((len(times) for times in self.times.values()), default=0)
        if rounds >= effort.most or self.spent > effort.cell * 1e9 or not self.alive:
            return True
        if rounds < effort.least or rounds % _LOOK:
            return False
        self.width = widest({name: self.times[name] for name in self.alive}, rng)
        return bool(self.width <= effort.width * launch_width(effort.launches))


def widest(times: Mapping[str, Sequence[tuple[int, int] | None]], rng: np.random.Generator) -> float:
    """Returns half the widest interval of a ratio of two arms in one launch, as a fraction; 0 for a single arm."""
    logs = {name: logarithms(pairs) for name, pairs in times.items()}
    intervals = (estimate([logs[arm] - logs[other]], rng).interval() for arm, other in combinations(logs, 2))
    return max(((high / low) ** 0.5 - 1 if low > 0 else math.inf for low, high in intervals), default=0.0)


def launch(
    number: int,
    cells: Sequence[TimedQuestion],
    asks: Mapping[str, Ask],
    effort: Effort,
    seed: int,
    say: Say = lambda _: None,
    clock: Clock = time.perf_counter_ns,
    cached: Mapping[str, Ask] | None = None,
    routes: Mapping[str, RouteOf] | None = None,
) -> list[Rounds]:
    """Warms up and times all questions in launch `number`; a round asks each of them, so that slow periods affect all.

    Questions of the cache state `cached` are asked by the functions in `cached`, and all others by those in `asks`.
    """
    by_state = {"cached": cached or {}}
    measured = [
        _Measurement(cell, by_state.get(cell.cache, asks), with_control(cell.arms, cell.control), clock)
        for cell in cells
    ]
    _warm_up(measured, effort, say)
    rng, stalled_before, start = np.random.default_rng([seed, number]), stall_seconds(), time.perf_counter()
    _all_rounds(measured, effort, rng, say)
    waited = pressure(stalled_before, time.perf_counter() - start)
    return [
        Rounds(
            question=each.cell.question,
            cache=each.cell.cache,
            launch=number,
            control=(each.cell.control, each.names[-1]),
            times=each.times,
            warm=each.warm,
            failed=each.failed,
            pressure=waited,
            routes={arm: counted(route, each.timed[arm]) for arm, route in (routes or {}).items() if arm in each.timed},
        )
        for each in measured
    ]


def _warm_up(cells: Sequence[_Measurement], effort: Effort, say: Say) -> None:
    work = [(measurement, arm) for measurement in cells for arm in measurement.cell.arms]
    for number, (measurement, arm) in enumerate(work):
        say(Progress(f"warming up {measurement.cell.question} on {arm}", _WARM_UP_SHARE * number / len(work)))
        measurement.warm_up(arm, effort.warm)


def _all_rounds(cells: Sequence[_Measurement], effort: Effort, rng: np.random.Generator, say: Say) -> None:
    looking, rounds, going = rng.spawn(1)[0], 0, list(cells)
    while going:
        for i in rng.permutation(len(going)):
            going[i].round(rng)
        rounds += 1
        going = [each for each in going if not each.enough(effort, looking)]
        wide = max((each.width for each in going if each.width is not None), default=None)
        done = 1 - sum(1 - rounds / effort.most for _ in going) / len(cells)
        share = _WARM_UP_SHARE + (1 - _WARM_UP_SHARE) * done
        say(Progress(f"round {rounds}, {len(going)} of {len(cells)} questions still measured", share, wide))


def cost(
    cell: TimedQuestion, arm: str, ask: Ask, number: int, seconds: float, gauge: Gauge, route: RouteOf = unknown
) -> Cost:
    """Asks one arm alone for `seconds`, and at least once; returns the resources that client and engine used."""
    meter, end, requests = Meter(gauge), time.perf_counter() + seconds, list[Any]()
    while not requests or time.perf_counter() < end:
        requests.append(cell.draw())
        ask(requests[-1])
    spent = meter.read()
    return Cost(
        arm=arm,
        question=cell.question,
        cache=cell.cache,
        launch=number,
        questions=len(requests),
        spent=spent,
        routes=counted(route, requests),
    )
