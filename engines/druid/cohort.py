"""Cohorts as Druid's SQL: births by subject, joined to what the born do, grouped by subject, then by cohort and age.

The server sends a row for each cohort and age at which something happened; the client lays them out.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa

from rollup_bench.engines.druid.buckets import DAY, LENGTHS, bucket, following, ordinal
from rollup_bench.engines.druid.sql import Sql, Statement, by_code_point, checked, conditions, sorted_back
from rollup_bench.engines.druid.tables import HALF, TIME, Table, quoted
from rollup_bench.engines.ordering import arrange
from rollup_bench.workloads import answers
from rollup_bench.workloads.measures import Function
from rollup_bench.workloads.questions import Cohort, Grain, milliseconds

TIES = 1 << 20
"""Bytes that the values of one subject's births in one millisecond may take."""
FIXED = LENGTHS | {Grain.DAY: DAY, Grain.WEEK: 7 * DAY}


def cohort(question: Cohort, table: Table, source: str, subject: str) -> Statement:
    """The statement: a row is cohort, how many of its ages have ended, age, who was born, and what is summed."""
    sql = Sql()
    sums = _sums(question, table, sql)
    lines = [
        f"SELECT cohort, {ended(question, table, sql)} AS ended, age, SUM(born) AS born,",
        ", ".join(f"SUM({name}) AS {name}" for name in sums),
        f"FROM (\n{_activity(question, table, source, subject, sums, sql)}\n)",
        "GROUP BY cohort, age",
    ]
    return sql.statement("\n".join(lines))


def answer(question: Cohort, table: Table, rows: list[list[Any]]) -> pa.Table:
    """The answer that the rows of the statement's result make."""
    over: dict[Any, int] = {}
    sizes: dict[Any, int] = {}
    found: dict[Any, dict[int, Any]] = {}
    for name, past, age, born, *sums in rows:
        over[name] = past
        sizes[name] = sizes.get(name, 0) + born
        found.setdefault(name, {})[age] = _whole(sums)
    return cells(question, table, [(n, sizes[n], over[n], _shown(question, v)) for n, v in found.items()])


def cells(question: Cohort, table: Table, cohorts: list[tuple[Any, int, int, list[Any]]]) -> pa.Table:
    """The answer of cohorts, each with its size, how many of its ages have ended, and a value for each age."""
    schema = answers.schema(question, table.statistics.schema)
    shown = [
        (cohort, size, age, value)
        for cohort, size, over, values in cohorts
        for age, value in enumerate(values[: max(over, 0)])
    ]
    columns = list(zip(*shown, strict=True)) if shown else [()] * len(schema)
    values = columns[-1] if question.measure is None else checked(str(question.measure), columns[-1])
    arrays = [pa.array(c, f.type) for c, f in zip([*columns[:-1], values], schema, strict=True)]
    return arrange(question, pa.Table.from_arrays(arrays, schema=schema))


def _whole(sums: list[Any]) -> Any:
    """A sum from its halves, if it has two."""
    return sums[0] if len(sums) == 1 or sums[0] is None else (sums[0] << HALF) + sums[1]


def _shown(question: Cohort, found: dict[int, Any]) -> list[Any]:
    """The value at each age: counts are 0 and sums NULL where there is nothing."""
    values: list[Any] = [found.get(age) for age in range(question.age.count)]
    if question.retention == "unbounded":
        values = list(_gathered(reversed(values)))[::-1]
    elif question.cumulative:
        values = list(_gathered(values))
    counted = question.measure is None or question.measure.function is Function.COUNT
    return [0 if value is None and counted else value for value in values]


def _gathered(values: Iterable[Any]) -> Iterator[Any]:
    total = None
    for value in values:
        total = value if total is None else total if value is None else total + value
        yield total


def _by_age(question: Cohort) -> bool:
    """Whether a subject counts at each age by itself, and not from its first or up to its last."""
    return question.measure is not None or (question.retention == "exact" and not question.cumulative)


def _sums(question: Cohort, table: Table, sql: Sql) -> dict[str, str]:
    """What is summed, and what it is of a subject's events."""
    counts = " AND ".join(_counting(question, sql))
    if question.measure is None:
        return {"n": f"MAX(CASE WHEN {counts} THEN 1 ELSE 0 END)"}
    terms = [f"{term} FILTER (WHERE {counts})" for term in table.terms(question.measure, "e.")]
    return {f"n{i}": term for i, term in enumerate(terms)}


def _counting(question: Cohort, sql: Sql) -> list[str]:
    """The conditions for an event that counts, given that it is not before the birth."""
    until = f"e.{TIME} < MILLIS_TO_TIMESTAMP({sql.bind(milliseconds(question.until))})"
    after = [f"e.{TIME} > b.born"] if question.repeat else []
    return [until, *after, *conditions(question.returns, sql, "e.")]


def _activity(question: Cohort, table: Table, source: str, subject: str, sums: dict[str, str], sql: Sql) -> str:
    """What each subject does, from its birth on, at each age that counts."""
    age = _age(question, f"e.{TIME}", "b.origin")
    count = sql.bind(question.age.count)
    keys = ["b.who", "b.cohort"]
    if _by_age(question):
        age = f"CASE WHEN {age} < {count} THEN {age} END"
        keys.append(age)
    else:
        extreme = "MAX" if question.retention == "unbounded" else "MIN"
        age = f"{extreme}({age}) FILTER (WHERE {' AND '.join(_counting(question, sql))})"
        age = f"LEAST({age}, {count} - 1)" if extreme == "MAX" else age
    last = sql.bind(max(milliseconds(question.until), question.span.milliseconds[1]))
    columns = ["b.who", "b.cohort", f"{age} AS age", f"MAX(CASE WHEN e.{TIME} = b.born THEN 1 ELSE 0 END) AS born"]
    return "\n".join(
        [
            f"SELECT {', '.join([*columns, *(f'{term} AS {name}' for name, term in sums.items())])}",
            f"FROM {quoted(source)} AS e",
            f"INNER JOIN (\n{_births(question, table, source, subject, sql)}\n) AS b ON e.{quoted(subject)} = b.who",
            f"WHERE e.{TIME} < MILLIS_TO_TIMESTAMP({last}) AND e.{TIME} >= b.born",
            f"GROUP BY {', '.join(keys)}",
        ]
    )


def _births(question: Cohort, table: Table, source: str, subject: str, sql: Sql) -> str:
    """Who was born in the span: when, into which cohort, and what its ages are counted from."""
    firsts = _firsts(question, table, source, subject, sql)
    cohort = (
        "cohort" if question.by else bucket(Grain(question.grain or Grain.ALL), question.zone, table.statistics, "born")
    )
    origin = _origin(question, table, "born")
    start, end = map(sql.bind, question.span.milliseconds)
    return (
        f"SELECT who, born, {cohort} AS cohort, {origin} AS origin FROM (\n{firsts}\n)\n"
        f"WHERE born >= MILLIS_TO_TIMESTAMP({start}) AND born < MILLIS_TO_TIMESTAMP({end})"
    )


def _firsts(question: Cohort, table: Table, source: str, subject: str, sql: Sql) -> str:
    """Of each subject the first event ever that matches; of several at once the first value of the dimension.

    A window would allocate 200 MB for each subject, and sort text in no order of the alphabet. So the births are joined
    to what was at them; a set that is gathered into an array is sorted, NULL first.
    """
    who = quoted(subject)
    where = " AND ".join([f"{who} IS NOT NULL", *conditions(question.birth, sql)])
    births = f"SELECT {who} AS who, MIN({TIME}) AS born FROM {quoted(source)} WHERE {where} GROUP BY {who}"
    if question.by is None:
        return births
    by = quoted(question.by)
    keys = who if who == by else f"{who}, {by}"
    firsts = (
        f"SELECT {who} AS who, {by} AS cohort, MIN({TIME}) AS born FROM {quoted(source)} WHERE {where} GROUP BY {keys}"
    )
    both = f"FROM (\n{firsts}\n) AS f\nINNER JOIN (\n{births}\n) AS m ON f.who = m.who\nWHERE f.born = m.born"
    cohorts = f"ARRAY_AGG(DISTINCT {by_code_point(question.by, table, 'f.cohort', sql)}, {TIES}) AS cohorts"
    gathered = f"SELECT f.who, MIN(f.born) AS born, {cohorts} {both}\nGROUP BY f.who"
    known = "CASE WHEN ARRAY_OFFSET(cohorts, 0) IS NULL AND ARRAY_LENGTH(cohorts) > 1 THEN 1 ELSE 0 END"
    first = sorted_back(question.by, table, f"ARRAY_OFFSET(cohorts, {known})", sql)
    return f"SELECT who, born, {first} AS cohort FROM (\n{gathered}\n)"


def _origin(question: Cohort, table: Table, born: str) -> str:
    """What ages are counted from: of an instant, given as a timestamp, the number that its clock shows."""
    age = question.age
    if age.clock == "elapsed":
        return f"TIMESTAMP_TO_MILLIS({born})"
    return (
        bucket(age.unit, question.zone, table.statistics, born)
        if age.unit in LENGTHS
        else ordinal(age.unit, question.zone, born)
    )


def _age(question: Cohort, instant: str, origin: str) -> str:
    """The age at an instant of whoever was born at the origin."""
    age = question.age
    if age.clock == "elapsed" or age.unit in LENGTHS:
        return f"DIV(TIMESTAMP_TO_MILLIS({instant}) - {origin}, {FIXED[age.unit] * age.width})"
    return f"DIV({ordinal(age.unit, question.zone, instant)} - {origin}, {age.width})"


def ended(question: Cohort, table: Table, sql: Sql) -> str:
    """How many ages have ended: the age at `until` of the last who could be born into the cohort."""
    end = sql.bind(question.span.milliseconds[1])
    if question.grain is not None:
        end = f"LEAST({following('cohort', question.grain, question.zone, table.statistics)}, {end})"
    last = f"MILLIS_TO_TIMESTAMP({end} - 1)"
    until = f"MILLIS_TO_TIMESTAMP({sql.bind(milliseconds(question.until))})"
    return _age(question, until, _origin(question, table, last))
