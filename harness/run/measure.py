"""Performs a run: loads arms, checks their answers, times questions in several launches, and tests under load."""

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from itertools import count
from pathlib import Path

import msgspec

from rollup_bench.engines.contract import Engine
from rollup_bench.engines.source import adapter_hash
from rollup_bench.errors import FailureError, RequestError
from rollup_bench.harness.records.findings import Run
from rollup_bench.harness.records.lines import Cache, Cost, Ended, Fault, First, Header, LoadCost, Rounds
from rollup_bench.harness.records.run_log import RunLog, is_failure
from rollup_bench.harness.run import load_test, result_cache
from rollup_bench.harness.run.admission import admit, loaded, log_fault, reconnected, sessions, timed, timed_arms
from rollup_bench.harness.run.arms import Arm, Say, connected, served, warn_untested
from rollup_bench.harness.run.machine import NOT_MEASURED, drop_page_cache, machine, scope
from rollup_bench.harness.run.request import Request, gauge
from rollup_bench.harness.run.rounds import Ask, Progress, TimedQuestion, cost, launch
from rollup_bench.harness.run.routes import RouteOf, route
from rollup_bench.servers import Server
from rollup_bench.servers.budget import budget
from rollup_bench.servers.watch import Watch
from rollup_bench.workloads import answers
from rollup_bench.workloads.dataset import Dataset
from rollup_bench.workloads.events import Events
from rollup_bench.workloads.pace import time_left

Servers = dict[str, Server | None]
RESTART = 300.0  # the time limit of a server's restart in seconds


def measure(request: Request, out: Path | None, say: Say) -> tuple[Path, Run]:
    """Performs the measurements that the run's file lacks; returns the file's path and the run that it then holds.

    Without `out`, the file is an incomplete or new one under `request.home`. Raises RequestError if `out` holds another
    run, or if a question does not match the columns of the events.
    """
    for question in request.defaults.values():
        answers.schema(question, request.events.statistics.schema)
    with served(request.engines, request.via, request.home, say) as servers:
        with connected(servers, request.home) as engines:
            warn_untested(engines)
            first = header(request.dataset, request.events, engines, request.profile.name, request.seed)
            log = _log(request, out, first)
            arms = list(loaded(request, engines, log, say))
            _loads(log, arms, servers)
            with ExitStack() as stack:
                admit(request, log, arms, sessions(stack, arms, log, None), say)
        pace = LaunchPace(say, request.profile.effort.launches)
        for number in range(request.profile.effort.launches):
            pace.launch = number
            _launch(request, log, arms, servers, number, pace)
        load_test.measure(request, log, arms, servers, say)
    if not log.has(Ended) and not any(map(is_failure, log.records)):
        log.add(Ended())
    return log.path, Run.read(log.path)


class LaunchPace:
    """Shows what is measured, how wide the intervals are, and an estimate of the remaining time of all launches."""

    def __init__(self, say: Say, launches: int) -> None:
        self._say, self._launches = say, launches
        self._began: tuple[float, float] | None = None
        self.launch = 0

    def __call__(self, progress: Progress) -> None:
        """Shows the progress of this launch, with the remaining time of all launches estimated from the pace so far."""
        now, done = time.monotonic(), (self.launch + progress.share) / self._launches
        self._began = self._began or (now, done)
        parts = [f"launch {self.launch + 1} of {self._launches}", progress.doing]
        if progress.widest is not None:
            parts.append(f"ratios known to ±{progress.widest:.0%}")
        if done > self._began[1]:
            parts.append(time_left((now - self._began[0]) * (1 - done) / (done - self._began[1])))
        self._say(", ".join(parts))


def header(dataset: Dataset, events: Events, engines: Sequence[Engine], profile: str, seed: int) -> Header:
    """Returns the first line of a run's file: the dataset, profile, seed, machine, versions and budget per engine."""
    limits = budget()
    return Header(
        dataset=dataset.name,
        rows=events.statistics.rows,
        seed=seed,
        profile=profile,
        machine=machine(),
        versions={engine.name: engine.version for engine in engines} | {"rollup-bench": version("rollup-bench")},
        adapters={engine.name: adapter_hash(engine.name) for engine in engines},
        budget={"cores": limits.cores, "memory": limits.memory},
        scope=[scope(engines, limits), NOT_MEASURED],
        started=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _log(request: Request, out: Path | None, first: Header) -> RunLog:
    """Opens the run's file: `out`; without `out`, an incomplete file of the same request, or else a new file.

    Without `out`, only a profile that resumes opens an older file. For a profile of several sizes the file may be
    complete, so that only the missing sizes are measured.
    """
    if out:
        return RunLog(out, first)
    for number in count(1):
        path = request.home / "runs" / f"{first.dataset}-{first.profile}-{number}.jsonl"
        if not path.exists():
            return RunLog(path, first)
        if request.profile.resumes:
            with suppress(RequestError):
                log = RunLog(path, first)
                if len(request.profile.rows) > 1 or not log.has(Ended):
                    return log
    raise AssertionError


def _loads(log: RunLog, arms: Sequence[Arm], servers: Servers) -> None:
    """Adds the costs of loads that the run log lacks."""
    for arm in arms:
        if arm.loaded and not log.has(LoadCost, arm=arm.name, launch=0):
            server, load = servers[arm.engine.name], arm.loaded
            up = server.startup_seconds if server else None
            figures = LoadCost(
                arm=arm.name,
                seconds=load.seconds,
                rows=load.rows,
                bytes=load.bytes,
                built=load.built,
                reused=arm.reused,
                start_up=up,
            )
            log.add(figures)


def _launch(
    request: Request, log: RunLog, arms: Sequence[Arm], servers: Servers, number: int, pace: LaunchPace
) -> None:
    """Times the questions that the run log lacks for launch `number`; restarts engines first, except for launch 0."""
    names = [name for name in timed(request, log) if _lacks(log, name, number)]
    if not names:
        return
    up = _restarted(request, log, servers, number, pace) if number else servers
    cold = bool(number) and all(server is None or server.restartable for server in up.values()) and drop_page_cache()
    with connected(up, request.home) as engines, ExitStack() as stack:
        connected_arms = list(reconnected(request, arms, engines, log, names))
        opened = sessions(stack, connected_arms, log, number)
        by_name = {arm.name: arm for arm in connected_arms if arm.name in opened}
        asks = {name: session.ask for name, session in opened.items()}
        right = {name: [arm for arm in timed_arms(log, name) if arm in by_name] for name in names}
        cells = [_cell(request, by_name, name, right[name], number) for name in names if right[name]]
        routes = {name: partial(route, arm) for name, arm in by_name.items()}
        _first_requests(log, cells, asks, routes, number, "cold" if cold else "lukewarm", pace)
        caching = result_cache.cached_asks(stack, list(by_name.values()), log, number)
        repeated = list(result_cache.cached_questions(request, log, number, right, asks, caching))
        effort, questions = request.profile.effort, [*repeated, *cells]
        measured = launch(number, questions, asks, effort, request.seed, pace, cached=caching, routes=routes)
        for line in measured[: len(repeated)]:
            if not log.has(Rounds, question=line.question, cache=line.cache, launch=number):
                log.add(line)
        for cell, line in zip(cells, measured[len(repeated) :], strict=True):
            for arm in cell.arms:
                if arm not in line.failed and not log.has(
                    Cost, arm=arm, question=cell.question, cache="hot", launch=number
                ):
                    pace(Progress(f"measuring the cost of {cell.question} on {arm}", 1.0))
                    reads, doing = gauge(servers[by_name[arm].engine.name]), f"measuring the cost of {cell.question}"
                    with log_fault(log, arm, doing, number):
                        log.add(cost(cell, arm, asks[arm], number, effort.cost, reads, routes[arm]))
            log.add(line)
        _failures(log, measured, number)


def _lacks(log: RunLog, name: str, number: int) -> bool:
    """Whether the run log lacks times of this question in launch `number` for an arm right or within bound on it."""
    line = log.get(Rounds, question=name, cache="hot", launch=number)
    return line is None or any(arm in line.failed or arm not in line.times for arm in timed_arms(log, name))


def _failures(log: RunLog, measured: Sequence[Rounds], number: int) -> None:
    """Adds a fault to the run log for each arm that failed in the rounds; it names the questions that failed."""
    for arm in dict.fromkeys(arm for line in measured for arm in line.failed):
        failed = {line.question: line.failed[arm] for line in measured if arm in line.failed}
        log.add(Fault(arm=arm, doing=f"timing {', '.join(failed)}", reason=next(iter(failed.values())), launch=number))


def _cell(request: Request, by_name: dict[str, Arm], name: str, right: Sequence[str], number: int) -> TimedQuestion:
    """Returns the question with this launch's requests; successive questions use different arms as A/A control."""
    requests = request.replay(name, [by_name[arm] for arm in right], number + 1)
    return TimedQuestion(name, tuple(right), right[list(request.defaults).index(name) % len(right)], requests.__next__)


def _first_requests(
    log: RunLog,
    cells: Sequence[TimedQuestion],
    asks: Mapping[str, Ask],
    routes: Mapping[str, RouteOf],
    number: int,
    cache: Cache,
    pace: LaunchPace,
) -> None:
    """Adds the time of the first request of each question to each arm before the warm-up; omits failed requests."""
    for cell in cells:
        for arm in cell.arms:
            if not log.has(First, arm=arm, question=cell.question, cache=cache, launch=number):
                pace(Progress(f"first request of {cell.question} to {arm}", 0.0))
                ask, request = asks[arm], cell.draw()
                start = time.perf_counter_ns()
                with suppress(Exception):  # a failing arm fails again in the rounds, which record it
                    ask(request)
                    taken = time.perf_counter_ns() - start
                    line = First(arm=arm, question=cell.question, cache=cache, launch=number, time=taken)
                    log.add(msgspec.structs.replace(line, route=routes[arm](request)))


def _restarted(request: Request, log: RunLog, servers: Servers, number: int, pace: LaunchPace) -> Servers:
    """Restarts servers that allow it; returns all that did not fail, and adds a fault per layout of those that did."""
    up = dict(servers)
    for name, server in servers.items():
        if server and server.restartable:
            pace(Progress(f"restarting {name}", 0.0))
            try:
                server.restart(Watch(seconds=RESTART))
            except (FailureError, RequestError) as error:
                del up[name]
                for layout in request.layouts:
                    log.add(Fault(arm=f"{name}/{layout.name}", doing="restarting", reason=str(error), launch=number))
    return up
