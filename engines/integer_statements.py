"""Chooses the SQL of a question on the table that answers it, for engines whose times are integers in SQL."""

from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

from rollup_bench.engines.cohorts import StoredActivity
from rollup_bench.engines.contract import Plan
from rollup_bench.engines.integer_time import Dialect, LocalTime, local_time
from rollup_bench.engines.rollups import Rollup
from rollup_bench.engines.sql import Parameters
from rollup_bench.engines.tuned import Source
from rollup_bench.workloads import dataset
from rollup_bench.workloads.events import Statistics
from rollup_bench.workloads.measures import Measure
from rollup_bench.workloads.questions import Aggregate, Cohort, Funnel, Grain, Question, Span, milliseconds, spanless

Statement = tuple[str, list[Any]]
"""The text of a statement and its bound values."""


class EventColumns(NamedTuple):
    """The roles of the columns of events, and the statistics of the events."""

    roles: dataset.Columns
    statistics: Statistics

    @property
    def subject(self) -> str:
        """The name of the column of subjects."""
        return self.roles.subject

    @property
    def time(self) -> str:
        """The name of the column of times."""
        return self.roles.time.name


class Rows(NamedTuple):
    """The rows in a question's span: the SQL of a table or of a SELECT in brackets, and conditions on the rows.

    `whole` says that each row is of one bucket of the question and that its time is the start of the bucket.
    """

    source: str
    where: list[str]
    whole: bool = False


class StoredRollup(Protocol):
    """What an engine knows of a roll-up that it stores."""

    @property
    def rollup(self) -> Rollup:
        """The roll-up."""

    def with_ends(self, name: str, parameters: Any) -> str:
        """The SELECT of the rows of the whole buckets of a span, and of such rows made from the other events."""

    def measure(self, measure: Measure, question: Aggregate) -> str:
        """The SQL of a measure of a question."""


class Writer(NamedTuple):
    """How an engine writes SQL. The functions of questions return statements whose values may be functions of the span.

    `parameters` collects values, `measure` computes a measure from events, and `in_span` has the conditions of a span.
    """

    dialect: Dialect
    source: Callable[[Question, Plan], Source]
    parameters: Callable[[], Parameters]
    quoted: Callable[[str], str]
    in_span: Callable[[str, Any], list[str]]
    measure: Callable[[Measure, Statistics], str]
    aggregate: Callable[[Aggregate, str, Rows, Callable[[Measure], str], LocalTime, Any], Statement]
    cohort: Callable[[Cohort, EventColumns, LocalTime], Statement]
    stored_cohort: Callable[[Cohort, StoredActivity, EventColumns, LocalTime], Statement]
    funnel: Callable[[Funnel, dataset.Columns], Statement]
    stored_funnel: Callable[[Funnel, str, dataset.Columns], Statement]

    def statement(self, question: Question, plan: Plan, local: LocalTime | None = None) -> Statement:
        """The SQL of a question and its bound values; RequestError if the plan does not support the question.

        The SQL contains the clock changes of `local`, by default those that the question needs.
        """
        text, values = self._open(question, plan, local)
        return text, [value(question.span) if callable(value) else value for value in values]

    def _open(self, question: Question, plan: Plan, local: LocalTime | None) -> Statement:
        """The SQL of a question and its bound values; functions of the span stand for values that depend on it."""
        read, roles = self.source(question, plan), plan.dataset.columns
        match question:
            case Aggregate():
                if local is None and question.grain is not Grain.ALL:
                    local = local_time(self.dialect, question.zone, question.span.milliseconds, plan.statistics)
                clock = local or _no_clock(self.dialect)
                return _aggregate(self, spanless(question), plan, read.name, bool(read.whole), clock)
            case Cohort():
                columns = EventColumns(roles, plan.statistics)
                span = question.span.milliseconds[0], milliseconds(question.until)
                local = local or local_time(self.dialect, question.zone, span, plan.statistics)
                if isinstance(read.table, StoredActivity):
                    return self.stored_cohort(question, read.table, columns, local)
                return self.cohort(question, columns, local)
            case _:
                return self.stored_funnel(question, read.name, roles) if read.table else self.funnel(question, roles)


def bound(moment: Callable[[Span], datetime], parameters: Parameters) -> str:
    """Binds a function that returns a moment from the span, in milliseconds since 1970; returns its placeholder."""
    return parameters.bind(lambda span: milliseconds(moment(span)))


@lru_cache
def _no_clock(dialect: Dialect) -> LocalTime:
    """For questions of a single bucket, whose SQL contains no local time."""
    return LocalTime(dialect, "UTC", 0, 0)


@lru_cache(maxsize=1024)
def _aggregate(writer: Writer, question: Aggregate, plan: Plan, table: str, cut: bool, local: LocalTime) -> Statement:
    """The SQL of an aggregate over a table, and its bound values; functions of the span stand for some of them.

    `cut` says that the table is a roll-up and that the events of the buckets that a span cuts are read too.
    """
    parameters, time = writer.parameters(), plan.dataset.columns.time.name
    stored: StoredRollup | None = plan.tables.stored.rollups.get(table)
    if stored is None:
        rows = Rows(writer.quoted(table), writer.in_span(time, parameters))
        return writer.aggregate(question, time, rows, lambda m: writer.measure(m, plan.statistics), local, parameters)
    flagging = stored.rollup.flagging(question)
    whole = question.grain == stored.rollup.layout.grain
    if cut:
        rows = Rows(f"({stored.with_ends(table, parameters)})", [], whole)
    else:
        rows = Rows(writer.quoted(table), writer.in_span(time, parameters), whole)
    return writer.aggregate(flagging, time, rows, lambda m: stored.measure(m, flagging), local, parameters)
