"""The process that follows a stream into a store and asks the store. It may be killed; another one then goes on."""

import multiprocessing
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from enum import StrEnum
from multiprocessing.connection import Connection as Pipe
from multiprocessing.process import BaseProcess
from pathlib import Path
from threading import Lock
from typing import Any

import msgspec
import psutil

from rollup_bench.engines.contract import Engine, Plan
from rollup_bench.engines.failures import quietly_closed, reason
from rollup_bench.engines.following import Following, follower
from rollup_bench.engines.registry import engine_type
from rollup_bench.errors import FailureError
from rollup_bench.harness.follow.answers import Answer
from rollup_bench.harness.follow.asking import Schedule, answer, clients, sessions
from rollup_bench.harness.follow.feeding import Feeding, feeding
from rollup_bench.harness.follow.sending import Outlet
from rollup_bench.harness.run.arms import server
from rollup_bench.harness.run.child import ended, received
from rollup_bench.servers.budget import Budget
from rollup_bench.servers.connection import Connection
from rollup_bench.streams import registry
from rollup_bench.workloads.questions import Question

CLIENTS = 4
"""How many questions are asked at the same time; further ones wait."""
STORED_WITHIN = 120.0
"""Seconds after its end in which a stream must be stored."""
FOLLOWER = "the follower"
QUIET = 1 / 3
"""How long questions are asked while nothing is written, as a share of the length of the stream."""
STARTS = 240.0
"""Seconds in which the process must be ready."""


class Phase(StrEnum):
    """When an answer was given: while the stream was written, afterwards, or at the end, about the whole stream."""

    WRITTEN = "written"
    QUIET = "quiet"
    FINAL = "final"


class Task(msgspec.Struct, frozen=True):
    """What the process does: it follows a stream of `events`, which lasts so many seconds."""

    engine: str
    via: str
    home: Path
    budget: Budget
    plan: Plan
    outlet: Outlet
    bridge: Connection | None  # to a Kafka, where the stream is copied for an engine that reads only Kafka
    events: int
    seconds: float

    def deadline(self, start: float) -> float:
        """When a stream that starts at an instant must be stored."""
        return start + self.seconds + STORED_WITHIN


class Begin(msgspec.Struct, frozen=True):
    """What is asked while the stream is written, which starts with the schedule, and at the end."""

    schedule: Schedule
    questions: dict[str, Question]


class Store:
    """A follower: a `process` that works on a task. When the constructor returns, it can be asked to `start`."""

    def __init__(self, task: Task, stored: Any) -> None:
        """`stored` is a shared number, which the process keeps at how many events of the stream are stored."""
        self.ended = False
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process: BaseProcess = context.Process(target=_run, args=(theirs, task, stored), daemon=True)
        self._process.start()
        self.process = psutil.Process(self._process.pid)
        theirs.close()
        try:
            received(self._process, self._pipe, FOLLOWER, STARTS)
        except BaseException:
            self.kill()
            raise

    def start(self, begin: Begin) -> None:
        """Lets the process ask; the stream may have started before."""
        try:
            self._pipe.send(begin)
        except OSError:
            raise FailureError(f"{FOLLOWER}: {ended(self._process)}") from None

    def next(self, seconds: float) -> tuple[Phase, Answer] | None:
        """The next answer; None if there is none in `seconds`, or if it has `ended`. FailureError if it has failed."""
        if not self._pipe.poll(seconds):
            return None
        message: tuple[Phase, Answer] | None = received(self._process, self._pipe, FOLLOWER)
        self.ended = message is None
        return message

    def kill(self) -> None:
        """Ends the process at once."""
        self._process.kill()
        self._process.join()
        self._pipe.close()


Report = Callable[[Phase], Callable[[Answer], None]]


def _run(pipe: Pipe, task: Task, stored: Any) -> None:
    """The main function of the process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the parent, which then ends this process
    lock = Lock()

    def send(message: object) -> None:
        with lock:
            pipe.send(message)

    try:
        with _opened(task) as engine, follower(engine).opened(task.plan) as tables:
            broker = registry.broker(task.outlet.broker, task.outlet.connection)
            with feeding(broker, task.bridge, task.outlet.topic, tables, task.plan.schema, stored) as fed:
                _follow(task, tables, fed, pipe, lambda phase: lambda found: send((phase, found)))
        send(None)
    except Exception as error:  # the other process reports it, unless it has ended
        with suppress(BrokenPipeError):
            send(reason(error))


def _follow(task: Task, tables: Following, fed: Feeding, pipe: Pipe, report: Report) -> None:
    """Asks while the stream is written, while nothing is written, and at the end."""
    with sessions(CLIENTS, tables.session) as opened:
        pipe.send(None)
        begin: Begin = pipe.recv()
        with clients(opened, begin.questions, report(Phase.WRITTEN)) as found:
            begin.schedule.ask(found, _Until(task, fed, begin.schedule))
        with clients(opened, begin.questions, report(Phase.QUIET)) as found:
            began = time.monotonic()
            until = began + QUIET * task.seconds
            begin.schedule._replace(start=began).ask(found, lambda: time.monotonic() < until)
        for name in begin.questions:
            report(Phase.FINAL)(answer(opened[0], begin.questions, name, time.monotonic()))


class _Until:
    """Whether to ask on: until the stream is stored, and as many questions were asked again as there are."""

    def __init__(self, task: Task, fed: Feeding, schedule: Schedule) -> None:
        self._fed, self._count, self._round = fed, task.events, len(schedule.names) * schedule.gap
        self._ends = task.deadline(schedule.start)
        self._stored: float | None = None

    def __call__(self) -> bool:
        self._fed.check()
        now = time.monotonic()
        if self._fed.stored < self._count:
            return now < self._ends
        self._stored = self._stored or now
        return now < self._stored + self._round


@contextmanager
def _opened(task: Task) -> Iterator[Engine]:
    served = server(task.engine, task.via, task.home, task.budget)
    with quietly_closed(closing(engine_type(task.engine)(served, task.home, task.budget))) as engine:
        yield engine
