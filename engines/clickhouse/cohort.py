"""The SQL of cohorts in ClickHouse, over events and over stored activity.

A statement over events names their table twice: for births, and for the events since then. It has no common table
expressions, because ClickHouse reads a table again wherever one is named.
"""

from datetime import datetime
from typing import Any

from rollup_bench.engines.clickhouse.ages import answer
from rollup_bench.engines.clickhouse.births import Columns, age, born_with_origin, first_events, joined, repeats
from rollup_bench.engines.clickhouse.sql import Parameters, column, conditions, quoted, timestamp
from rollup_bench.engines.clickhouse.zones import LocalTime, first_day, shown_at
from rollup_bench.engines.cohorts import StoredActivity
from rollup_bench.workloads.calendar import CLOCK, DAY, is_day
from rollup_bench.workloads.questions import Cohort, milliseconds

BIRTH = -1
"""The age at which a table of activity counts births."""


def cohort(question: Cohort, columns: Columns, local: LocalTime) -> tuple[str, list[Any]]:
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
    question: Cohort, stored: StoredActivity, columns: Columns, local: LocalTime
) -> tuple[str, list[Any]]:
    """The SQL of a cohort over a table of stored activity, and its bound values."""
    parameters = Parameters()
    aged, value = "age", "subjects"
    if question.measure is not None:
        value = quoted(f"sum {question.measure.column}") if question.measure.column else "events"
    elif question.retention == "unbounded":
        aged, value = f"least(age, {question.age.count - 1})", "last"
    elif stored.narrows(question):
        aged, value = f"if(age < 0, age, intDiv(age, {parameters.bind(question.age.width)}))", "first"
    elif question.cumulative:
        value = "first"
    label = "label" if question.grain is None else "born"
    if question.grain is not None and is_day(question.grain):
        label = first_day("born", question.grain)
    start, end = (parameters.bind(_stored_birth(question, at)) for at in (question.span.start, question.span.end))
    where, ages = [f"born >= {start}", f"born < {end}"], stored.ages(question)
    if ages is not None:
        where.append(f"age < {parameters.bind(ages)}")
    rows = f"SELECT {label} AS cohort, {aged} AS aged, age, subjects, {value} AS amount FROM {quoted(stored.name)}"
    seen = (
        f"SELECT cohort AS label, aged AS age, sumIf(subjects, age = {BIRTH}) AS births, sum(amount) AS number\n"
        f"FROM ({rows} WHERE {' AND '.join(where)}) GROUP BY cohort, aged"
    )
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


def _stored_birth(question: Cohort, moment: datetime) -> int:
    """The value of the column `born`, in a table that stores activity, for births at a moment that begins a bucket."""
    return milliseconds(moment) if question.grain in CLOCK else shown_at(moment, question.zone) // DAY
