"""The statement of a question on the table that answers it."""

from rollup_bench.engines.clickhouse import sql, states
from rollup_bench.engines.clickhouse.cohort import cohort, stored_cohort
from rollup_bench.engines.clickhouse.funnel import funnel, stored_funnel
from rollup_bench.engines.clickhouse.sources import source
from rollup_bench.engines.clickhouse.sql import Parameters, column, quoted
from rollup_bench.engines.clickhouse.zones import SQL
from rollup_bench.engines.integer_statements import Writer
from rollup_bench.engines.partials import Partial
from rollup_bench.workloads.events import Statistics
from rollup_bench.workloads.measures import Function, Measure


def measure(wanted: Measure, statistics: Statistics) -> str:
    """The SQL that computes a measure from events.

    Sums of integers that may exceed 64 bits are computed with 128; an exceeding result is an error.
    """
    value = column(wanted.column)
    wide = wanted.function in (Function.SUM, Function.MEAN) and Partial("sum", wanted.column).is_wide(statistics)
    match wanted.function:
        case Function.COUNT:
            return "toInt64(count())"
        case Function.SUM:
            return f"accurateCast(sum(toInt128({value})), 'Nullable(Int64)')" if wide else f"sum({value})"
        case Function.MEAN:
            return f"toFloat64(sum(toInt128({value}))) / count({value})" if wide else f"avg({value})"
        case Function.DISTINCT:
            return f"toInt64(ifNull({states.measured(wanted).of(value)}, 0))"
        case Function.QUANTILE:
            return states.measured(wanted).of(value)
        case _:
            return f"{wanted.function}({value})"


statement = Writer(
    SQL, source, Parameters, quoted, sql.in_span, measure, sql.aggregate, cohort, stored_cohort, funnel, stored_funnel
).statement
"""Returns the SQL of a question and its bound values, as `Writer.statement` says."""
