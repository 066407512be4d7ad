"""The SQL of cohorts in ClickHouse, over events and over stored activity.

A statement over events names their table twice: for births, and for the events since then. It has no common table
expressions, because ClickHouse reads a table again wherever one is named.
"""

from typing import Any

from rollup_bench.engines.clickhouse.ages import answer
from rollup_bench.engines.clickhouse.births import born_with_origin, first_events, joined, repeats
from rollup_bench.engines.clickhouse.sql import Parameters, column, conditions, quoted, timestamp
from rollup_bench.engines.clickhouse.zones import SQL
from rollup_bench.engines.cohorts import StoredActivity
from rollup_bench.engines.integer_ages import age, stored_seen
from rollup_bench.engines.integer_statements import EventColumns
from rollup_bench.engines.integer_time import LocalTime
from rollup_bench.workloads.questions import Cohort, milliseconds


def cohort(question: Cohort, columns: EventColumns, local: LocalTime) -> tuple[str, list[Any]]:
    """The SQL of a cohort over the table of events, and its bound values."""
    parameters = Parameters()
    start, end = map(parameters.bind, question.span.milliseconds)
    firsts = first_events(question, columns, parameters, f"{column(columns.time)} < {timestamp(end)}")
    born = born_with_origin(question, columns, f"{firsts} HAVING born >= {start}", local)
    until = parameters.bind(milliseconds(question.until))
    last = f"greatest({until}, {end})"
    where = [f"{column(columns.time)} >= {timestamp(start)}", f"{column(columns.time)} < {timestamp(last)}"]
    returns = [f"instant < {until}", *repeats(question, columns)]
    returns += conditions(question.returns, parameters)
    number = question.measure.column if question.measure else None
    rows = joined(question, columns, born, where, returns, [number] if number else [])
    ages = f"SELECT *, {age(question, 'instant', 'origin', local)} AS age FROM (\n{rows})"
    return answer(question, _seen(question, ages, parameters), columns.statistics, local, parameters)


def stored_cohort(
    question: Cohort, stored: StoredActivity, columns: EventColumns, local: LocalTime
) -> tuple[str, list[Any]]:
    """The SQL of a cohort over a table of stored activity, and its bound values."""
    parameters = Parameters()
    seen = stored_seen(question, stored, SQL, quoted, parameters)
    return answer(question, seen, columns.statistics, local, parameters)


def _seen(question: Cohort, ages: str, parameters: Parameters) -> str:
    """The SELECT of births and of the value by cohort and age; births are at age 0.

    Accumulating retention counts a subject at its first or last age only.
    """
    within = f"age >= 0 AND age < {parameters.bind(question.age.count)}"
    if question.measure is None and (question.cumulative or question.retention == "unbounded"):
        extreme = "minIf(age, counts)"
        if question.retention == "unbounded":
            within, extreme = "age >= 0", f"least(maxIf(age, counts), {parameters.bind(question.age.count - 1)})"
        subjects = f"SELECT label, {extreme} AS reached, max(counts) AS seen FROM ({ages})\n"
        subjects += f"WHERE {within} GROUP BY subject, label"
        counted = "SELECT label, reached AS age, count() AS births, sum(seen) AS number"
        return f"{counted} FROM ({subjects}) GROUP BY label, reached"
    value = "uniqExactIf(subject, counts)"
    if question.measure is not None:
        value = "sumIf(number0, counts)" if question.measure.column else "countIf(counts)"
    return (
        f"SELECT label, age, uniqExactIf(subject, is_birth) AS births, {value} AS number FROM ({ages})\n"
        f"WHERE {within} GROUP BY label, age"
    )
