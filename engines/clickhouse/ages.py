"""The SQL with a row for each cohort and each age that has ended, from values by cohort and age."""

from typing import Any

from rollup_bench.engines.clickhouse.sql import Parameters
from rollup_bench.engines.integer_ages import ended, last_birth
from rollup_bench.engines.integer_time import LocalTime
from rollup_bench.engines.partials import Partial
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
    value, known = "found[age]", "age >= 0 AND number IS NOT NULL"
    if question.measure is not None and question.measure.column:
        value = f"if(mapContains(found, age), {value}, NULL)"
    ages = f"arrayJoin(range(toInt64({parameters.bind(question.age.count)})))"
    if question.cumulative or question.retention == "unbounded":
        way = "ASC" if question.cumulative else "DESC"
        value = f"sum({value}) OVER (PARTITION BY label ORDER BY age {way} ROWS UNBOUNDED PRECEDING)"
    lines = [
        f"SELECT {label} AS cohort, size, age, {_checked(question, statistics)} AS value FROM (",
        f"SELECT label, size, age, ended, {value} AS total FROM (",
        f"SELECT *, {ended(question, local, parameters)} AS ended, toInt64({ages}) AS age FROM (",
        f"SELECT label, toInt64(sum(births)) AS size, {last_birth(question, local, parameters)} AS last,",
        f"mapFromArrays(groupArrayIf(toInt64(age), {known}), groupArrayIf(number, {known})) AS found FROM (",
        seen,
        ") GROUP BY label))) WHERE age < ended ORDER BY cohort ASC NULLS LAST, age",
    ]
    return "\n".join(lines), parameters.values


def _checked(question: Cohort, statistics: Statistics) -> str:
    """The value of an age; an integer beyond 64 bits is an error."""
    if question.measure is None or question.measure.column is None:
        return "toInt64(total)"
    wide = Partial("sum", question.measure.column).is_wide(statistics)
    return "accurateCast(total, 'Nullable(Int64)')" if wide else "total"
