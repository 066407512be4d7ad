"""Answering questions: by the table made for it, else summed by the server, else by a scan in the client."""

from typing import Protocol

import msgspec
import pyarrow as pa

from rollup_bench.engines.cassandra.cluster import Reader
from rollup_bench.engines.cassandra.cohorts import Returns
from rollup_bench.engines.cassandra.kept import Kept, prepared
from rollup_bench.engines.cassandra.planning import Design
from rollup_bench.engines.cassandra.rollups import Rollup, whole
from rollup_bench.engines.cassandra.scans import Scan, Slices
from rollup_bench.engines.cassandra.tables import Manifest
from rollup_bench.engines.contract import Plan, Support, demand, unsupported
from rollup_bench.workloads import rule
from rollup_bench.workloads.questions import Aggregate, Cohort, Question, Span, spanless


class Route(Protocol):
    """A way to answer a question."""

    @property
    def support(self) -> Support:
        """How well and where."""

    def explain(self) -> str:
        """What is sent, how often, and what is left to the client."""

    def answer(self, reader: Reader, known: Manifest, wanted: pa.Schema) -> pa.Table:
        """The answer, in the schema that is wanted."""


def route(question: Question, plan: Plan) -> Route | Support:
    """The best way that the plan's tables allow, or why there is none."""
    design: Design = plan.tables
    if obstacle := rule.obstacle(question, plan.layout):
        return unsupported(obstacle)
    if plan.layout.grain is not None:  # a declared roll-up, of which the rule has said that it serves
        assert isinstance(question, Aggregate)
        return Kept(question, prepared(spanless(question), plan, design.rollups[0]), question.span)
    made = _kept(question, plan) if isinstance(question, Aggregate) else _returns(question, plan)
    if made is not None:
        return made
    if design.events is None:
        return unsupported("no table was made for it, and none keeps the events")
    if isinstance(question, Aggregate) and Slices.serves(question, plan):
        return Slices(question, plan)
    return Scan(question, plan)


def _kept(question: Aggregate, plan: Plan) -> Kept | None:
    """Of the roll-ups that serve, the one that fixes most of its key, then the one with fewest rows in a span."""
    near = [rollup for rollup in plan.tables.rollups if rollup.groups(question)]
    for rollup in sorted(near, key=lambda r: (len(r.fixed(question)), r.totals.width), reverse=True):
        span = rollup.whole(question.span, plan.statistics)
        if _serves(rollup, question, span):
            return Kept(question, prepared(spanless(question), plan, rollup), span)
    return None


def _returns(question: Question, plan: Plan) -> Returns | None:
    """The rows of the very cohort."""
    if not isinstance(question, Cohort):
        return None
    for kept in plan.tables.activities:
        span = whole(question.span, kept.grain, question.zone, plan.statistics)
        if kept.serves(question, span, plan.statistics):
            return Returns(question, plan, kept, span)
    return None


def _serves(rollup: Rollup, question: Aggregate, span: Span) -> bool:
    """Whether a roll-up keeps all that a question is about, over a span that has the same events."""
    left = tuple(f for f in question.where if f not in rollup.where)
    return rule.obstacle(msgspec.structs.replace(question, where=left, span=span), rollup.layout) is None


def support(question: Question, plan: Plan) -> Support:
    """Whether, how well and where a question is answered."""
    found = route(question, plan)
    return found if isinstance(found, Support) else found.support


def explain(question: Question, plan: Plan) -> str:
    """What is sent, how often, and what is left to the client."""
    found = route(question, plan)
    return f"not supported: {found.reason}" if isinstance(found, Support) else found.explain()


def chosen(question: Question, plan: Plan) -> Route:
    """The best way; RequestError where the question is not supported."""
    found = route(question, plan)
    if isinstance(found, Support):
        demand(found)
        raise AssertionError(found)
    return found
