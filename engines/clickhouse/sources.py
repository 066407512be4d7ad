"""Chooses the table that answers a question."""

from collections.abc import Iterator
from typing import NamedTuple

from rollup_bench.engines.clickhouse.rollup import Stored, unsupported_reason
from rollup_bench.engines.clickhouse.table import EVENTS
from rollup_bench.engines.clickhouse.tables import TableSet
from rollup_bench.engines.cohorts import StoredActivity
from rollup_bench.engines.contract import Plan
from rollup_bench.engines.cut_spans import over, whole_buckets
from rollup_bench.engines.funnels import StoredFunnel
from rollup_bench.errors import RequestError
from rollup_bench.workloads.questions import Cohort, Funnel, Question, Span


class Source(NamedTuple):
    """The name of a table, and what it stores; None is all events.

    If the span of the question cuts buckets of a roll-up, `whole` is the period of the other buckets, and the events of
    the rest of the span are read too.
    """

    name: str
    table: Stored | StoredActivity | StoredFunnel | None = None
    whole: Span | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all tables that are read."""
        return (self.name, EVENTS) if self.whole else (self.name,)


def source(question: Question, plan: Plan) -> Source:
    """The table that answers a question on a plan; of several roll-ups, the smallest without cut buckets is chosen.

    RequestError if no table can answer.
    """
    stored: TableSet = plan.tables.stored
    if not stored.events:
        ((name, rollup),) = stored.rollups.items()
        if reason := rollup.rollup.unsupported_reason(question):
            raise RequestError(reason)
        return Source(name, rollup)
    return next(_tuned(question, plan, stored), Source(EVENTS))


def _tuned(question: Question, plan: Plan, stored: TableSet) -> Iterator[Source]:
    """The tables beside the events that answer a question, the best first."""
    yield from _activity_or_entries(question, plan, stored)
    for name, each in stored.rollups.items():
        if unsupported_reason(question, each.rollup) is None:
            yield Source(name, each)
    for name, each in stored.rollups.items():
        whole = whole_buckets(question, each.rollup)
        if whole and unsupported_reason(over(question, whole), each.rollup) is None:
            yield Source(name, each, whole)


def _activity_or_entries(question: Question, plan: Plan, stored: TableSet) -> Iterator[Source]:
    """The tables of activity or of entries that answer a cohort or a funnel."""
    for cohort in stored.cohorts:
        if isinstance(question, Cohort) and cohort.answers(question, plan.statistics):
            yield Source(cohort.name, cohort)
    for funnel in stored.funnels:
        if isinstance(question, Funnel) and funnel.answers(question):
            yield Source(funnel.name, funnel)
