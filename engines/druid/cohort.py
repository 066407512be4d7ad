"""Druid's SQL of cohorts: births joined to the subjects' events since then, grouped by subject, then by cohort and age.

The result of the SQL has rows only for ages with events; the client adds the other ages and accumulates over ages.
"""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import pyarrow as pa

from rollup_bench.engines.druid.buckets import bucket, following, ordinal
from rollup_bench.engines.druid.client import Rows
from rollup_bench.engines.druid.datasource import TIME, Datasource, quoted
from rollup_bench.engines.druid.sql import Parameters, Statement, checked, code_point_key, conditions, joined, key_value
from rollup_bench.engines.ordering import arrange
from rollup_bench.engines.sql import LENGTHS
from rollup_bench.workloads import answers
from rollup_bench.workloads.calendar import CLOCK, repeats_days
from rollup_bench.workloads.measures import Function
from rollup_bench.workloads.questions import Cohort, Grain, milliseconds

TIES_BYTES = 1 << 20
"""The most bytes of a dimension's values at the simultaneous first events of one subject."""


def statement(question: Cohort, datasource: Datasource, source: str) -> Statement:
    """The SQL with a row for each cohort and age: the cohort, its number of ended ages, the age, births, and sums."""
    parameters = Parameters()
    sums = _sums(question, datasource, parameters)
    lines = [
        f"SELECT cohort, {ended_ages(question, datasource, parameters)} AS ended, age, SUM(born) AS born,",
        ", ".join(f"SUM({name}) AS {name}" for name in sums),
        f"FROM (\n{_activity(question, datasource, source, sums, parameters)}\n)",
        "GROUP BY cohort, age",
    ]
    return parameters.statement("\n".join(lines))


class CohortRow(NamedTuple):
    """A cohort, its number of subjects, how many of its ages have ended, and its value at each age."""

    cohort: Any
    size: int
    ended: int
    values: list[Any]


def answer(question: Cohort, datasource: Datasource, rows: Rows) -> pa.Table:
    """Converts the rows of the SQL result into the answer; OverflowError if a sum of integers exceeds 64 bits."""
    ended: dict[Any, int] = {}
    sizes: dict[Any, int] = {}
    sums: dict[Any, dict[int, Any]] = {}
    for cohort, ages, age, born, *parts in rows:
        ended[cohort] = ages
        sizes[cohort] = sizes.get(cohort, 0) + born
        sums.setdefault(cohort, {})[age] = parts[0] if len(parts) == 1 else joined(*parts)
    cohorts = [CohortRow(c, sizes[c], ended[c], _values(question, by_age)) for c, by_age in sums.items()]
    return answer_table(question, datasource, cohorts)


def answer_table(question: Cohort, datasource: Datasource, cohorts: list[CohortRow]) -> pa.Table:
    """The sorted answer with a row for each cohort and ended age; OverflowError if a measure exceeds 64 bits."""
    schema = answers.schema(question, datasource.statistics.schema)
    cells = [
        (row.cohort, row.size, age, value)
        for row in cohorts
        for age, value in enumerate(row.values[: max(row.ended, 0)])
    ]
    columns = list(zip(*cells, strict=True)) if cells else [()] * len(schema)
    values = columns[-1] if question.measure is None else checked(str(question.measure), columns[-1])
    arrays = [pa.array(column, f.type) for column, f in zip([*columns[:-1], values], schema, strict=True)]
    return arrange(question, pa.Table.from_arrays(arrays, schema=schema))


def _values(question: Cohort, sums: dict[int, Any]) -> list[Any]:
    """The value at each age, accumulated if the question demands it; without events a count is 0, a sum None."""
    values: list[Any] = [sums.get(age) for age in range(question.age.count)]
    if question.retention == "unbounded":
        values = list(_accumulated(reversed(values)))[::-1]
    elif question.cumulative:
        values = list(_accumulated(values))
    counted = question.measure is None or question.measure.function is Function.COUNT
    return [0 if value is None and counted else value for value in values]


def _accumulated(values: Iterable[Any]) -> Iterator[Any]:
    total = None
    for value in values:
        total = value if total is None else total if value is None else total + value
        yield total


def _sums(question: Cohort, datasource: Datasource, parameters: Parameters) -> dict[str, str]:
    """Columns by name, each as SQL over a subject's returns: 1 if there are any, or the measure's count or sum."""
    counts = " AND ".join(_return_conditions(question, parameters))
    if question.measure is None:
        return {"n": f"MAX(CASE WHEN {counts} THEN 1 ELSE 0 END)"}
    sums = datasource.event_sums(question.measure, "e.")
    return {f"n{i}": f"{total} FILTER (WHERE {counts})" for i, total in enumerate(sums)}


def _return_conditions(question: Cohort, parameters: Parameters) -> list[str]:
    """The SQL conditions under which an event `e`, at or after the birth, counts as a return."""
    until = f"e.{TIME} < MILLIS_TO_TIMESTAMP({parameters.bind(milliseconds(question.until))})"
    after = [f"e.{TIME} > b.born"] if question.repeat else []
    return [until, *after, *conditions(question.returns, parameters, "e.")]


def _activity(
    question: Cohort, datasource: Datasource, source: str, sums: dict[str, str], parameters: Parameters
) -> str:
    """SELECTs a row for each subject and age, or only for its first or last return if retention accumulates."""
    age = _age(question, f"e.{TIME}", "b.origin")
    count = parameters.bind(question.age.count)
    keys = ["b.who", "b.cohort"]
    if question.measure is not None or (question.retention == "exact" and not question.cumulative):
        age = f"CASE WHEN {age} < {count} THEN {age} END"
        keys.append(age)
    else:
        extreme = "MAX" if question.retention == "unbounded" else "MIN"
        counts = _return_conditions(question, parameters)
        known = datasource.statistics
        if repeats_days(question.zone, known.first, known.last):
            counts.append(f"{age} >= 0")
        age = f"{extreme}({age}) FILTER (WHERE {' AND '.join(counts)})"
        age = f"LEAST({age}, {count} - 1)" if extreme == "MAX" else age
    last = parameters.bind(max(milliseconds(question.until), question.span.milliseconds[1]))
    columns = ["b.who", "b.cohort", f"{age} AS age", f"MAX(CASE WHEN e.{TIME} = b.born THEN 1 ELSE 0 END) AS born"]
    births = _births(question, datasource, source, parameters)
    return "\n".join(
        [
            f"SELECT {', '.join([*columns, *(f'{total} AS {name}' for name, total in sums.items())])}",
            f"FROM {quoted(source)} AS e",
            f"INNER JOIN (\n{births}\n) AS b ON e.{quoted(datasource.subject)} = b.who",
            f"WHERE e.{TIME} < MILLIS_TO_TIMESTAMP({last}) AND e.{TIME} >= b.born",
            f"GROUP BY {', '.join(keys)}",
        ]
    )


def _births(question: Cohort, datasource: Datasource, source: str, parameters: Parameters) -> str:
    """The SELECT of each subject born in the span, with its birth, its cohort, and the number from which ages count."""
    firsts = _first_events(question, datasource, source, parameters)
    grain = Grain(question.grain or Grain.ALL)
    cohort = "cohort" if question.by else bucket(grain, question.zone, datasource.statistics, "born")
    origin = _origin(question, datasource, "born")
    return f"SELECT who, born, {cohort} AS cohort, {origin} AS origin FROM (\n{firsts}\n)"


def _first_events(question: Cohort, datasource: Datasource, source: str, parameters: Parameters) -> str:
    """The SELECT of each birth in the span and, with `by`, the dimension's smallest value (NULL last) at the birth.

    Each GROUP BY keeps the births in the span only, because the broker must hold the rows of both sides of a join.
    The SQL avoids Druid's window functions, which allocate 200 MB for each subject and sort text by UTF-16. Instead of
    a window, ARRAY_AGG(DISTINCT ...) collects the dimension's values at a subject's birth, sorted with NULL first.
    """
    who = quoted(datasource.subject)
    where = " AND ".join([f"{who} IS NOT NULL", *conditions(question.birth, parameters)])
    matching = f"FROM {quoted(source)} WHERE {where}"
    having = f"HAVING {born_in(question, parameters)}"
    births = f"SELECT {who} AS who, MIN({TIME}) AS born {matching} GROUP BY {who} {having}"
    if question.by is None:
        return births
    by = quoted(question.by)
    keys = who if who == by else f"{who}, {by}"
    firsts = f"SELECT {who} AS who, {by} AS cohort, MIN({TIME}) AS born {matching} GROUP BY {keys} {having}"
    both = f"FROM (\n{firsts}\n) AS f\nINNER JOIN (\n{births}\n) AS m ON f.who = m.who\nWHERE f.born = m.born"
    key = code_point_key(question.by, datasource, "f.cohort", parameters)
    cohorts = f"ARRAY_AGG(DISTINCT {key}, {TIES_BYTES}) AS cohorts"
    gathered = f"SELECT f.who, MIN(f.born) AS born, {cohorts} {both}\nGROUP BY f.who"
    place = "CASE WHEN ARRAY_OFFSET(cohorts, 0) IS NULL AND ARRAY_LENGTH(cohorts) > 1 THEN 1 ELSE 0 END"
    first = key_value(question.by, datasource, f"ARRAY_OFFSET(cohorts, {place})", parameters)
    return f"SELECT who, born, {first} AS cohort FROM (\n{gathered}\n)"


def born_in(question: Cohort, parameters: Parameters) -> str:
    """The SQL condition that the first of a group's events is in the question's span."""
    start, end = map(parameters.bind, question.span.milliseconds)
    return f"MIN({TIME}) >= MILLIS_TO_TIMESTAMP({start}) AND MIN({TIME}) < MILLIS_TO_TIMESTAMP({end})"


def _origin(question: Cohort, datasource: Datasource, born: str) -> str:
    """The SQL of the number from which a birth's ages count: a time, a bucket's start, or a local period's number."""
    age = question.age
    if age.clock == "elapsed":
        return f"TIMESTAMP_TO_MILLIS({born})"
    if age.unit in CLOCK:
        return bucket(age.unit, question.zone, datasource.statistics, born)
    return ordinal(age.unit, question.zone, born)


def _age(question: Cohort, instant: str, origin: str) -> str:
    """The SQL of the age at the timestamp `instant`; `origin` is the number from which the subject's ages count."""
    age = question.age
    if age.clock == "elapsed" or age.unit in CLOCK:
        return f"DIV(TIMESTAMP_TO_MILLIS({instant}) - {origin}, {LENGTHS[age.unit] * age.width})"
    return f"DIV({ordinal(age.unit, question.zone, instant)} - {origin}, {age.width})"


def ended_ages(question: Cohort, datasource: Datasource, parameters: Parameters) -> str:
    """The SQL of how many ages of a cohort ended: the age at `until` of a subject born at the cohort's end."""
    end = parameters.bind(question.span.milliseconds[1])
    if question.grain is not None:
        end = f"LEAST({following('cohort', question.grain, question.zone, datasource.statistics)}, {end})"
    last = f"MILLIS_TO_TIMESTAMP({end} - 1)"
    until = f"MILLIS_TO_TIMESTAMP({parameters.bind(milliseconds(question.until))})"
    return _age(question, until, _origin(question, datasource, last))
