"""Retention without a join: of each subject one scan gives the birth and a bit for each period that it was seen in.

It serves where whoever returns would also have been born by it, so that nothing that counts precedes a birth, and
where the periods from the first birth to the last return fit the 63 bits of a positive integer.
"""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa

from rollup_bench.engines.druid.buckets import LENGTHS, bucket, ordinal
from rollup_bench.engines.druid.cohort import cells, ended
from rollup_bench.engines.druid.sql import Sql, Statement, conditions
from rollup_bench.engines.druid.tables import TIME, Table, quoted
from rollup_bench.workloads.questions import Cohort, Grain, milliseconds

BITS = 63


def serves(question: Cohort) -> bool:
    """Whether a mask of periods tells all that the question asks."""
    return (
        question.measure is None
        and question.by is None
        and not question.repeat
        and question.age.clock == "calendar"
        and question.age.unit not in LENGTHS
        and set(question.birth) <= set(question.returns)
        and _number(question, question.until) - _number(question, question.span.start) < BITS
    )


def cohort(question: Cohort, table: Table, source: str, subject: str) -> Statement:
    """The statement: a row is cohort, how many of its ages have ended, its subjects, and a count for each age."""
    sql = Sql()
    who = quoted(subject)
    start, end = question.span.milliseconds
    until = milliseconds(question.until)
    last, first, past = (sql.bind(ms) for ms in (max(end, until), start, end))
    born_in = f"MIN({TIME}) >= MILLIS_TO_TIMESTAMP({first}) AND MIN({TIME}) < MILLIS_TO_TIMESTAMP({past})"
    counts = [f"{TIME} >= MILLIS_TO_TIMESTAMP({first})", f"{TIME} < MILLIS_TO_TIMESTAMP({sql.bind(until)})"]
    base = sql.bind(_number(question, question.span.start))
    bit = f"BITWISE_SHIFT_LEFT(1, {ordinal(question.age.unit, question.zone, TIME)} - {base})"
    seen = f"BIT_OR({bit}) FILTER (WHERE {' AND '.join([*counts, *conditions(question.returns, sql)])})"
    where = [f"{who} IS NOT NULL", f"{TIME} < MILLIS_TO_TIMESTAMP({last})", *conditions(question.birth, sql)]
    age_zero = f"{ordinal(question.age.unit, question.zone, 'born')} - {base}"
    grain = Grain(question.grain or Grain.ALL)
    ages = [f"SUM(CASE WHEN BITWISE_AND(seen, {mask}) <> 0 THEN 1 ELSE 0 END)" for mask in _masks(question)]
    lines = [
        f"SELECT cohort, {ended(question, table, sql)} AS ended, COUNT(*) AS born, {', '.join(ages)}",
        f"FROM (\nSELECT {bucket(grain, question.zone, table.statistics, 'born')} AS cohort,",
        f"BITWISE_SHIFT_RIGHT(seen, {age_zero}) AS seen",
        f"FROM (\nSELECT {who}, MIN({TIME}) AS born, {seen} AS seen",
        f"FROM {quoted(source)}",
        f"WHERE {' AND '.join(where)}",
        f"GROUP BY {who}",
        f"HAVING {born_in}\n)\n)",
        "GROUP BY cohort",
    ]
    return sql.statement("\n".join(lines))


def answer(question: Cohort, table: Table, rows: list[list[Any]]) -> pa.Table:
    """The answer that the rows of the statement's result make."""
    return cells(question, table, [(name, size, over, values) for name, over, size, *values in rows])


def _masks(question: Cohort) -> list[int]:
    """For each age the bits that count, the first for the period of birth."""
    whole = (1 << BITS) - 1
    masks = []
    for age in range(question.age.count):
        before, through = ((1 << n * question.age.width) - 1 for n in (age, age + 1))
        if question.retention == "unbounded":
            masks.append(whole & ~before)
        else:
            masks.append(whole & (through if question.cumulative else through & ~before))
    return masks


def _number(question: Cohort, instant: datetime) -> int:
    """What `ordinal` gives for an instant."""
    day = instant.astimezone(ZoneInfo(question.zone)).date()
    match question.age.unit:
        case Grain.YEAR:
            return day.year
        case Grain.QUARTER:
            return day.year * 4 + (day.month + 2) // 3
        case Grain.MONTH:
            return day.year * 12 + day.month
        case Grain.WEEK:
            return (day.toordinal() + 6) // 7
        case _:
            return day.toordinal()
