"""The engine under test, the loads that checks share, and what it answered and refused."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pyarrow as pa

from rollup_bench.engines.contract import Engine, Plan, Session, Support
from rollup_bench.errors import RequestError
from rollup_bench.harness.conformance import scripted_events, strategies
from rollup_bench.harness.conformance.support import BuiltIn
from rollup_bench.harness.run import verdicts
from rollup_bench.harness.run.verdicts import RIGHT
from rollup_bench.servers.watch import Watch
from rollup_bench.workloads import events, layouts, rule, truth
from rollup_bench.workloads.dataset import Dataset, Source
from rollup_bench.workloads.events import Events
from rollup_bench.workloads.questions import Question

RANDOM = Dataset(
    name="random",
    title="Random events",
    folder=Path(),
    source=Source(path="in memory"),
    columns=strategies.COLUMNS,
    layouts={layout.name: layout for layout in (layouts.raw, strategies.HOURS, strategies.DAYS)},
    questions={},
)
PATIENCE = 300.0
"""Seconds that a load of the kit's small events may take."""


@dataclass
class Subject:
    """An engine, a folder for records, how many random questions it must answer, and what came of all questions.

    Without `whole`, only a sample of the built-in questions is asked for answers. `answered` holds each question that
    was answered right; an overflow that the engine rightly raised is an answer. `refused` holds the reason of each
    refusal. `notes` say in words what the last check left out. `built_in` holds what the engine says of the built-in
    questions. `close` drops the loads that checks share.
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
        """A deadline for each load."""
        return Watch(seconds=PATIENCE)

    @contextmanager
    def loaded(self, kept: Events, dataset: Dataset = RANDOM, layout: str = layouts.RAW) -> Iterator[Plan]:
        """A plan, loaded while inside and dropped after it."""
        plan = self.engine.plan(dataset, dataset.layout(layout), kept.statistics)
        self.engine.drop(plan)
        try:
            self.engine.load(plan, kept, self.watch())
            yield plan
        finally:
            self.engine.drop(plan)

    def shared(self, kept: Events) -> Plan:
        """A plan of raw events, loaded by the first check that asks for it and dropped by `close`."""
        if kept.fingerprint not in self._shared:
            self._shared[kept.fingerprint] = self._loads.enter_context(self.loaded(kept))
        return self._shared[kept.fingerprint]

    def close(self) -> list[Plan]:
        """Drops the loads that checks share, and returns their plans."""
        plans = list(self._shared.values())
        self._shared.clear()
        self._loads.close()
        return plans

    def ask(self, kept: Events, *questions: Question) -> None:
        """Checks questions one after the other, on one session over a shared load."""
        plan = self.shared(kept)
        with self.engine.session(plan) as session:
            for question in questions:
                self.check(session, plan, kept, question)

    def check(self, session: Session, plan: Plan, kept: Events, question: Question) -> Support:
        """Demands the right answer where the question is supported, and a RequestError where it is not."""
        support = self.engine.support(question, plan)
        if support.where is None:
            _refuses(session, question, support.reason)
            self.refused.append(support.reason)
            return support
        sent = self.engine.explain(question, plan)
        assert isinstance(sent, str), f"explain returns a {type(sent).__name__}, the contract says a text"
        try:
            _answers(session, plan, kept, question)
        except Exception as error:
            error.add_note(f"{question}\non {plan.layout.name}: {plan.layout.summary}\n{sent}")
            raise
        self.answered.append(question)
        return support


def _answers(session: Session, plan: Plan, kept: Events, question: Question) -> None:
    try:
        answer = session.ask(question)
    except OverflowError:
        if _overflows(question, kept):
            return
        raise
    assert isinstance(answer, pa.Table), f"ask returns a {type(answer).__name__}, the contract says a table"
    try:
        verdict = verdicts.check(question, answer, kept)
    except OverflowError:  # an engine may never compute the groups that a top leaves out
        assert getattr(question, "top", None), "an integer beyond 64 bits went unnoticed"
        return
    assert verdict.kind in RIGHT, f"{verdict.kind}: {verdict.reason}"
    obstacle = rule.unsupported_reason(question, plan.layout)
    assert obstacle is None, f"it answers, though {obstacle}"


def _overflows(question: Question, kept: Events) -> bool:
    try:
        truth.answer(question, kept)
    except OverflowError:
        return True
    return False


def _refuses(session: Session, question: Question, reason: str) -> None:
    assert reason, f"support says no without a reason: {question}"
    try:
        session.ask(question)
    except RequestError:
        return
    raise AssertionError(f"support says `{reason}`, yet it answers: {question}")


@cache
def packed(seed: int = 1) -> Events:
    """Many small sets of random events in one load."""
    return events.of(strategies.packed(seed), strategies.COLUMNS)


@cache
def scripted() -> Events:
    """The events of all scripted scenes in one load."""
    return few(scripted_events.rows())


def few(rows: list[scripted_events.Row]) -> Events:
    """Events as written, columns that are left out NULL."""
    return events.of(pa.Table.from_pylist(rows, strategies.SCHEMA), strategies.COLUMNS)
