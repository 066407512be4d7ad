"""The statement of a question on the table that answers it."""

from functools import lru_cache
from typing import Any

from rollup_bench.engines.cohorts import StoredActivity
from rollup_bench.engines.contract import Plan
from rollup_bench.engines.integer_time import LocalTime, local_time
from rollup_bench.engines.partials import Partial
from rollup_bench.engines.spark import sql, states
from rollup_bench.engines.spark.births import WIDE, Columns
from rollup_bench.engines.spark.cohort import cohort, stored_cohort
from rollup_bench.engines.spark.funnel import funnel, stored_funnel
from rollup_bench.engines.spark.rollup import Stored
from rollup_bench.engines.spark.sources import source
from rollup_bench.engines.spark.sql import Parameters, Rows, column, quoted
from rollup_bench.engines.spark.table import TYPES
from rollup_bench.engines.spark.zones import SQL
from rollup_bench.workloads.events import Statistics
from rollup_bench.workloads.measures import Function, Measure
from rollup_bench.workloads.questions import Aggregate, Cohort, Grain, Question, milliseconds, spanless
from rollup_bench.workloads.rule import Part

NO_CLOCK = LocalTime(SQL, "UTC", 0, 0)
"""For questions of a single bucket, whose SQL contains no local time."""
LARGEST_EXACT = 2.0**52
"""Integers up to twice this number are exact as a DOUBLE."""


def statement(question: Question, plan: Plan, local: LocalTime | None = None) -> tuple[str, list[Any]]:
    """The SQL of a question and its bound values; RequestError if the plan does not support the question.

    The SQL contains the clock changes of `local`, by default those that the question needs.
    """
    text, values = _open_statement(question, plan, local)
    return text, [value(question.span) if callable(value) else value for value in values]


def _open_statement(question: Question, plan: Plan, local: LocalTime | None) -> tuple[str, list[Any]]:
    """The SQL of a question and its bound values; functions of the span stand for values that depend on it."""
    read, roles = source(question, plan), plan.dataset.columns
    match question:
        case Aggregate():
            if local is None and question.grain is not Grain.ALL:
                local = local_time(SQL, question.zone, question.span.milliseconds, plan.statistics)
            return _aggregate(spanless(question), plan, read.name, bool(read.whole), local or NO_CLOCK)
        case Cohort():
            columns = Columns(roles, plan.statistics)
            span = question.span.milliseconds[0], milliseconds(question.until)
            local = local or local_time(SQL, question.zone, span, plan.statistics)
            if isinstance(read.table, StoredActivity):
                return stored_cohort(question, read.table, columns, local)
            return cohort(question, columns, local)
        case _:
            return stored_funnel(question, read.name, roles) if read.table else funnel(question, roles)


@lru_cache(maxsize=1024)
def _aggregate(question: Aggregate, plan: Plan, table: str, cut: bool, local: LocalTime) -> tuple[str, list[Any]]:
    """The SQL of an aggregate over a table, and its bound values; functions of the span stand for some of them.

    `cut` says that the table is a roll-up and that the events of the buckets that a span cuts are read too.
    """
    parameters, time = Parameters(), plan.dataset.columns.time.name
    stored: Stored | None = plan.tables.stored.rollups.get(table)
    if stored is None:
        rows = Rows(quoted(table), sql.in_span(time, parameters))
        return sql.aggregate(question, time, rows, lambda m: measure(m, plan.statistics), local, parameters)
    flagging = stored.rollup.flagging(question)
    whole = question.grain == stored.rollup.layout.grain
    if cut:
        rows = Rows(f"({stored.with_ends(table, parameters)})", [], whole)
    else:
        rows = Rows(quoted(table), sql.in_span(time, parameters), whole)
    return sql.aggregate(flagging, time, rows, lambda m: stored.measure(m, flagging), local, parameters)


def measure(wanted: Measure, statistics: Statistics) -> str:
    """The SQL that computes a measure from events.

    Sums of integers that may exceed 64 bits are decimals; a result that exceeds 64 bits is an error.
    """
    value = column(wanted.column)
    wide = wanted.function in (Function.SUM, Function.MEAN) and Partial("sum", wanted.column).is_wide(statistics)
    total = f"sum(CAST({value} AS {WIDE}))"
    match wanted.function:
        case Function.COUNT:
            return "count(*)"
        case Function.SUM:
            return f"CAST({total} AS BIGINT)" if wide else f"sum({value})"
        case Function.MEAN:
            return f"CAST({total} AS DOUBLE) / nullif(count({value}), 0L)" if wide else f"avg({value})"
        case Function.DISTINCT:
            return _distinct(wanted, value, statistics)
        case Function.QUANTILE:
            return _quantile(wanted, value, statistics)
        case _:
            return f"{wanted.function}({value})"


def error(wanted: Measure, statistics: Statistics) -> float:
    """The error bound of a distinct count or a quantile that is computed from events."""
    return _form(wanted, statistics).error


def _distinct(wanted: Measure, value: str, statistics: Statistics) -> str:
    """The SQL of a distinct count; `approx_count_distinct` has a column for each ten of its registers, and is slow."""
    form = _form(wanted, statistics)
    return form.estimate(form.state(value), None) if form.size else f"count(DISTINCT {value})"


def _quantile(wanted: Measure, value: str, statistics: Statistics) -> str:
    """The SQL of a quantile; `percentile_disc` computes with DOUBLE, which would round large integers.

    `approx_percentile` is not used: its errors may exceed the bound that its documents state.
    """
    form, at = _form(wanted, statistics), wanted.at or 0.5
    if form.size:
        return form.estimate(form.state(value), at)
    if form.kind == "BIGINT" and statistics.magnitude.get(str(wanted.column), 0.0) >= LARGEST_EXACT:
        return states.placed(f"array_sort(collect_list({value}))", at)
    return f"CAST(percentile_disc({at * states.LESS!r}D) WITHIN GROUP (ORDER BY {value}) AS {form.kind})"


def _form(wanted: Measure, statistics: Statistics) -> states.Form:
    """The form of the state that a distinct count or a quantile is computed from."""
    return states.form(Part(wanted.function.value), wanted.error, TYPES[statistics.types[str(wanted.column)]])
