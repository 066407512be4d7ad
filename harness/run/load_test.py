"""The load test: closed loops, and open loops that search the highest rate at which an arm meets the objective."""

import math
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, cached_property, partial
from itertools import chain, islice
from pathlib import Path
from typing import TypeVar

import msgspec
import pyarrow as pa

from rollup_bench.engines.contract import Engine, Plan
from rollup_bench.engines.failures import quietly_closed
from rollup_bench.engines.registry import engine_type, recipe
from rollup_bench.errors import FailureError
from rollup_bench.harness.records.lines import ClosedLoop, OpenLoop, of_cell
from rollup_bench.harness.records.run_log import RunLog
from rollup_bench.harness.run import loops, mixes, search
from rollup_bench.harness.run.admission import log_fault, reconnected, spaced, timed
from rollup_bench.harness.run.arms import Arm, Say, connected, server
from rollup_bench.harness.run.clients import Endpoint
from rollup_bench.harness.run.costs import Gauge, gauge
from rollup_bench.harness.run.expected import Expected, tolerated
from rollup_bench.harness.run.profiles import UnderLoad
from rollup_bench.harness.run.request import Request
from rollup_bench.harness.run.routes import route
from rollup_bench.servers import Server
from rollup_bench.servers.budget import Budget, budget
from rollup_bench.workloads.mixes import Mix
from rollup_bench.workloads.questions import Question

T = TypeVar("T", ClosedLoop, OpenLoop)
_engine_lock = threading.Lock()
WARM = 4
"""How many times as long as a closed loop a cold server is warmed up."""


class Connect(msgspec.Struct, frozen=True):
    """Opens a session of an engine in a client process; all clients of a process share one engine object."""

    engine: str
    via: str
    home: Path
    budget: Budget
    plan: Plan

    @contextmanager
    def __call__(self) -> Iterator[Callable[[Question], pa.Table]]:
        """Yields the method `ask` of a new session, which is closed after the block."""
        with _engine_lock:
            engine = _engine(self.engine, self.via, self.home, self.budget)
        with quietly_closed(engine.session(self.plan)) as session:
            yield session.ask


def measure(
    request: Request, log: RunLog, arms: Sequence[Arm], servers: dict[str, Server | None], warm: bool, say: Say
) -> None:
    """Adds the load tests that the run log lacks: of all mixes, and of `profile.load.questions` of the questions.

    Servers that no launch has warmed up, as after a resume, are asked first without a record.
    """
    profile = request.profile.load
    if profile is None:
        return
    alone = [Mix(name=name, weights={name: 1}) for name in spaced(timed(request, log), profile.questions)]
    with connected(servers, request.home) as engines:
        for mix in [*mixes.asked(request), *alone]:
            right = mixes.names(log, mix)
            again = reconnected(request, arms, engines, log, list(mix.weights))
            own = [arm for arm in again if arm.name in right]
            _LoadTest(request, profile, log, servers, mix, own, warm, say).measure()


@dataclass
class _LoadTest:
    """The load test of a mix, or of one question, on the arms whose answers were right or within bound."""

    request: Request
    profile: UnderLoad
    log: RunLog
    servers: dict[str, Server | None]
    mix: Mix
    arms: Sequence[Arm]
    warm: bool
    say: Say
    targets: dict[Arm, loops.Target] = field(default_factory=dict)

    def measure(self) -> None:
        """Runs closed loops on every arm, and then open loops on the arms that could meet the objective.

        The most right answers per second of a closed loop say where the search begins, and nothing else.
        """
        for arm in self.arms:
            with log_fault(self.log, arm.name, f"load test of {self.mix.name}"):
                self._sweep(arm)
                self._search(arm)

    @cached_property
    def _requests(self) -> list[Question]:
        """The requests that clients send in turn, the same to all arms: at least `profile.different`, whole blocks."""
        blocks = mixes.blocks(self.request, self.mix, self.arms)
        return list(chain.from_iterable(islice(blocks, math.ceil(self.profile.different / self.mix.length))))

    def _target(self, arm: Arm) -> loops.Target:
        """Returns what clients need to ask the arm; when called first, asks each request once to know its answer.

        It then also warms up a server that no launch has warmed up.
        """
        if arm not in self.targets:
            self.say(f"{self.mix.name} on {arm.name}: asking {len(self._requests)} requests before the load test")
            with quietly_closed(arm.engine.session(arm.plan)) as session:
                answers = [session.ask(question) for question in self._requests]
            connect = Connect(arm.engine.name, self.request.via, self.request.home, budget(), arm.plan)
            expected = Expected(answers, list(map(tolerated, self._requests)))
            client = Endpoint(arm.name, connect, expected, embedded=recipe(arm.engine.name) is None)
            target = loops.Target(client, self.mix.name, self._requests, route=partial(route, arm))
            if not self.warm:
                self.say(f"{self.mix.name} on {arm.name}: warming up")
                clients = min(max(loops.CLIENTS), arm.engine.sessions)
                loops.sweep(target, clients, WARM * self.profile.sweep, self._gauge(arm))
            self.targets[arm] = target
        return self.targets[arm]

    def _sweep(self, arm: Arm) -> None:
        numbers = sorted({min(clients, arm.engine.sessions) for clients in loops.CLIENTS})
        asked = {"arm": arm.name, "question": self.mix.name, "cache": "hot"}
        missing = [clients for clients in numbers if not self.log.has(ClosedLoop, **asked, clients=clients)]
        for clients in missing:
            self.say(f"{self.mix.name} on {arm.name}: closed loop with {clients} clients")
            self._add(arm, loops.sweep(self._target(arm), clients, self.profile.sweep, self._gauge(arm)))

    def _search(self, arm: Arm) -> None:
        """Searches the highest rate that meets the objective, unless a single client already waits longer."""
        closed = self._lines(ClosedLoop, arm)
        capacity = loops.capacity(closed)
        if capacity is None or search.slow_when_idle(closed, self.profile.objective):
            return
        lowest = search.lowest(self.profile.most)
        first = max(search.number_below(capacity) - 1, lowest)
        search.search(partial(self._offer, arm), first, lowest)

    def _offer(self, arm: Arm, purpose: str, number: int) -> OpenLoop:
        """Returns the open loop at the rate `number`; runs it if the log lacks it.

        All arms get the same schedules; an open loop that confirms a rate has another one than that of the search.
        """
        rate, clients, confirms = search.rate(number), arm.engine.sessions, purpose == search.CONFIRM
        load = f"{purpose} {rate:g}"
        if not self.log.has(OpenLoop, arm=arm.name, question=self.mix.name, cache="hot", clients=clients, load=load):
            seconds = self.profile.seconds(rate, confirms)
            self.say(f"{self.mix.name} on {arm.name}: open loop at {rate:g} requests/s ({purpose}) for {seconds:.0f} s")
            seed, target = self.request.seed + confirms, self._target(arm)
            line = loops.offer(target, rate, seconds, load, seed, self._gauge(arm), clients)
            self._add(arm, msgspec.structs.replace(line, objective=self.profile.objective))
        return next(line for line in self._lines(OpenLoop, arm) if line.load == load)

    def _add(self, arm: Arm, line: ClosedLoop | OpenLoop) -> None:
        """Adds a line to the run log, or raises FailureError if the server is down: its times then mean nothing."""
        server = self.servers[arm.engine.name]
        if server is not None and server.status().address is None:
            raise FailureError(f"{server.name} is down")
        self.log.add(line)

    def _lines(self, kind: type[T], arm: Arm) -> list[T]:
        return of_cell(self.log.records, kind, self.mix.name, arm.name)

    def _gauge(self, arm: Arm) -> Gauge:
        return gauge(self.servers[arm.engine.name])


@cache
def _engine(name: str, via: str, home: Path, limits: Budget) -> Engine:
    return engine_type(name)(server(name, via, home, limits), home, limits)
