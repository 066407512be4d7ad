"""The engine under test, with the events that its questions are asked over."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from engines.contract import Engine, Plan, Session, Support
from engines.watch import Watch
from harness import verify
from harness.conformance import strategies
from harness.conformance.support import BuiltIn, kind
from harness.verify import RIGHT
from workloads import events, layouts, rule, truth
from workloads.dataset import Dataset, Source
from workloads.errors import RequestError
from workloads.events import Events
from workloads.questions import Question

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


@dataclass(frozen=True)
class Subject:
    """An engine, a folder for records, how many random questions are asked, and those that it answered or refused.

    An overflow that it rightly raised is an answer. `built_in` has what came of the built-in questions.
    """

    engine: Engine
    home: Path
    examples: int
    answered: list[Question] = field(default_factory=list)
    refused: list[Question] = field(default_factory=list)
    built_in: list[BuiltIn] = field(default_factory=list)

    def watch(self) -> Watch:
        """A deadline for each load."""
        return Watch(seconds=PATIENCE)

    @contextmanager
    def loaded(self, kept: Events, dataset: Dataset = RANDOM, layout: str = layouts.RAW) -> Iterator[Plan]:
        """A plan, loaded while inside and dropped after it."""
        plan = self.engine.plan(dataset, dataset.layout(layout), kept.shape)
        self.engine.drop(plan)
        try:
            self.engine.load(plan, kept, self.watch())
            yield plan
        finally:
            self.engine.drop(plan)

    def check(self, session: Session, plan: Plan, kept: Events, question: Question) -> Support:
        """That the answer is right where it is supported, and refused where it is not."""
        support = self.engine.support(question, plan)
        if support.where is None:
            self._refuses(session, question, support.reason)
            self.refused.append(question)
            return support
        sent = self.engine.explain(question, plan)
        try:
            self._answers(session, plan, kept, question)
        except Exception as error:
            error.add_note(f"{question}\n{sent}")
            raise
        self.answered.append(question)
        return support

    def check_built_in(self, session: Session, plan: Plan, kept: Events, name: str) -> None:
        """The same of a question of the plan's dataset, which it keeps."""
        question, dataset, layout = plan.dataset.questions[name].fill(), plan.dataset.name, plan.layout
        try:
            support = self.check(session, plan, kept, question)
        except Exception as error:
            error.add_note(f"which is {dataset}/{name} on {layout.name}")
            raise
        ruled = rule.obstacle(question, layout) is not None
        asked = BuiltIn(dataset, layout.name, name, kind(question), support.where, support.reason, ruled)
        self.built_in.append(asked)

    def _answers(self, session: Session, plan: Plan, kept: Events, question: Question) -> None:
        try:
            truth.answer(question, kept)
        except OverflowError:
            self._overflows(session, question)
            return
        verdict = verify.check(question, session.ask(question), kept)
        assert verdict.kind in RIGHT, f"{verdict.kind}: {verdict.reason}"
        obstacle = rule.obstacle(question, plan.layout)
        assert obstacle is None, f"it answers, though {obstacle}"

    def _refuses(self, session: Session, question: Question, reason: str) -> None:
        assert reason, f"support says no without a reason: {question}"
        try:
            session.ask(question)
        except RequestError:
            return
        raise AssertionError(f"support says `{reason}`, yet it answers: {question}")

    def _overflows(self, session: Session, question: Question) -> None:
        """Groups that a top leaves out may never have been computed; any other overflow is an error."""
        try:
            session.ask(question)
        except OverflowError:
            return
        assert getattr(question, "top", None), "an integer beyond 64 bits went unnoticed"


def packed(seed: int = 1) -> Events:
    """Many small sets of random events in one load."""
    return events.of(strategies.packed(seed), strategies.COLUMNS)


def few(rows: list[dict[str, object]]) -> Events:
    """Events as written, columns that are left out NULL."""
    return events.of(pa.Table.from_pylist(rows, strategies.SCHEMA), strategies.COLUMNS)
