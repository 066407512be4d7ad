"""A run: the same questions asked of every arm, every answer checked, every right one timed."""

import os
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from pathlib import Path

import pyarrow as pa

from rollup_bench.engines.contract import UNANSWERED, Engine, Loaded, Plan, Session, Support, unsupported
from rollup_bench.engines.registry import engine_type, recipe
from rollup_bench.engines.tested import newer
from rollup_bench.errors import FailureError, RequestError
from rollup_bench.harness.run import loads, verdicts
from rollup_bench.harness.run.circuit_breaker import Lifeline
from rollup_bench.harness.run.verdicts import RIGHT, Kind, Verdict
from rollup_bench.servers import UP, Server, open_server
from rollup_bench.servers.budget import Budget
from rollup_bench.servers.watch import Watch
from rollup_bench.workloads import answers
from rollup_bench.workloads.dataset import Dataset
from rollup_bench.workloads.events import Events
from rollup_bench.workloads.questions import Question

ROUNDS = 5
SECONDS = 5.0
"""After which a cell has had its time; it is asked twice at least."""
Say = Callable[[str], None]


@dataclass
class Arm:
    """One thing compared: an engine's plan of a layout, loaded; `loaded` is None where it supports no question."""

    engine: Engine
    plan: Plan
    loaded: Loaded | None
    reused: bool

    @property
    def name(self) -> str:
        """As tables show it."""
        return f"{self.engine.name}/{self.plan.layout.name}"


@dataclass
class Cell:
    """One question asked of one arm: its verdict, and seconds of each request where it is right."""

    question: str
    arm: Arm
    support: Support
    verdict: Verdict
    rows: int | None = None
    seconds: list[float] = field(default_factory=list)

    @property
    def median(self) -> float | None:
        """Of the seconds."""
        return statistics.median(self.seconds) if self.seconds else None

    @property
    def maximum(self) -> float | None:
        """Of the seconds."""
        return max(self.seconds, default=None)


def budget() -> Budget:
    """All cores, and a quarter of the memory, for each engine."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return Budget(len(os.sched_getaffinity(0)), memory // 4)


@contextmanager
def opened(names: Sequence[str], via: str, home: Path, say: Say) -> Iterator[list[Engine]]:
    """The engines of those names over their servers; what was not up is started, and stopped at the end."""
    with served(names, via, home, say) as servers, connected(servers, home) as engines:
        warn_untested(engines)
        yield engines


def warn_untested(engines: Iterable[Engine]) -> None:
    """A line on standard error for each engine newer than the tested version; none for one that does not answer."""
    for engine in engines:
        with suppress(FailureError):
            if line := newer(engine):
                print(f"rollup-bench: {line}", file=sys.stderr)


@contextmanager
def served(names: Sequence[str], via: str, home: Path, say: Say) -> Iterator[dict[str, Server | None]]:
    """The servers of those engines, None for one that is embedded, up while inside."""
    for name in names:
        engine_type(name)
    with ExitStack() as stack:
        servers: dict[str, Server | None] = {}
        for name in names:
            declared = recipe(name)
            servers[name] = open_server(declared, via, home, budget()) if declared else None
        for server in servers.values():
            if server:
                stack.enter_context(server.running(Watch(say, UP)))
        yield servers


@contextmanager
def connected(servers: Mapping[str, Server | None], home: Path) -> Iterator[list[Engine]]:
    """The engines over their servers, closed at the end."""
    with ExitStack() as stack:
        engines = []
        for name, server in servers.items():
            engine = engine_type(name)(server, home, budget())
            stack.callback(engine.close)
            engines.append(engine)
        yield engines


def arms(
    engines: Iterable[Engine], layouts: Sequence[str], events: Events, dataset: Dataset, home: Path, say: Say
) -> list[Arm]:
    """Each engine's load of each layout; RequestError where the dataset has no such layout."""
    return [
        _loaded(engine, engine.plan(dataset, dataset.layout(layout), events.shape), events, home, say)
        for engine, layout in product(engines, layouts)
    ]


def _loaded(engine: Engine, plan: Plan, events: Events, home: Path, say: Say) -> Arm:
    watch = Watch(partial(_told, say, engine.name), loads.patience(events.shape.rows))
    loaded, reused = loads.ensure(engine, plan, events, home, watch)
    return Arm(engine, plan, loaded, reused)


def _told(say: Say, engine: str, text: str) -> None:
    say(f"{engine}: loading {text}")


def asked(arm: Arm, session: Session | None, name: str, question: Question, events: Events) -> Cell:
    """A question asked once and checked; an arm that supports none needs no session."""
    try:
        support = arm.engine.support(question, arm.plan)
    except FailureError as error:
        return Cell(name, arm, unsupported(str(error)), Verdict(Kind.FAILED, str(error)))
    if support.where is None:
        return Cell(name, arm, support, Verdict(Kind.UNSUPPORTED, support.reason))
    assert session is not None
    try:
        answer = session.ask(question)
        return Cell(name, arm, support, verdicts.check(question, answer, events), answer.num_rows)
    except UNANSWERED as error:
        return Cell(name, arm, support, Verdict(Kind.FAILED, str(error)))


def timed(cells: Sequence[Cell], sessions: dict[str, Session], questions: dict[str, Question], say: Say) -> None:
    """Times the right cells in rounds, each round in order and then mirrored; slow cells in fewer of them."""
    right = [c for c in cells if c.verdict.kind in RIGHT]
    for number in range(ROUNDS):
        say(f"timing round {number + 1} of {ROUNDS}")
        for cell in [*right, *reversed(right)]:
            if cell.verdict.kind is not Kind.FAILED and (len(cell.seconds) < 2 or sum(cell.seconds) < SECONDS):
                _time(cell, sessions[cell.arm.name], questions[cell.question])


def _time(cell: Cell, session: Session, question: Question) -> None:
    """Adds a request's seconds; the figures of a cell that fails on the way are not kept."""
    began = time.perf_counter()
    try:
        session.ask(question)
        cell.seconds.append(time.perf_counter() - began)
    except UNANSWERED as error:
        cell.verdict = Verdict(Kind.FAILED, str(error))
        cell.seconds.clear()


def run(
    dataset: Dataset,
    events: Events,
    engines: Sequence[str],
    layouts: Sequence[str],
    names: Sequence[str],
    via: str,
    home: Path,
    say: Say,
) -> tuple[list[Cell], list[str]]:
    """Every question of every arm, checked, the right ones timed; and what arms could not take part, and why.

    RequestError where a question does not fit the events.
    """
    questions = {name: dataset.question(name).fill() for name in names or dataset.questions}
    for question in questions.values():
        answers.schema(question, events.shape.schema)
    with opened(engines, via, home, say) as there, ExitStack() as stack:
        compared: list[Arm] = []
        sessions: dict[str, Session] = {}
        lost = []
        for engine, layout in product(there, layouts):
            try:
                plan = engine.plan(dataset, dataset.layout(layout), events.shape)
                if not _supports_any(engine, plan, questions.values()):
                    compared.append(Arm(engine, plan, None, reused=False))
                    continue
                arm = _loaded(engine, plan, events, home, say)
                sessions[arm.name] = Lifeline(stack.enter_context(engine.session(arm.plan)), engine.server)
                compared.append(arm)
            except FailureError as error:
                lost.append(f"{engine.name}/{layout} takes no part: {error}")
        cells = []
        for name, question in questions.items():
            say(f"checking {name}")
            cells += [asked(arm, sessions.get(arm.name), name, question, events) for arm in compared]
        timed(cells, sessions, questions, say)
    return cells, lost


def _supports_any(engine: Engine, plan: Plan, questions: Iterable[Question]) -> bool:
    """Whether the plan is worth loading; so it is where `support` fails, which is reported with its question later."""
    try:
        return any(engine.support(question, plan).where for question in questions)
    except FailureError:
        return True


def ask(
    dataset: Dataset, events: Events, engine: str, layout: str, question: Question, via: str, home: Path, say: Say
) -> tuple[pa.Table, Arm]:
    """One answer of one engine; RequestError where the engine does not support the question there."""
    answers.schema(question, events.shape.schema)
    with opened([engine], via, home, say) as (one,):
        plan, _ = supported(one, dataset, events, layout, question)
        (arm,) = arms([one], [layout], events, dataset, home, say)
        with one.session(plan) as session:
            return session.ask(question), arm


def supported(
    engine: Engine, dataset: Dataset, events: Events, layout: str, question: Question
) -> tuple[Plan, Support]:
    """What it would load, and what it says of the question there; RequestError where it does not answer it."""
    plan = engine.plan(dataset, dataset.layout(layout), events.shape)
    support = engine.support(question, plan)
    if support.where is None:
        raise RequestError(f"{engine.name} does not answer this on layout {layout}: {support.reason}")
    return plan, support
