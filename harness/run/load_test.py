"""Engines under load: a sweep of clients, then schedules at shares of each one's capacity and at one rate for all."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
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
from rollup_bench.harness.run.admission import answering, log_fault, reconnected, right_arms, spaced, timed
from rollup_bench.harness.run.arms import Arm, Say, budget, connected
from rollup_bench.harness.run.clients import Endpoint
from rollup_bench.harness.run.costs import Gauge
from rollup_bench.harness.run.request import Request, answers, gauge
from rollup_bench.servers import Server, open_server
from rollup_bench.servers.budget import Budget
from rollup_bench.workloads.measures import Function
from rollup_bench.workloads.questions import Aggregate, Question

T = TypeVar("T", ClosedLoop, OpenLoop)
_SHARES = {"50%": 0.5, "80%": 0.8}
_RELATIVE = 1e-9
_one_at_a_time = threading.Lock()


class Connect(msgspec.Struct, frozen=True):
    """How a client in a process of its own comes to its session; all the clients of a process share the engine."""

    engine: str
    via: str
    home: Path
    budget: Budget
    plan: Plan

    @contextmanager
    def __call__(self) -> Iterator[Callable[[Question], pa.Table]]:
        """A session's `ask`."""
        with _one_at_a_time:
            engine = _engine(self.engine, self.via, self.home, self.budget)
        with quietly_closed(engine.session(self.plan)) as session:
            yield session.ask


class Expected(msgspec.Struct, frozen=True):
    """The answers to some requests that were held against the truth before."""

    answers: list[pa.Table]
    tolerated: dict[str, float]

    def __call__(self, number: int, answer: object) -> bool:
        """Whether the answer to the request of this number is the same again, as far as it must be."""
        known = self.answers[number]
        if not isinstance(answer, pa.Table) or not answer.schema.equals(known.schema) or len(answer) != len(known):
            return False
        return all(_alike(answer[name], known[name], self.tolerated.get(name, 0.0)) for name in known.column_names)


def measure(request: Request, log: RunLog, arms: Sequence[Arm], servers: dict[str, Server | None], say: Say) -> None:
    """What the file lacks of the first few questions that were timed."""
    profile = request.profile.load
    if profile is None:
        return
    with connected(servers, request.home) as engines:
        names = spaced(timed(request, log), profile.questions)
        wanted = answering(log, names)
        again = list(reconnected(request, [arm for arm in arms if arm.name in wanted], engines, log))
        for name in names:
            replayed = request.replay(name, [arm for arm in again if answers(arm, request.defaults[name])])
            questions = list(islice(replayed, request.profile.checked))  # the very ones that were checked
            targets = {}
            for arm in (arm for arm in again if arm.name in right_arms(log, name)):
                with log_fault(log, arm.name, f"asked {name} before the load"):
                    targets[arm] = _target(request, arm, name, questions)
            _Loads(request, log, servers, name, targets, say).measure()


class _Loads:
    """One question under load, on every arm that answers it right."""

    def __init__(
        self,
        request: Request,
        log: RunLog,
        servers: dict[str, Server | None],
        name: str,
        targets: dict[Arm, loops.Target],
        say: Say,
    ) -> None:
        assert request.profile.load is not None
        self.profile, self.seed = request.profile.load, request.seed
        self.log, self.servers, self.name, self.targets, self.say = log, servers, name, targets, say

    def measure(self) -> None:
        """Sweeps, own shares, the common rate, then the highest rate that meets the objective."""
        self._each(self._sweeps)
        capacities = {arm: loops.capacity(self._lines(ClosedLoop, arm)) for arm in self.targets}
        known = {arm: capacity for arm, capacity in capacities.items() if capacity}
        self.targets = {arm: target for arm, target in self.targets.items() if arm in known}
        self._each(lambda arm: self._offers(arm, known[arm], min(known.values())))

    def _each(self, step: Callable[[Arm], None]) -> None:
        """Does it for every arm; one that fails drops out, and the file says why."""
        for arm in list(self.targets):
            try:
                step(arm)
            except FailureError as error:
                self.log.add(Fault(arm=arm.name, doing=f"under load with {self.name}", reason=str(error)))
                del self.targets[arm]

    def _sweeps(self, arm: Arm) -> None:
        for clients in loops.CLIENTS:
            self._sweep(arm, clients)

    def _offers(self, arm: Arm, capacity: float, least: float) -> None:
        for share, factor in _SHARES.items():
            self._offer(arm, factor * capacity, share)
        self._offer(arm, 0.5 * least, "common")
        self._seek(arm, capacity)

    def _sweep(self, arm: Arm, clients: int) -> None:
        if not self.log.has(ClosedLoop, arm=arm.name, question=self.name, cache="hot", clients=clients):
            self.say(f"{self.name} of {arm.name}: {clients} clients in closed loop")
            self._keep(arm, loops.sweep(self.targets[arm], clients, self.profile.sweep, self._gauge(arm)))

    def _offer(self, arm: Arm, rate: float, share: str) -> None:
        seconds = min(max(self.profile.requests / rate, self.profile.least), self.profile.most)
        if not self.log.has(
            OpenLoop, arm=arm.name, question=self.name, cache="hot", clients=loops.SESSIONS, load=share
        ):
            self.say(f"{self.name} of {arm.name}: {rate:.3g} a second in open loop ({share}) for {seconds:.0f} s")
            self._keep(arm, loops.offer(self.targets[arm], rate, seconds, share, self.seed, self._gauge(arm)))

    def _keep(self, arm: Arm, line: ClosedLoop | OpenLoop) -> None:
        """Adds a line; FailureError where the server is gone, for then it says nothing of its speed."""
        server = self.servers[arm.engine.name]
        if server is not None and server.status().address is None:
            raise FailureError(f"{server.name} does not answer any more")
        self.log.add(line)

    def _seek(self, arm: Arm, capacity: float) -> None:
        meets = partial(loops.meets, percentile=self.profile.percentile, seconds=self.profile.objective)
        while (rate := loops.next_rate(self._lines(OpenLoop, arm), capacity, meets)) is not None:
            self._offer(arm, rate, f"objective {rate:.4g}")

    def _lines(self, kind: type[T], arm: Arm) -> list[T]:
        return [one for one in of_type(self.log.records, kind) if one.arm == arm.name and one.question == self.name]

    def _gauge(self, arm: Arm) -> Gauge:
        return gauge(self.servers[arm.engine.name])


def _target(request: Request, arm: Arm, name: str, questions: list[Question]) -> loops.Target:
    with quietly_closed(arm.engine.session(arm.plan)) as session:
        answers = [session.ask(question) for question in questions]
    connect = Connect(arm.engine.name, request.via, request.home, budget(), arm.plan)
    expected, embedded = Expected(answers, tolerated(questions[0])), recipe(arm.engine.name) is None
    client = Endpoint(arm.name, connect, expected, embedded)
    return loops.Target(client, name, questions)


def tolerated(question: Question) -> dict[str, float]:
    """By how much two estimates of the same may differ, relatively; a quantile's error is in rank, so by anything."""
    if not isinstance(question, Aggregate):
        return {}
    return {
        str(one): np.inf if one.function is Function.QUANTILE else 2 * one.error
        for one in question.measures
        if one.error
    }


def _alike(got: pa.ChunkedArray, known: pa.ChunkedArray, tolerated: float) -> bool:
    if got.equals(known):
        return True
    if not (pa.types.is_floating(known.type) or tolerated) or not got.is_null().equals(known.is_null()):
        return False
    one, other = (column.drop_null().cast(pa.float64()).to_numpy() for column in (got, known))
    relative = max(tolerated, _RELATIVE)
    return bool(np.all(np.abs(one - other) <= relative * np.abs(other).max(initial=0.0)))


@cache
def _engine(name: str, via: str, home: Path, limits: Budget) -> Engine:
    declared = recipe(name)
    server = open_server(declared, via, home, limits) if declared else None
    return engine_type(name)(server, home, limits)
