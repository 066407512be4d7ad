"""The SQL of cohorts in DuckDB: births, returns by age, and a row for each cohort and each age that has ended."""

from rollup_bench.engines.duckdb.sql import bucket, conditions, is_local, local, naive
from rollup_bench.engines.sql import LENGTHS, Parameters, quoted
from rollup_bench.workloads.calendar import CLOCK
from rollup_bench.workloads.questions import Age, Cohort, Grain


def cohort(question: Cohort, subject: str, time: str, integers: set[str]) -> tuple[str, list[object]]:
    """The SQL of a cohort over the table `events`, and its bound values; `integers` names the integer columns."""
    parameters = Parameters()
    ctes = {
        "firsts": _first_events(question, subject, time, parameters),
        "births": _births(question, parameters),
        "activity": _activity(question, subject, time, parameters),
        "seen": _seen(question),
        "sizes": _sizes(question, parameters),
        "cells": _cells(question, parameters),
    }
    lines = [
        "WITH " + ",\n".join(f"{name} AS ({text})" for name, text in ctes.items()),
        f"SELECT {_label(question, parameters)} AS cohort, size, age, {_value(question, integers)} AS value FROM (",
        f"SELECT cells.*, {_accumulated(question)} AS value",
        "FROM cells LEFT JOIN seen ON cells.cohort IS NOT DISTINCT FROM seen.cohort AND cells.age = seen.age",
        ") WHERE age < ended ORDER BY cohort NULLS LAST, age",
    ]
    return "\n".join(lines), parameters.values


def _first_events(question: Cohort, subject: str, time: str, parameters: Parameters) -> str:
    """The SELECT of each subject's birth and, with `by`, the dimension's smallest value (NULL last) at the birth."""
    cohort = ""
    if question.by is not None:
        by = quoted(question.by)
        cohort = f", arg_min_null({by}, row({quoted(time)}, {by} IS NULL, {by})) AS cohort"
    where = " AND ".join([f"{quoted(subject)} IS NOT NULL", *conditions(question.birth, parameters)])
    first = f"{quoted(subject)} AS subject, min({quoted(time)}) AS born{cohort}"
    return f"SELECT {first} FROM events WHERE {where} GROUP BY ALL"


def _births(question: Cohort, parameters: Parameters) -> str:
    cohort = "cohort"
    if question.grain is not None:
        cohort = f"{bucket('born', question.grain, question.zone, parameters)} AS cohort"
    start, end = parameters.bind(naive(question.span.start)), parameters.bind(naive(question.span.end))
    return f"SELECT subject, born, {cohort} FROM firsts WHERE born >= {start} AND born < {end}"


def _activity(question: Cohort, subject: str, time: str, parameters: Parameters) -> str:
    """The SELECT of the returns, before `until`, of subjects born in the span, each with cohort, subject and age."""
    number = f", {quoted(question.measure.column)} AS number" if question.measure and question.measure.column else ""
    age = _age("born", "instant", question.age, question.zone, parameters)
    where = " AND ".join(
        [f"{quoted(time)} < {parameters.bind(naive(question.until))}", *conditions(question.returns, parameters)]
    )
    returns = f"SELECT {quoted(subject)} AS subject, {quoted(time)} AS instant{number} FROM events WHERE {where}"
    return (
        f"SELECT cohort, births.subject, {age} AS age{', number' if number else ''} FROM births "
        f"JOIN ({returns}) AS returns ON returns.subject = births.subject "
        f"AND instant {'>' if question.repeat else '>='} born"
    )


def _seen(question: Cohort) -> str:
    """SELECTs a cohort's value at each age; accumulating retention counts a subject at its first or last age only."""
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


def _accumulated(question: Cohort) -> str:
    if question.retention == "unbounded":
        return "sum(value) OVER (PARTITION BY cells.cohort ORDER BY cells.age DESC)"
    if question.cumulative:
        return "sum(value) OVER (PARTITION BY cells.cohort ORDER BY cells.age)"
    return "value"


def _value(question: Cohort, integers: set[str]) -> str:
    """The SQL of a value: without events, 0 for a count and NULL for a sum; an integer beyond 64 bits is an error."""
    if question.measure is None or question.measure.column is None:
        return "CAST(coalesce(value, 0) AS BIGINT)"
    return "CAST(value AS BIGINT)" if question.measure.column in integers else "value"


def _age(born: str, instant: str, age: Age, zone: str, parameters: Parameters) -> str:
    """The SQL of the age, at `instant`, of a subject born at `born`; both are SQL expressions of UTC timestamps."""
    if age.clock == "elapsed":
        return f"(epoch_ms({instant}) - epoch_ms({born})) // {LENGTHS[age.unit] * age.width}"
    if age.unit in CLOCK:
        return (
            f"(epoch_ms({instant}) - ({bucket(born, age.unit, zone, parameters)})) // {LENGTHS[age.unit] * age.width}"
        )
    born, instant = local(born, zone, parameters), local(instant, zone, parameters)
    if age.unit is Grain.WEEK:  # date_diff('week') counts periods of 7 days, not Mondays
        return f"date_diff('day', date_trunc('week', {born}), date_trunc('week', {instant})) // {7 * age.width}"
    return f"date_diff('{age.unit}', {born}, {instant}) // {age.width}"


def _sizes(question: Cohort, parameters: Parameters) -> str:
    """The SELECT of each cohort with its number of subjects and the last instant at which its subjects can be born."""
    return f"SELECT cohort, count(*) AS size, {_last_birth(question, parameters)} AS last FROM births GROUP BY cohort"


def _last_birth(question: Cohort, parameters: Parameters) -> str:
    """The SQL of the last millisecond in which a subject of a cohort can be born."""
    end = f"CAST({parameters.bind(naive(question.span.end))} AS TIMESTAMP)"
    if question.grain is None:
        return f"{end} - INTERVAL 1 MILLISECOND"
    if question.grain in CLOCK:
        following = f"make_timestamp((cohort + {LENGTHS[question.grain]}) * 1000)"
    elif question.zone == "UTC":
        following = f"make_timestamp(cohort * 1000) + INTERVAL 1 {question.grain}"
    else:
        day = f"cohort + INTERVAL 1 {question.grain}"
        following = f"timezone('UTC', first_instant({day}, {parameters.bind(question.zone)}))"
    return f"least({following}, {end}) - INTERVAL 1 MILLISECOND"


def _cells(question: Cohort, parameters: Parameters) -> str:
    """SELECTs each cohort and age; `ended` is the age at `until` of a subject born at the cohort's last instant."""
    until = f"CAST({parameters.bind(naive(question.until))} AS TIMESTAMP)"
    ended = _age("last", until, question.age, question.zone, parameters)
    return f"SELECT *, {ended} AS ended, unnest(range({question.age.count})) AS age FROM sizes"


def _label(question: Cohort, parameters: Parameters) -> str:
    """The SQL of a cohort as answers show it: a dimension's value, or milliseconds since 1970, UTC."""
    if question.grain is None or not is_local(question.grain, question.zone):
        return "cohort"
    return f"epoch_ms(first_instant(cohort, {parameters.bind(question.zone)}))"
