"""Chooses the table that answers a question."""

from collections.abc import Iterator
from typing import NamedTuple

from rollup_bench.engines.contract import Plan
from rollup_bench.engines.cut_spans import over, whole_buckets
from rollup_bench.engines.duckdb import rollup
from rollup_bench.engines.duckdb.tables import Table, TableSet
from rollup_bench.errors import RequestError
from rollup_bench.workloads.questions import Cohort, Funnel, Question, Span

EVENTS = "events"
"""The name of the table of all events."""


class Source(NamedTuple):
    """The name of a table, and what it stores; None is all events.

    If the span of the question cuts buckets of a roll-up, `whole` is the period of the other buckets, and the events of
    the rest of the span are read too.
    """

    name: str
    table: Table | None = None
    whole: Span | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all tables that are read."""
        return (self.name, EVENTS) if self.whole else (self.name,)


ALL_EVENTS = Source(EVENTS)
"""The table of all events as the source of an answer."""


def source(question: Question, plan: Plan) -> Source:
    """The table that answers a question on a plan; of several roll-ups, the smallest without cut buckets is chosen.

    RequestError if no table can answer.
    """
    tables: TableSet = plan.tables
    if not (tables.rollups or tables.cohorts or tables.funnels):
        return ALL_EVENTS
    if not tables.events:
        ((name, each),) = tables.rollups.items()
        if reason := rollup.unsupported_reason(question, each):
            raise RequestError(reason)
        return Source(name, each)
    return next(_tuned(question, plan, tables), ALL_EVENTS)


def _tuned(question: Question, plan: Plan, tables: TableSet) -> Iterator[Source]:
    """The tables other than `events` that answer a question, the best first."""
    yield from _activity_or_entries(question, plan, tables)
    for name, each in tables.rollups.items():
        if rollup.unsupported_reason(question, each) is None:
            yield Source(name, each)
    for name, each in tables.rollups.items():
        whole = whole_buckets(question, each)
        if whole and rollup.unsupported_reason(over(question, whole), each) is None:
            yield Source(name, each, whole)


def _activity_or_entries(question: Question, plan: Plan, tables: TableSet) -> Iterator[Source]:
    """The tables of activity or of entries that answer a cohort or a funnel."""
    for cohort in tables.cohorts:
        if isinstance(question, Cohort) and cohort.answers(question, plan.statistics):
            yield Source(cohort.name, cohort)
    for funnel in tables.funnels:
        if isinstance(question, Funnel) and funnel.answers(question):
            yield Source(funnel.name, funnel)
