"""The statement of a question on the table that answers it."""

from rollup_bench.engines.integer_statements import Writer
from rollup_bench.engines.partials import Partial
from rollup_bench.engines.spark import sql, states
from rollup_bench.engines.spark.births import WIDE
from rollup_bench.engines.spark.cohort import cohort, stored_cohort
from rollup_bench.engines.spark.funnel import funnel, stored_funnel
from rollup_bench.engines.spark.sources import source
from rollup_bench.engines.spark.sql import Parameters, column, quoted
from rollup_bench.engines.spark.table import TYPES
from rollup_bench.engines.spark.zones import SQL
from rollup_bench.workloads.events import Statistics
from rollup_bench.workloads.measures import Function, Measure
from rollup_bench.workloads.rule import Part

LARGEST_EXACT = 2.0**52
"""Integers up to twice this number are exact as a DOUBLE."""


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


statement = Writer(
    SQL, source, Parameters, quoted, sql.in_span, measure, sql.aggregate, cohort, stored_cohort, funnel, stored_funnel
).statement
"""Returns the SQL of a question and its bound values, as `Writer.statement` says."""
