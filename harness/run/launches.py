"""Performs the launches of a run: loads layouts again, restarts engines, and times all questions on all arms."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from functools import partial

import msgspec
import numpy as np

from rollup_bench.engines.contract import Engine, Plan, Session
from rollup_bench.errors import FailureError, RequestError
from rollup_bench.harness.records.findings import Run, measured_processor, measured_rounds
from rollup_bench.harness.records.lines import Cache, Cost, Fault, First, Header, LoadCost, Rounds
from rollup_bench.harness.records.run_log import RunLog
from rollup_bench.harness.run import arms as running
from rollup_bench.harness.run import loading, mixes, result_cache
from rollup_bench.harness.run.admission import log_fault, sessions, timed, timed_arms
from rollup_bench.harness.run.arms import Arm, Say, connected
from rollup_bench.harness.run.costs import gauge
from rollup_bench.harness.run.machine import drop_page_cache
from rollup_bench.harness.run.request import Request
from rollup_bench.harness.run.rounds import ROUNDS_DONE, Ask, Progress, TimedQuestion, alone, launch
from rollup_bench.harness.run.routes import RouteOf, route
from rollup_bench.harness.stats.effort import Seconds, Share, finished, shares
from rollup_bench.harness.stats.noise import Key
from rollup_bench.servers import Server
from rollup_bench.servers.watch import Watch
from rollup_bench.workloads.pace import time_left

Servers = dict[str, Server | None]
RESTART = 300.0  # the time limit of a server's restart in seconds


class LaunchPace:
    """Shows what is measured, and an estimate of the remaining time of all launches."""

    def __init__(self, say: Say, launches: int) -> None:
        self._say, self._launches, self._most = say, launches, f"at most {launches}" if launches > 1 else "1"
        self._began: tuple[float, float] | None = None
        self.launch = 0

    def __call__(self, progress: Progress) -> None:
        """Shows the progress of this launch, with the remaining time of all launches estimated from the pace so far."""
        now, done = time.monotonic(), (self.launch + progress.share) / self._launches
        self._began = self._began or (now, done)
        parts = [f"launch {self.launch + 1} of {self._most}", progress.doing, f"{done:.0%}"]
        if done > self._began[1]:
            parts.append(time_left((now - self._began[0]) * (1 - done) / (done - self._began[1])))
        self._say(", ".join(parts))


def measure(request: Request, log: RunLog, arms: Sequence[Arm], servers: Servers, say: Say) -> bool:
    """Performs the launches that the run log lacks, until all differences are known well enough.

    Returns whether there were any, which have warmed up the servers.
    """
    pace, performed = LaunchPace(say, request.profile.effort.launches), False
    for number in range(request.profile.effort.launches):
        pace.launch = number
        earlier = _earlier(log, number)
        if finished(measured_rounds(earlier), measured_processor(earlier)):
            break
        mixed = mixes.lacking(request, log, number)
        names = [name for name in timed(request, log) if name in mixed or _lacks(log, name, number)]
        if names:
            _Launch(request, log, arms, servers, number, names, pace).measure()
            performed = True
    return performed


def add_loads(log: RunLog, arms: Sequence[Arm], servers: Servers, number: int) -> None:
    """Adds the costs of the loads for launch `number` that the run log lacks."""
    for arm in arms:
        if arm.loaded and not log.has(LoadCost, arm=arm.name, launch=number):
            server, load = servers[arm.engine.name], arm.loaded
            figures = LoadCost(
                arm=arm.name,
                seconds=load.seconds,
                rows=load.rows,
                bytes=load.bytes,
                built=load.built,
                processor=load.processor,
                reused=arm.reused,
                loaded_by=load.loaded_by,
                start_up=server.startup_seconds if server else None,
                launch=number,
            )
            log.add(figures)


def _earlier(log: RunLog, number: int) -> Run:
    """Returns the rounds and costs of the launches before `number`."""
    timed_lines = (line for line in log.records if isinstance(line, (Rounds, Cost)) and line.launch < number)
    headers = (line for line in log.records if isinstance(line, Header))
    return Run.of([*headers, *timed_lines], str(log.path))


def _lacks(log: RunLog, name: str, number: int) -> bool:
    """Whether the run log lacks times of launch `number` for an arm that is right or within bound on this question."""
    line, cached = (log.get(Rounds, question=name, cache=cache, launch=number) for cache in ("hot", "cached"))
    if cached is not None and cached.failed:
        return True
    return line is None or any(
        arm in line.failed
        or arm not in line.times
        or not log.has(Cost, arm=arm, question=name, cache="hot", launch=number)
        for arm in timed_arms(log, name)
    )


@dataclass(frozen=True)
class _Launch:
    """A launch of a run: its number, and the questions that the run log lacks for it."""

    request: Request
    log: RunLog
    arms: Sequence[Arm]
    servers: Servers
    number: int
    names: Sequence[str]
    pace: LaunchPace
    lost: set[str] = field(default_factory=set)
    """The arms whose load has failed before this launch."""

    def measure(self) -> None:
        """Times the questions; before each launch but the first, layouts may be loaded again, and engines restart."""
        began, up = time.monotonic(), self.servers
        if self.number:
            self._load_again()
            up = self._restarted()
        restarted = bool(self.number) and all(server is None or server.restartable for server in up.values())
        cache: Cache = "cold" if restarted and drop_page_cache() else "lukewarm"
        with connected(up, self.request.home) as engines, ExitStack() as stack:
            self._time(stack, list(self._over(engines)), cache, began)

    def _over(self, engines: Sequence[Engine]) -> Iterator[Arm]:
        """Yields the arms to time over restarted engines.

        It does not count the stored rows, because counting would warm up the engine. Only an arm whose load has failed
        before this launch is loaded again.
        """
        by_name = {engine.name: engine for engine in engines}
        right = {arm for name in self.names for arm in timed_arms(self.log, name)}
        for arm in (arm for arm in self.arms if arm.name in right and arm.engine.name in by_name):
            with log_fault(self.log, arm.name, "loading", passing=RequestError):
                engine = by_name[arm.engine.name]
                if arm.name in self.lost:
                    yield running.load(engine, arm.plan, self.request.events, self.request.home, lambda _: None)
                else:
                    yield Arm(engine, arm.plan, arm.loaded, arm.reused)

    def _time(self, stack: ExitStack, arms: Sequence[Arm], cache: Cache, began: float) -> None:
        """Times the first requests, then the rounds of all questions, and then each question on each arm alone."""
        opened = sessions(stack, arms, self.log, self.number)
        by_name = {arm.name: arm for arm in arms if arm.name in opened}
        asks: dict[str, Ask] = {name: session.ask for name, session in opened.items()}
        right = {name: [arm for arm in timed_arms(self.log, name) if arm in by_name] for name in self.names}
        cells = [self._cell(by_name, name, right[name]) for name in self.names if right[name]]
        routes = {name: partial(route, arm) for name, arm in by_name.items()}
        self._first_requests(cells, asks, routes, cache)
        caching = result_cache.cached_asks(stack, list(by_name.values()), self.log, self.number)
        repeated = list(result_cache.cached_questions(self.request, self.log, self.number, right, asks, caching))
        measured = launch(
            self.number,
            [*repeated, *cells],
            asks,
            self.request.profile.effort,
            self.request.seed,
            self.pace,
            cached=caching,
            routes=routes,
            plan=partial(self._plan, began, len(by_name) * len(mixes.asked(self.request))),
        )
        for line in measured:
            self.log.add(line)
        self._add_faults(measured)
        failed = {(line.question, arm) for line in measured if line.cache == "hot" for arm in line.failed}
        self._alone([(cell, arm) for cell in cells for arm in cell.arms if (cell.question, arm) not in failed], opened)
        mixes.alone(self.request, self.log, list(by_name.values()), asks, self.servers, self.number, self.pace)

    def _plan(self, began: float, mixed: int, seconds: Seconds) -> Mapping[Key, Share]:
        """Returns the rounds of each question in this launch, which started at `began` and has been warmed up.

        `mixed` is how many times an arm will be asked a mix alone.
        """
        effort = self.request.profile.effort
        fixed = time.monotonic() - began + effort.alone * sum(map(len, seconds.values())) + effort.mix * mixed
        return shares(measured_rounds(_earlier(self.log, self.number)), seconds, effort.limits(fixed))

    def _cell(self, by_name: Mapping[str, Arm], name: str, right: Sequence[str]) -> TimedQuestion:
        """Returns the question with this launch's requests; successive questions use different arms as A/A control."""
        requests = self.request.replay(name, [by_name[arm] for arm in right], self.number + 1)
        control = right[list(self.request.defaults).index(name) % len(right)]
        return TimedQuestion(name, tuple(right), control, requests.__next__)

    def _first_requests(
        self, cells: Sequence[TimedQuestion], asks: Mapping[str, Ask], routes: Mapping[str, RouteOf], cache: Cache
    ) -> None:
        """Adds the time of the first request of each question to each arm; omits failed requests."""
        for cell in cells:
            request = cell.draw()
            for arm in cell.arms:
                if not self.log.has(First, arm=arm, question=cell.question, cache=cache, launch=self.number):
                    self.pace(Progress(f"first request of {cell.question} to {arm}", 0.0))
                    ask = asks[arm]
                    start = time.perf_counter_ns()
                    with suppress(Exception):  # a failing arm fails again in the rounds, which record it
                        ask(request)
                        taken = time.perf_counter_ns() - start
                        line = First(arm=arm, question=cell.question, cache=cache, launch=self.number, time=taken)
                        self.log.add(msgspec.structs.replace(line, route=routes[arm](request)))

    def _add_faults(self, measured: Sequence[Rounds]) -> None:
        """Adds a fault to the run log for each arm that failed in the rounds; it names the questions that failed."""
        for arm in dict.fromkeys(arm for line in measured for arm in line.failed):
            failed = {line.question: line.failed[arm] for line in measured if arm in line.failed}
            doing, reason = f"timing {', '.join(failed)}", next(iter(failed.values()))
            self.log.add(Fault(arm=arm, doing=doing, reason=reason, launch=self.number))

    def _alone(self, work: Sequence[tuple[TimedQuestion, str]], opened: Mapping[str, Session]) -> None:
        """Asks each question of its arm alone, in a random order."""
        by_name = {arm.name: arm for arm in self.arms}
        order = np.random.default_rng([self.request.seed, self.number]).permutation(len(work))
        for done, (cell, arm) in enumerate(work[i] for i in order):
            doing = f"asking {arm} alone: {cell.question}"
            self.pace(Progress(doing, ROUNDS_DONE + (1 - ROUNDS_DONE) * done / len(work)))
            reads, route_of = gauge(self.servers[by_name[arm].engine.name]), partial(route, by_name[arm])
            seconds = self.request.profile.effort.alone
            with log_fault(self.log, arm, doing, self.number):
                self.log.add(alone(cell, arm, opened[arm].ask, self.number, seconds, reads, route_of))

    def _load_again(self) -> None:
        """Drops and loads the layouts of the timed arms that load fast, unless the run log has their loads already.

        An engine whose server is down keeps its earlier loads.
        """
        right = {arm for name in self.names for arm in timed_arms(self.log, name)}
        again = [
            arm
            for arm in self.arms
            if arm.name in right
            and arm.loaded
            and arm.loaded.seconds < self.request.profile.effort.fresh
            and not self.log.has(LoadCost, arm=arm.name, launch=self.number)
        ]
        up = {name: server for name, server in self.servers.items() if server is None or server.status().address}
        with connected(up, self.request.home) as engines:
            by_name = {engine.name: engine for engine in engines}
            for arm in (arm for arm in again if arm.engine.name in up):
                self.pace(Progress(f"loading {arm.name} again", 0.0))
                with log_fault(self.log, arm.name, "loading", self.number, passing=RequestError):
                    self.lost.add(arm.name)
                    self._load(by_name[arm.engine.name], arm.plan)
                    self.lost.remove(arm.name)

    def _load(self, engine: Engine, plan: Plan) -> None:
        loading.drop(engine, plan, self.request.home)
        events, home = self.request.events, self.request.home
        loaded = running.load(engine, plan, events, home, lambda text: self.pace(Progress(text, 0.0)))
        add_loads(self.log, [loaded], self.servers, self.number)

    def _restarted(self) -> Servers:
        """Restarts servers that allow it; returns all but those that failed, whose layouts each get a fault."""
        up = dict(self.servers)
        for name, server in self.servers.items():
            if server and server.restartable:
                self.pace(Progress(f"restarting {name}", 0.0))
                try:
                    server.restart(Watch(seconds=RESTART))
                except (FailureError, RequestError) as error:
                    del up[name]
                    for layout in self.request.layouts:
                        fault = Fault(arm=f"{name}/{layout.name}", doing="restarting", reason=str(error))
                        self.log.add(msgspec.structs.replace(fault, launch=self.number))
        return up
