"""Cohorts as DuckDB's SQL: births, what the born do at each age, and a cell for each age that has ended."""

from rollup_bench.engines.duckdb.sql import LENGTHS, Sql, bucket, conditions, is_local, local, naive, quoted
from rollup_bench.workloads.questions import Age, Cohort, Grain

FIXED = LENGTHS | {Grain.DAY: 86_400_000, Grain.WEEK: 7 * 86_400_000}


def cohort(question: Cohort, subject: str, time: str, integers: set[str]) -> tuple[str, list[object]]:
    """The statement of a cohort over the table `events`, and its values."""
    sql = Sql()
    ctes = {
        "firsts": _firsts(question, subject, time, sql),
        "births": _births(question, sql),
        "activity": _activity(question, subject, time, sql),
        "seen": _seen(question),
        "sizes": f"SELECT cohort, count(*) AS size, {_last(question, sql)} AS last FROM births GROUP BY cohort",
        "cells": f"SELECT *, {_ended(question, sql)} AS ended, unnest(range({question.age.count})) AS age FROM sizes",
    }
    lines = [
        "WITH " + ",\n".join(f"{name} AS ({text})" for name, text in ctes.items()),
        f"SELECT {_begin(question, sql)} AS cohort, size, age, {_value(question, integers)} AS value FROM (",
        f"SELECT cells.*, {_gathered(question)} AS value",
        "FROM cells LEFT JOIN seen ON cells.cohort IS NOT DISTINCT FROM seen.cohort AND cells.age = seen.age",
        ") WHERE age < ended ORDER BY cohort NULLS LAST, age",
    ]
    return "\n".join(lines), sql.values


def _firsts(question: Cohort, subject: str, time: str, sql: Sql) -> str:
    """Of each subject the first event ever that matches; of several at once the first value of the dimension."""
    cohort = ""
    if question.by is not None:
        by = quoted(question.by)
        cohort = f", arg_min_null({by}, row({quoted(time)}, {by} IS NULL, {by})) AS cohort"
    where = " AND ".join([f"{quoted(subject)} IS NOT NULL", *conditions(question.birth, sql)])
    first = f"{quoted(subject)} AS subject, min({quoted(time)}) AS born{cohort}"
    return f"SELECT {first} FROM events WHERE {where} GROUP BY ALL"


def _births(question: Cohort, sql: Sql) -> str:
    cohort = "cohort"
    if question.grain is not None:
        cohort = f"{bucket('born', question.grain, question.zone, sql)} AS cohort"
    start, end = sql.bind(naive(question.span.start)), sql.bind(naive(question.span.end))
    return f"SELECT subject, born, {cohort} FROM firsts WHERE born >= {start} AND born < {end}"


def _activity(question: Cohort, subject: str, time: str, sql: Sql) -> str:
    """What the born do from birth to `until`, each event with its age."""
    number = f", {quoted(question.measure.column)} AS number" if question.measure and question.measure.column else ""
    age = _age("born", "instant", question.age, question.zone, sql)
    where = " AND ".join([f"{quoted(time)} < {sql.bind(naive(question.until))}", *conditions(question.returns, sql)])
    returns = f"SELECT {quoted(subject)} AS subject, {quoted(time)} AS instant{number} FROM events WHERE {where}"
    return (
        f"SELECT cohort, births.subject, {age} AS age{', number' if number else ''} FROM births "
        f"JOIN ({returns}) AS returns ON returns.subject = births.subject "
        f"AND instant {'>' if question.repeat else '>='} born"
    )


def _seen(question: Cohort) -> str:
    """What was seen of each cohort at each age; with ages taken together a subject stands at its first or its last."""
    if question.measure is not None:
        value = "count(*)" if question.measure.column is None else "sum(number)"
        return f"SELECT cohort, age, {value} AS value FROM activity GROUP BY cohort, age"
    if question.retention == "unbounded":
        age = f"least(max(age), {question.age.count - 1})"
    elif question.cumulative:
        age = "min(age)"
    else:
        return "SELECT cohort, age, count(DISTINCT subject) AS value FROM activity GROUP BY cohort, age"
    by_subject = f"SELECT cohort, {age} AS age FROM activity GROUP BY cohort, subject"
    return f"SELECT cohort, age, count(*) AS value FROM ({by_subject}) GROUP BY cohort, age"


def _gathered(question: Cohort) -> str:
    if question.retention == "unbounded":
        return "sum(value) OVER (PARTITION BY cells.cohort ORDER BY cells.age DESC)"
    if question.cumulative:
        return "sum(value) OVER (PARTITION BY cells.cohort ORDER BY cells.age)"
    return "value"


def _value(question: Cohort, integers: set[str]) -> str:
    """Counts are 0 and sums NULL where there is nothing; an integer too big for 64 bits is an error, if it is shown."""
    if question.measure is None or question.measure.column is None:
        return "CAST(coalesce(value, 0) AS BIGINT)"
    return "CAST(value AS BIGINT)" if question.measure.column in integers else "value"


def _age(born: str, instant: str, age: Age, zone: str, sql: Sql) -> str:
    """The age at an instant, an expression, of whoever was born at the column `born`; both are UTC timestamps."""
    if age.clock == "elapsed":
        return f"(epoch_ms({instant}) - epoch_ms({born})) // {FIXED[age.unit] * age.width}"
    if age.unit in LENGTHS:
        return f"(epoch_ms({instant}) - ({bucket(born, age.unit, zone, sql)})) // {LENGTHS[age.unit] * age.width}"
    born, instant = local(born, zone, sql), local(instant, zone, sql)
    if age.unit is Grain.WEEK:  # date_diff counts sevens of days, not Mondays
        return f"date_diff('day', date_trunc('week', {born}), date_trunc('week', {instant})) // {7 * age.width}"
    return f"date_diff('{age.unit}', {born}, {instant}) // {age.width}"


def _last(question: Cohort, sql: Sql) -> str:
    """The last millisecond in which somebody could be born into a cohort."""
    end = f"CAST({sql.bind(naive(question.span.end))} AS TIMESTAMP)"
    if question.grain is None:
        return f"{end} - INTERVAL 1 MILLISECOND"
    if question.grain in LENGTHS:
        following = f"make_timestamp((cohort + {LENGTHS[question.grain]}) * 1000)"
    elif question.zone == "UTC":
        following = f"make_timestamp(cohort * 1000) + INTERVAL 1 {question.grain}"
    else:
        day = f"cohort + INTERVAL 1 {question.grain}"
        following = f"timezone('UTC', first_instant({day}, {sql.bind(question.zone)}))"
    return f"least({following}, {end}) - INTERVAL 1 MILLISECOND"


def _ended(question: Cohort, sql: Sql) -> str:
    """How many ages have ended: the age at `until` of the last who could be born into the cohort."""
    until = f"CAST({sql.bind(naive(question.until))} AS TIMESTAMP)"
    return _age("last", until, question.age, question.zone, sql)


def _begin(question: Cohort, sql: Sql) -> str:
    """The cohort as answers show it."""
    if question.grain is None or not is_local(question.grain, question.zone):
        return "cohort"
    return f"epoch_ms(first_instant(cohort, {sql.bind(question.zone)}))"
