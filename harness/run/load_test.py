"""The load test: closed loops find each arm's capacity, and open loops then measure response times at several rates."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from itertools import islice
from pathlib import Path
from typing import TypeVar

import msgspec
import numpy as np
import pyarrow as pa

from rollup_bench.engines.contract import Engine, Plan
from rollup_bench.engines.failures import quietly_closed
from rollup_bench.engines.registry import engine_type, recipe
from rollup_bench.errors import FailureError
from rollup_bench.harness.records.lines import ClosedLoop, Fault, OpenLoop, of_type
from rollup_bench.harness.records.run_log import RunLog
from rollup_bench.harness.run import loops
from rollup_bench.harness.run.admission import log_fault, reconnected, spaced, timed, timed_arms
from rollup_bench.harness.run.arms import Arm, Say, connected, server
from rollup_bench.harness.run.clients import Endpoint
from rollup_bench.harness.run.costs import Gauge
from rollup_bench.harness.run.profiles import UnderLoad
from rollup_bench.harness.run.request import Request, gauge
from rollup_bench.harness.run.routes import route
from rollup_bench.servers import Server
from rollup_bench.servers.budget import Budget, budget
from rollup_bench.workloads.measures import Function
from rollup_bench.workloads.questions import Aggregate, Question

T = TypeVar("T", ClosedLoop, OpenLoop)
_SHARES = {"50%": 0.5, "80%": 0.8}
_RELATIVE = 1e-9
_engine_lock = threading.Lock()


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


class Expected(msgspec.Struct, frozen=True):
    """Compares later answers of an arm with its earlier `answers` to the same requests; `tolerated` is by column."""

    answers: list[pa.Table]
    tolerated: dict[str, float]

    def __call__(self, number: int, answer: object) -> bool:
        """Whether the answer to request `number` equals the earlier answer, within 1e-9 (floats) or `tolerated`."""
        right = self.answers[number]
        if not isinstance(answer, pa.Table) or not answer.schema.equals(right.schema) or len(answer) != len(right):
            return False
        return all(_alike(answer[name], right[name], self.tolerated.get(name, 0.0)) for name in right.column_names)


def measure(request: Request, log: RunLog, arms: Sequence[Arm], servers: dict[str, Server | None], say: Say) -> None:
    """Adds the load tests that the run log lacks, for up to `profile.load.questions` of the timed questions."""
    profile = request.profile.load
    if profile is None:
        return
    with connected(servers, request.home) as engines:
        names = spaced(timed(request, log), profile.questions)
        again = list(reconnected(request, arms, engines, log, names))
        for name in names:
            timed_again = [arm for arm in again if arm.name in timed_arms(log, name)]
            replayed = request.replay(name, timed_again)
            questions = list(islice(replayed, request.profile.checked))  # requests compared with the truth
            targets = {}
            for arm in timed_again:
                with log_fault(log, arm.name, f"asking {name} before the load test"):
                    targets[arm] = _target(request, arm, name, questions)
            _LoadTest(profile, request.seed, log, servers, name, targets, say).measure()


@dataclass
class _LoadTest:
    """The load test of one question, on the arms whose answers to the question were right or within bound."""

    profile: UnderLoad
    seed: int
    log: RunLog
    servers: dict[str, Server | None]
    name: str
    targets: dict[Arm, loops.Target]
    say: Say

    def measure(self) -> None:
        """Runs closed loops, which give each arm's capacity, and then open loops at 50% and 80% of that capacity.

        Every arm then gets an open loop at half of the lowest capacity of all arms. The last open loops search for the
        highest rate at which the arm meets the profile's objective.
        """
        self._each(self._sweep)
        capacities = {arm: loops.capacity(self._lines(ClosedLoop, arm)) for arm in self.targets}
        known = {arm: capacity for arm, capacity in capacities.items() if capacity}
        self.targets = {arm: target for arm, target in self.targets.items() if arm in known}
        self._each(lambda arm: self._offers(arm, known[arm], min(known.values())))

    def _each(self, step: Callable[[Arm], None]) -> None:
        """Calls `step` for every arm; an arm that raises FailureError drops out, and a fault is added to the log."""
        for arm in list(self.targets):
            try:
                step(arm)
            except FailureError as error:
                self.log.add(Fault(arm=arm.name, doing=f"load test of {self.name}", reason=str(error)))
                del self.targets[arm]

    def _offers(self, arm: Arm, capacity: float, least: float) -> None:
        for share, factor in _SHARES.items():
            self._offer(arm, factor * capacity, share)
        self._offer(arm, 0.5 * least, "common")
        self._seek(arm, capacity)

    def _sweep(self, arm: Arm) -> None:
        for clients in loops.CLIENTS:
            if not self.log.has(ClosedLoop, arm=arm.name, question=self.name, cache="hot", clients=clients):
                self.say(f"{self.name} on {arm.name}: closed loop with {clients} clients")
                self._add(arm, loops.sweep(self.targets[arm], clients, self.profile.sweep, self._gauge(arm)))

    def _offer(self, arm: Arm, rate: float, share: str) -> None:
        seconds = min(max(self.profile.requests / rate, self.profile.least), self.profile.most)
        clients = arm.engine.sessions
        if not self.log.has(OpenLoop, arm=arm.name, question=self.name, cache="hot", clients=clients, load=share):
            self.say(f"{self.name} on {arm.name}: open loop at {rate:.3g} requests/s ({share}) for {seconds:.0f} s")
            self._add(arm, loops.offer(self.targets[arm], rate, seconds, share, self.seed, self._gauge(arm), clients))

    def _add(self, arm: Arm, line: ClosedLoop | OpenLoop) -> None:
        """Adds a line to the run log, or raises FailureError if the server is down: its times then mean nothing."""
        server = self.servers[arm.engine.name]
        if server is not None and server.status().address is None:
            raise FailureError(f"{server.name} is down")
        self.log.add(line)

    def _seek(self, arm: Arm, capacity: float) -> None:
        meets = partial(loops.meets, percentile=self.profile.percentile, seconds=self.profile.objective)
        while (rate := loops.next_rate(self._lines(OpenLoop, arm), capacity, meets)) is not None:
            self._offer(arm, rate, f"objective {rate:.4g}")

    def _lines(self, kind: type[T], arm: Arm) -> list[T]:
        lines = of_type(self.log.records, kind)
        return [line for line in lines if (line.arm, line.question) == (arm.name, self.name)]

    def _gauge(self, arm: Arm) -> Gauge:
        return gauge(self.servers[arm.engine.name])


def _target(request: Request, arm: Arm, name: str, questions: list[Question]) -> loops.Target:
    with quietly_closed(arm.engine.session(arm.plan)) as session:
        answers = [session.ask(question) for question in questions]
    connect = Connect(arm.engine.name, request.via, request.home, budget(), arm.plan)
    expected, embedded = Expected(answers, tolerated(questions[0])), recipe(arm.engine.name) is None
    client = Endpoint(arm.name, connect, expected, embedded)
    return loops.Target(client, name, questions, route=partial(route, arm))


def tolerated(question: Question) -> dict[str, float]:
    """Returns, for each estimated measure, the relative difference that two right answers may have.

    The difference is unlimited for quantiles, because a quantile's tolerated error is in ranks and not in values.
    """
    if not isinstance(question, Aggregate):
        return {}
    return {
        str(measure): np.inf if measure.function is Function.QUANTILE else 2 * measure.error
        for measure in question.measures
        if measure.error
    }


def _alike(column: pa.ChunkedArray, expected: pa.ChunkedArray, tolerated: float) -> bool:
    if column.equals(expected):
        return True
    if not (pa.types.is_floating(expected.type) or tolerated) or not column.is_null().equals(expected.is_null()):
        return False
    values, wanted = (each.drop_null().cast(pa.float64()).to_numpy() for each in (column, expected))
    relative = max(tolerated, _RELATIVE)
    return bool(np.all(np.abs(values - wanted) <= relative * np.abs(wanted).max(initial=0.0)))


@cache
def _engine(name: str, via: str, home: Path, limits: Budget) -> Engine:
    return engine_type(name)(server(name, via, home, limits), home, limits)
