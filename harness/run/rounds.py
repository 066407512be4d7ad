"""Times a launch: one client warms up all arms with the whole mix, and then asks them all questions in rounds."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Any

import msgspec
import numpy as np

from rollup_bench.engines.failures import reason
from rollup_bench.harness.records.lines import Cache, Cost, Pairs, Rounds, WarmUp
from rollup_bench.harness.run.costs import Gauge, Meter, pressure, stall_seconds
from rollup_bench.harness.run.routes import RouteOf, counted, unknown
from rollup_bench.harness.run.warm_up import steady
from rollup_bench.harness.stats.abba import AGAIN, abba, original, with_control
from rollup_bench.harness.stats.effort import Limits, Seconds, Share, intervals, shares
from rollup_bench.harness.stats.noise import Key

Ask = Callable[[Any], object]
Clock = Callable[[], int]
WARM_UP_DONE, ROUNDS_DONE = 0.5, 0.8  # the shares of a launch after which its warm-up and its rounds are done
_PASSES = 20  # the fewest passes of a warm-up that ends before its time is up
_RARELY = 32  # in the warm-up, a slow arm is asked at least in every 32nd pass


class TimedQuestion(msgspec.Struct, frozen=True):
    """A question to time; `arms` are names, `control` is the arm of the A/A control, `draw` returns a request."""

    question: str
    arms: tuple[str, ...]
    control: str
    draw: Callable[[], Any]
    cache: Cache = "hot"


class Effort(msgspec.Struct, frozen=True):
    """How much is measured: at most so many launches, each with a warm-up, rounds, and requests to each arm alone."""

    launches: int
    least: int  # the fewest rounds of a question in a launch
    most: int  # the most rounds of a question in a launch
    warm: float = 60.0  # the most seconds of a launch's warm-up, which has at least one pass
    rounds: float = 60.0  # the seconds that the rounds of a launch may take, unless `least` takes longer
    alone: float = 0.5  # the seconds in which each arm is asked each question alone
    mix: float = 2.0  # the seconds in which each arm is asked each mix alone, if one block takes no longer
    fresh: float = 0.0  # layouts whose load takes fewer seconds are loaded again before each launch but the first

    def limits(self, fixed: float) -> Limits:
        """Returns what bounds the rounds of a launch that takes `fixed` seconds without them."""
        return Limits(self.least, self.most, self.rounds, fixed, self.launches)


class Progress(msgspec.Struct, frozen=True):
    """What is measured, and the share of this launch that is done (0 to 1)."""

    doing: str
    share: float


Say = Callable[[Progress], None]
PlanRounds = Callable[[Seconds], Mapping[Key, Share]]
"""Returns how many rounds each question has, from the seconds that its arms took in the warm-up."""


@dataclass
class _Measurement:
    """The times and failures of all arms on one question, while a launch is measured."""

    cell: TimedQuestion
    asks: Mapping[str, Ask]
    clock: Clock
    warm: dict[str, list[int]] = field(default_factory=dict)
    times: dict[str, Pairs] = field(default_factory=dict)
    timed: dict[str, list[Any]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    @property
    def key(self) -> Key:
        return self.cell.question, self.cell.cache

    @property
    def seconds(self) -> dict[str, float]:
        """By arm that has not failed, the median seconds of the last half of its requests in the warm-up."""
        recent = {arm: times[len(times) // 2 :] for arm, times in self.warm.items() if arm not in self.failed}
        return {arm: float(np.median(times)) / 1e9 for arm, times in recent.items()}

    def alive(self, names: Iterable[str]) -> list[str]:
        """Those of these names whose arm has not failed."""
        return [name for name in names if original(name) not in self.failed]

    def ask(self, name: str, request: object) -> int:
        """Asks an arm and returns the nanoseconds until its answer; an arm that raises an error is marked failed."""
        start = self.clock()
        try:
            self.asks[original(name)](request)
        except Exception as error:  # any error fails only this arm, and not the run
            self.failed[original(name)] = reason(error)
        return self.clock() - start

    def warm_up(self, number: int, rng: np.random.Generator) -> None:
        """Asks the arms that take part in pass `number` the same request, once each, in a random order."""
        every, request = intervals(self.seconds, _RARELY), self.cell.draw()
        names = [arm for arm in self.alive(self.cell.arms) if number % every.get(arm, 1) == 0]
        for i in rng.permutation(len(names)):
            taken = self.ask(names[i], request)
            self.warm.setdefault(names[i], []).append(max(taken, 1))

    def round(self, number: int, every: Mapping[str, int], rng: np.random.Generator) -> None:
        """Asks the arms of round `number` in a random order, and then in the opposite order with the next request."""
        names = self.alive(with_control(self.cell.arms, self.cell.control))
        order = abba([name for name in names if number % every.get(original(name), 1) == 0], rng)
        half = len(order) // 2
        requests = [self.cell.draw(), self.cell.draw()]
        taken: dict[str, list[int]] = {name: [] for name in order}
        for position, name in enumerate(order):
            taken[name].append(self.ask(name, requests[position >= half]))
        for name in self.alive(names):
            both = taken.get(name)
            self.times.setdefault(name, []).append((both[0], both[1]) if both else None)
            self.timed.setdefault(name, []).extend(requests if both else ())


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
    plan: PlanRounds | None = None,
) -> list[Rounds]:
    """Warms up and times all questions in launch `number`; without `plan`, all of them have equally many rounds.

    Questions of the cache state `cached` are asked by the functions in `cached`, and all others by those in `asks`.
    """
    by_state = {"cached": cached or {}}
    planned = plan or partial(shares, {}, limits=effort.limits(0.0))
    measured = [_Measurement(cell, by_state.get(cell.cache, asks), clock) for cell in cells]
    rng = np.random.default_rng([seed, number])
    warm = _warm_up(measured, effort.warm, rng, say, clock)
    stalled_before, start = stall_seconds(), time.perf_counter()
    _all_rounds(measured, planned({each.key: each.seconds for each in measured}), rng, say)
    waited = pressure(stalled_before, time.perf_counter() - start)
    return [
        Rounds(
            question=each.cell.question,
            cache=each.cell.cache,
            launch=number,
            control=(each.cell.control, each.cell.control + AGAIN),
            times=each.times,
            warm={arm: WarmUp(times, arm in warm) for arm, times in each.warm.items()},
            failed=each.failed,
            pressure=waited,
            routes={arm: counted(route, each.timed[arm]) for arm, route in (routes or {}).items() if arm in each.timed},
        )
        for each in measured
    ]


def _warm_up(
    measured: Sequence[_Measurement], limit: float, rng: np.random.Generator, say: Say, clock: Clock
) -> set[str]:
    """Asks the whole mix in passes until no arm gets faster, or for `limit` seconds; returns the arms that are steady.

    In a pass, every arm gets each question once; a slow arm may be left out of passes.
    """
    start, warm = clock(), set[str]()
    for number in count():
        for i in rng.permutation(len(measured)):
            measured[i].warm_up(number, rng)
        spent = (clock() - start) / 1e9
        arms = {arm for each in measured for arm in each.alive(each.cell.arms)}
        warm = {arm for arm in arms if steady([each.warm.get(arm, []) for each in measured])}
        if spent >= limit or not arms or (number + 1 >= _PASSES and warm == arms):
            return warm
        done = WARM_UP_DONE * spent / limit
        say(Progress(f"warm-up, pass {number + 1}, {len(warm)} of {len(arms)} arms steady", done))
    raise AssertionError


def _all_rounds(
    measured: Sequence[_Measurement], shares: Mapping[Key, Share], rng: np.random.Generator, say: Say
) -> None:
    """Asks all questions in rounds; each round asks every question that has rounds left, so slow periods affect all."""
    rounds = max((share.rounds for share in shares.values()), default=0)
    for number in range(rounds):
        going = [each for each in measured if number < shares[each.key].rounds]
        for i in rng.permutation(len(going)):
            going[i].round(number, shares[going[i].key].every, rng)
        done = WARM_UP_DONE + (ROUNDS_DONE - WARM_UP_DONE) * (number + 1) / rounds
        say(Progress(f"round {number + 1} of {rounds}", done))


def alone(
    cell: TimedQuestion,
    arm: str,
    ask: Ask,
    number: int,
    seconds: float,
    gauge: Gauge,
    route: RouteOf = unknown,
    clock: Clock = time.perf_counter_ns,
    least: int = 2,
) -> Cost:
    """Asks one arm alone for `seconds`, and at least `least` times; returns each time and the resources used."""
    requests, times, asked, drawing = list[Any](), list[int](), 0, 0.0
    meter = Meter(gauge)
    while len(requests) < least or asked < seconds * 1e9:
        began = time.thread_time()
        requests.append(cell.draw())
        drawing += time.thread_time() - began
        start = clock()
        ask(requests[-1])
        times.append(clock() - start)
        asked += times[-1]
    spent = meter.read(apart=drawing)
    return Cost(
        arm=arm,
        question=cell.question,
        cache=cell.cache,
        launch=number,
        questions=len(requests),
        spent=spent,
        times=times,
        routes=counted(route, requests),
    )
