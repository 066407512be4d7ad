"""The SQL with a row for each cohort and each age that has ended, from values by cohort and age."""

from typing import Any

from rollup_bench.engines.integer_ages import ended, last_birth
from rollup_bench.engines.integer_time import LocalTime
from rollup_bench.engines.partials import Partial
from rollup_bench.engines.spark.sql import Parameters
from rollup_bench.workloads.calendar import is_day
from rollup_bench.workloads.events import Statistics
from rollup_bench.workloads.questions import Cohort


def answer(
    question: Cohort, seen: str, statistics: Statistics, local: LocalTime, parameters: Parameters
) -> tuple[str, list[Any]]:
    """The SQL with a row for each cohort of `seen` and each of its ages that has ended, and its bound values."""
    label = "label"
    if question.grain is not None and is_day(question.grain):
        label = local.start(label, question.grain)
    value, known = "try_element_at(found, age)", "age >= 0 AND number IS NOT NULL"
    if question.measure is None or question.measure.column is None:
        value = f"coalesce({value}, 0L)"
    ages = f"explode(sequence(0L, {parameters.bind(question.age.count)} - 1L))"
    if question.cumulative or question.retention == "unbounded":
        way = "ASC" if question.cumulative else "DESC"
        value = f"sum({value}) OVER (PARTITION BY label ORDER BY age {way} ROWS UNBOUNDED PRECEDING)"
    pairs = ", ".join(f"collect_list({each}) FILTER (WHERE {known})" for each in ("CAST(age AS BIGINT)", "number"))
    lines = [
        f"SELECT {label} AS cohort, size, age, {_checked(question, statistics)} AS value FROM (",
        f"SELECT label, size, age, ended, {value} AS total FROM (",
        f"SELECT *, {ended(question, local, parameters)} AS ended, {ages} AS age FROM (",
        f"SELECT label, CAST(sum(births) AS BIGINT) AS size, {last_birth(question, local, parameters)} AS last,",
        f"map_from_arrays({pairs}) AS found FROM (",
        seen,
        ") GROUP BY label))) WHERE age < ended ORDER BY cohort ASC NULLS LAST, age",
    ]
    return "\n".join(lines), parameters.values


def _checked(question: Cohort, statistics: Statistics) -> str:
    """The value of an age; an integer beyond 64 bits is an error."""
    column = question.measure.column if question.measure else None
    integer = column is None or Partial("sum", column).is_wide(statistics)
    return "CAST(total AS BIGINT)" if integer else "total"
