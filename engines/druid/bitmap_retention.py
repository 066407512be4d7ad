"""Retention in Druid without a join: one scan gives each subject's birth and a bitmap of the periods of its returns.

A bitmap gives right retention if every filter of the birth is also a filter of the returns, so that no return precedes
the birth, and if `until` is fewer than 63 periods (the bits of a positive integer) after the start of the span.
"""

from datetime import datetime
from zoneinfo import ZoneInfo

import pyarrow as pa

from rollup_bench.engines.druid.buckets import bucket, ordinal
from rollup_bench.engines.druid.client import Rows
from rollup_bench.engines.druid.cohort import CohortRow, answer_table, born_in, ended_ages
from rollup_bench.engines.druid.datasource import TIME, Datasource, quoted
from rollup_bench.engines.druid.sql import Parameters, Statement, conditions
from rollup_bench.workloads.calendar import CLOCK
from rollup_bench.workloads.questions import Cohort, Grain, milliseconds

BITS = 63


def applies(question: Cohort) -> bool:
    """Whether the module's conditions hold, for retention by calendar ages of days or more without `by` or `repeat`."""
    return (
        question.measure is None
        and question.by is None
        and not question.repeat
        and question.age.clock == "calendar"
        and question.age.unit not in CLOCK
        and set(question.birth) <= set(question.returns)
        and number(question, question.until) - number(question, question.span.start) < BITS
    )


def statement(question: Cohort, datasource: Datasource, source: str) -> Statement:
    """The SQL with a row for each cohort: label, number of ages ended by `until`, size, and a count at each age."""
    parameters = Parameters()
    who = quoted(datasource.subject)
    start, end = question.span.milliseconds
    until = milliseconds(question.until)
    last, first = map(parameters.bind, (max(end, until), start))
    counts = [f"{TIME} >= MILLIS_TO_TIMESTAMP({first})", f"{TIME} < MILLIS_TO_TIMESTAMP({parameters.bind(until)})"]
    base = parameters.bind(number(question, question.span.start))
    bit = f"BITWISE_SHIFT_LEFT(1, {ordinal(question.age.unit, question.zone, TIME)} - {base})"
    seen = f"BIT_OR({bit}) FILTER (WHERE {' AND '.join([*counts, *conditions(question.returns, parameters)])})"
    where = [f"{who} IS NOT NULL", f"{TIME} < MILLIS_TO_TIMESTAMP({last})", *conditions(question.birth, parameters)]
    age_zero = f"{ordinal(question.age.unit, question.zone, 'born')} - {base}"
    grain = Grain(question.grain or Grain.ALL)
    ages = [f"SUM(CASE WHEN BITWISE_AND(seen, {mask}) <> 0 THEN 1 ELSE 0 END)" for mask in _masks(question)]
    lines = [
        f"SELECT cohort, {ended_ages(question, datasource, parameters)} AS ended, COUNT(*) AS born, {', '.join(ages)}",
        f"FROM (\nSELECT {bucket(grain, question.zone, datasource.statistics, 'born')} AS cohort,",
        f"BITWISE_SHIFT_RIGHT(seen, {age_zero}) AS seen",
        f"FROM (\nSELECT {who}, MIN({TIME}) AS born, {seen} AS seen",
        f"FROM {quoted(source)}",
        f"WHERE {' AND '.join(where)}",
        f"GROUP BY {who}",
        f"HAVING {born_in(question, parameters)}\n)\n)",
        "GROUP BY cohort",
    ]
    return parameters.statement("\n".join(lines))


def answer(question: Cohort, datasource: Datasource, rows: Rows) -> pa.Table:
    """Converts the rows of the SQL result into the answer, with a row for each cohort and ended age."""
    cohorts = [CohortRow(cohort, size, ended, values) for cohort, ended, size, *values in rows]
    return answer_table(question, datasource, cohorts)


def _masks(question: Cohort) -> list[int]:
    """The mask of each age: the bits of the periods whose returns count; bit 0 is the period of the subject's birth."""
    whole = (1 << BITS) - 1
    masks = []
    for age in range(question.age.count):
        before, through = ((1 << n * question.age.width) - 1 for n in (age, age + 1))
        if question.retention == "unbounded":
            masks.append(whole & ~before)
        else:
            masks.append(whole & (through if question.cumulative else through & ~before))
    return masks


def number(question: Cohort, instant: datetime) -> int:
    """Computes in Python what `ordinal` computes in SQL: the number of an instant's local day, week, month ..."""
    day = instant.astimezone(ZoneInfo(question.zone)).date()
    ordinals = {
        Grain.DAY: day.toordinal(),
        Grain.WEEK: (day.toordinal() + 6) // 7,
        Grain.MONTH: day.year * 12 + day.month,
        Grain.QUARTER: day.year * 4 + (day.month + 2) // 3,
        Grain.YEAR: day.year,
    }
    return ordinals[question.age.unit]
