"""The engine under test, its loads that several checks share, and the results of the conformance kit's checks."""

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pyarrow as pa
from msgspec.structs import replace

from rollup_bench.engines.contract import Engine, Plan, Session, Support
from rollup_bench.errors import RequestError
from rollup_bench.harness.conformance import scripted_events, strategies
from rollup_bench.harness.conformance.support import BuiltIn
from rollup_bench.harness.records.kinds import RIGHT
from rollup_bench.harness.run import verdicts
from rollup_bench.servers.watch import Watch
from rollup_bench.workloads import events as event_store
from rollup_bench.workloads import layouts, rule, truth
from rollup_bench.workloads.dataset import Dataset
from rollup_bench.workloads.events import Events
from rollup_bench.workloads.questions import Question
from rollup_bench.workloads.source import Source

RANDOM = Dataset(
    name="random",
    title="Random events",
    folder=Path(),
    source=Source(path="in memory"),
    columns=strategies.COLUMNS,
    layouts={layout.name: layout for layout in (layouts.raw, strategies.HOURS, strategies.DAYS)},
    questions={},
)
LOAD_SECONDS = 300.0
"""The time limit, in seconds, of one load or one server restart during a check."""


@dataclass
class EngineUnderTest:
    """The engine under test and the results of the checks so far.

    `home` is the folder for prepared events and records of loads; `examples` is how many random questions on raw events
    the engine is to answer. If `whole` is false, only the built-in questions in SAMPLE are asked. `answered` lists each
    question whose answer was right, or for which the engine had to raise an OverflowError and did. `refused` lists the
    reason for each question that the engine refused. `notes` lists what the last check did not ask or load, and why.
    `built_in` lists where the engine supports each built-in question, or why not.
    """

    engine: Engine
    home: Path
    examples: int
    whole: bool = True
    answered: list[Question] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    built_in: list[BuiltIn] = field(default_factory=list)
    _shared: dict[str, Plan] = field(default_factory=dict)
    _loads: ExitStack = field(default_factory=ExitStack)

    def watch(self) -> Watch:
        """Returns a new time limit of LOAD_SECONDS, for one load or one server restart."""
        return Watch(seconds=LOAD_SECONDS)

    @contextmanager
    def loaded(self, events: Events, dataset: Dataset = RANDOM, layout: str = layouts.RAW) -> Iterator[Plan]:
        """Loads events into a layout anew, yields the plan of the load, and drops the load after the `with` block."""
        plan = self.engine.plan(dataset, dataset.layout(layout), events.statistics)
        self.engine.drop(plan)
        try:
            self.engine.load(plan, events, self.watch())
            yield plan
        finally:
            self.engine.drop(plan)

    def shared(self, events: Events) -> Plan:
        """Returns the plan of these events on layout `raw`; the first call loads the events, and `close` drops them."""
        if events.fingerprint not in self._shared:
            dataset = replace(RANDOM, columns=events.columns)
            self._shared[events.fingerprint] = self._loads.enter_context(self.loaded(events, dataset))
        return self._shared[events.fingerprint]

    def close(self) -> list[Plan]:
        """Drops all loads that `shared` made and returns the plans of these loads."""
        plans = list(self._shared.values())
        self._shared.clear()
        self._loads.close()
        return plans

    def ask(self, events: Events, *questions: Question) -> None:
        """Checks the engine's answers to the questions one by one, in one session on the shared load of the events."""
        plan = self.shared(events)
        with self.engine.session(plan) as session:
            for question in questions:
                self.check(session, plan, events, question)

    def check(self, session: Session, plan: Plan, events: Events, question: Question) -> Support:
        """Asks a question and returns the engine's support of the question.

        Raises AssertionError if a supported question is answered wrong, or an unsupported one without a RequestError.
        """
        support = self.engine.support(question, plan)
        if support.where is None:
            _check_refusal(session, question, support.reason)
            self.refused.append(support.reason)
            return support
        query = self.engine.explain(question, plan)
        assert isinstance(query, str), f"explain returns a {type(query).__name__}; the contract says a string"
        try:
            _check_answer(session, plan, events, question)
            _check_tables(support, query.replace(plan.name, ""))
        except Exception as error:
            error.add_note(f"{question}\non {plan.layout.name}: {plan.layout.summary}\n{query}")
            raise
        self.answered.append(question)
        return support


def _check_tables(support: Support, query: str) -> None:
    """Demands that the support names at least one table, and that the query shows every table that it names."""
    assert support.tables, "support names no table"
    unread = [name for name in support.tables if not re.search(rf"(?<![^\W_]){re.escape(name)}(?!\w)", query)]
    assert not unread, f"support names {', '.join(unread)}, which explain does not show:\n{query}"


def _check_answer(session: Session, plan: Plan, events: Events, question: Question) -> None:
    try:
        answer = session.ask(question)
    except OverflowError:
        if _overflows(question, events):
            return
        raise
    assert isinstance(answer, pa.Table), f"ask returns a {type(answer).__name__}; the contract says a table"
    try:
        verdict = verdicts.check(question, answer, events)
    except OverflowError:  # the truth overflowed; an engine may not, as it need not compute groups outside a top-n
        assert getattr(question, "top", None), "the engine answered although an integer exceeds 64 bits"
        return
    assert verdict.kind in RIGHT, f"{verdict.kind}: {verdict.reason}"
    reason = rule.unsupported_reason(question, plan.layout)
    assert reason is None, f"the engine answers a question that it must refuse: {reason}"


def _overflows(question: Question, events: Events) -> bool:
    try:
        truth.answer(question, events)
    except OverflowError:
        return True
    return False


def _check_refusal(session: Session, question: Question, reason: str) -> None:
    assert reason, f"support refuses without a reason: {question}"
    try:
        session.ask(question)
    except RequestError:
        return
    raise AssertionError(f"support refuses with `{reason}`, but the engine answers: {question}")


@cache
def packed(seed: int = 1) -> Events:
    """Returns the random events of `strategies.packed(seed)`, many small sets in one table."""
    return event_store.of(strategies.packed(seed), strategies.COLUMNS)


@cache
def ordered() -> Events:
    """Returns the random events of `strategies.ordered`, which have an order within a millisecond."""
    return event_store.of(strategies.ordered(), strategies.ORDERED)


@cache
def scripted() -> Events:
    """Returns the events of all scripted scenes together."""
    return few(scripted_events.rows())


def few(rows: list[scripted_events.Row]) -> Events:
    """Returns the given rows as events; a column that a row lacks is NULL."""
    return event_store.of(pa.Table.from_pylist(rows, strategies.SCHEMA), strategies.COLUMNS)
