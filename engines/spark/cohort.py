"""The SQL of cohorts in Spark, over events and over stored activity."""

from typing import Any

from rollup_bench.engines.cohorts import StoredActivity
from rollup_bench.engines.integer_ages import age, stored_seen
from rollup_bench.engines.integer_statements import EventColumns
from rollup_bench.engines.integer_time import LocalTime
from rollup_bench.engines.spark.ages import answer
from rollup_bench.engines.spark.births import born_with_origin, first_events, joined
from rollup_bench.engines.spark.sql import Parameters, column, quoted, timestamp
from rollup_bench.engines.spark.zones import SQL
from rollup_bench.workloads.questions import Cohort, milliseconds


def cohort(question: Cohort, columns: EventColumns, local: LocalTime) -> tuple[str, list[Any]]:
    """The SQL of a cohort over the table of events, and its bound values."""
    parameters = Parameters()
    start, end = map(parameters.bind, question.span.milliseconds)
    firsts = first_events(question, columns, parameters, f"{column(columns.time)} < {timestamp(end)}")
    born = born_with_origin(question, f"SELECT * FROM ({firsts}) WHERE born >= {start}", local)
    until = parameters.bind(milliseconds(question.until))
    last = f"greatest({until}, {end})"
    where = [f"{column(columns.time)} >= {timestamp(start)}", f"{column(columns.time)} < {timestamp(last)}"]
    number = question.measure.column if question.measure else None
    numbers = [number] if number else []
    rows = joined(question, columns, born, where, [f"instant < {until}"], numbers, parameters)
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
        extreme = "min(if(counts, age, NULL))"
        if question.retention == "unbounded":
            within, extreme = "age >= 0", f"least(max(if(counts, age, 0L)), {parameters.bind(question.age.count - 1)})"
        subjects = f"SELECT label, coalesce({extreme}, 0L) AS reached, max(counts) AS seen FROM ({ages})\n"
        subjects += f"WHERE {within} GROUP BY subject, label"
        counted = "SELECT label, reached AS age, count(*) AS births, count_if(seen) AS number"
        return f"{counted} FROM ({subjects}) GROUP BY label, reached"
    number, value = "max(counts)", "count_if(number)"
    if question.measure is not None:
        number = "sum(if(counts, number0, NULL))" if question.measure.column else "count_if(counts)"
        value = "sum(number)"
    subjects = f"SELECT label, age, max(is_birth) AS is_born, {number} AS number FROM ({ages})\n"
    subjects += f"WHERE {within} GROUP BY subject, label, age"
    return f"SELECT label, age, count_if(is_born) AS births, {value} AS number FROM ({subjects}) GROUP BY label, age"
