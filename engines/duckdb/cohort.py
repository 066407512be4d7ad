"""The SQL of cohorts in DuckDB: births, returns by age, and a row for each cohort and each age that has ended."""

from dataclasses import replace
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from rollup_bench.engines.cohorts import StoredActivity
from rollup_bench.engines.duckdb.sql import conditions, moment, naive
from rollup_bench.engines.duckdb.zones import LocalTime
from rollup_bench.engines.sql import LENGTHS, Parameters, quoted
from rollup_bench.workloads.calendar import CLOCK, YEAR, is_day, repeats_days
from rollup_bench.workloads.dataset import Columns
from rollup_bench.workloads.questions import MILLISECOND, Age, Cohort, Grain, milliseconds

BIRTH = -1
"""The age at which a table of activity counts births."""


class Moment(NamedTuple):
    """The SQL of an instant, a UTC timestamp, and the local time of the range in which the instant lies."""

    instant: str
    local: LocalTime


def cohort(question: Cohort, columns: Columns, integers: set[str], local: LocalTime) -> tuple[str, list[object]]:
    """The SQL of a cohort over the table `events`, and its bound values; `integers` names the integer columns."""
    parameters, time = Parameters(), quoted(columns.time.name)
    column = question.measure.column if question.measure else None
    births = "cohort" if question.grain is None else f"{local.bucket('born', question.grain)} AS cohort"
    start, end = map(parameters.bind, map(naive, (question.span.start, question.span.end)))
    last = _last_birth(question, local, parameters)
    until = f"{time} < {parameters.bind(naive(question.until))}"
    born = "born, birth" if columns.order else "born"
    ctes = {
        "firsts": first_events(question, columns, parameters, f"{time} < {end}"),
        "births": f"SELECT subject, {born}, {births} FROM firsts WHERE born >= {start}",
        "activity": activity(question, [column] if column else [], columns, local, parameters, until),
        "seen": _seen(question),
        "sizes": f"SELECT cohort, count(*) AS size{last} FROM births GROUP BY cohort",
    }
    return _answer(question, ctes, integers, local, parameters)


def stored_cohort(
    question: Cohort, stored: StoredActivity, integers: set[str], local: LocalTime
) -> tuple[str, list[object]]:
    """The SQL of a cohort over a table of stored activity, and its bound values."""
    parameters = Parameters()
    age, value = "age", "sum(subjects)"
    if question.measure is not None:
        value = f"sum({quoted(f'sum {question.measure.column}')})" if question.measure.column else "sum(events)"
    elif question.retention == "unbounded":
        age, value = f"least(age, {question.age.count - 1}) AS age", "sum(last)"
    elif stored.narrows(question):
        age, value = (
            f"CASE WHEN age < 0 THEN age ELSE age // {parameters.bind(question.age.width)} END AS age",
            "sum(first)",
        )
    elif question.cumulative:
        value = "sum(first)"
    cohort = "born AS cohort"
    if question.grain is None:
        cohort = "cohort"
    elif is_day(question.grain):
        cohort = f"date_trunc('{question.grain}', born) AS cohort"
    sums = f"{cohort}, {age}, CAST(sum(subjects) AS BIGINT) AS size, {value} AS value"
    start, end = (
        parameters.bind(_stored_birth(question, moment)) for moment in (question.span.start, question.span.end)
    )
    where, ages = [f"born >= {start}", f"born < {end}"], stored.ages(question)
    if ages is not None:
        where.append(f"age < {parameters.bind(ages)}")
    ctes = {
        "seen": f"SELECT {sums} FROM {quoted(stored.name)} WHERE {' AND '.join(where)} GROUP BY ALL",
        "sizes": f"SELECT cohort, size{_last_birth(question, local, parameters)} FROM seen WHERE age = {BIRTH}",
    }
    return _answer(question, ctes, integers, local, parameters)


def _stored_birth(question: Cohort, moment: datetime) -> int | datetime:
    """The value of the column `born`, in a table that stores activity, for births in the bucket that begins then.

    A local day begins at midnight in the table, also where clocks skip it.
    """
    return (
        milliseconds(moment)
        if question.grain in CLOCK
        else datetime.combine(_shown(question, moment), datetime.min.time())
    )


def _answer(
    question: Cohort, ctes: dict[str, str], integers: set[str], local: LocalTime, parameters: Parameters
) -> tuple[str, list[object]]:
    """The SQL that joins the sizes of cohorts with the values at each age, and its bound values."""
    ctes["cells"] = _cells(question, local, parameters)
    label = "cells.cohort"
    if question.grain is not None and is_day(question.grain):
        label = local.start(label, question.grain)
    accumulates = question.cumulative or question.retention == "unbounded"
    lines = [
        "WITH " + ",\n".join(f"{name} AS ({text})" for name, text in ctes.items()),
        f"SELECT {label} AS cohort, cells.size AS size, cells.age AS age, {_value(question, integers)} AS value",
        "FROM cells LEFT JOIN seen ON cells.cohort IS NOT DISTINCT FROM seen.cohort AND cells.age = seen.age",
        f"{'QUALIFY' if accumulates else 'WHERE'} cells.age < ended ORDER BY 1 NULLS LAST, 3",
    ]
    return "\n".join(lines), parameters.values


def first_events(question: Cohort, columns: Columns, parameters: Parameters, until: str | None = None) -> str:
    """The SELECT of each subject's birth and, with `by`, the dimension's smallest value (NULL last) at the birth.

    `birth` is the place of the birth in the order of events, if the dataset has a column `order`. `until` is a
    condition that births must also meet.
    """
    subject, place = quoted(columns.subject), moment(columns)
    cohort = f", min({place}) AS birth" if columns.order else ""
    if question.by is not None:
        by = quoted(question.by)
        cohort += f", arg_min_null({by}, row({place}, {by} IS NULL, {by})) AS cohort"
    where = [f"{subject} IS NOT NULL", *([until] if until else []), *conditions(question.birth, parameters)]
    first = f"{subject} AS subject, min({quoted(columns.time.name)}) AS born{cohort}"
    return f"SELECT {first} FROM events WHERE {' AND '.join(where)} GROUP BY ALL"


def activity(
    question: Cohort,
    summed: list[str],
    columns: Columns,
    local: LocalTime,
    parameters: Parameters,
    until: str | None = None,
) -> str:
    """The SELECT of the returns of the subjects in `births`, each with its age and the values of the columns `summed`.

    The values are called `number0`, `number1` and so on. `until` is a condition that returns must also meet.
    """
    subject, time = map(quoted, (columns.subject, columns.time.name))
    numbers = "".join(f", {quoted(column)} AS number{i}" for i, column in enumerate(summed))
    place, birth = ("moment", "birth") if columns.order else ("instant", "born")
    numbers += f", {moment(columns)} AS moment" if columns.order else ""
    where = " AND ".join([*([until] if until else []), *conditions(question.returns, parameters)]) or "true"
    returns = f"SELECT {subject} AS subject, {time} AS instant{numbers} FROM events WHERE {where}"
    selected = "".join(f", number{i}" for i, _ in enumerate(summed))
    age = _age(Moment("born", local), Moment("instant", local), question.age)
    return (
        f"SELECT births.*, {age} AS age{selected} FROM births "
        f"JOIN ({returns}) AS returns ON returns.subject = births.subject "
        f"AND {place} {'>' if question.repeat else '>='} {birth}"
        f"{_not_before(local)}"
    )


def _not_before(local: LocalTime) -> str:
    """The condition that an age is not negative, if the zone's clock goes back to the day before."""
    return " WHERE age >= 0" if repeats_days(local.zone, local.first, local.last) else ""


def _seen(question: Cohort) -> str:
    """SELECTs a cohort's value at each age; accumulating retention counts a subject at its first or last age only."""
    if question.measure is not None:
        value = "count(*)" if question.measure.column is None else "sum(number0)"
        return f"SELECT cohort, age, {value} AS value FROM activity GROUP BY cohort, age"
    if question.retention == "unbounded":
        age = f"least(max(age), {question.age.count - 1})"
    elif question.cumulative:
        age = "min(age)"
    else:
        return "SELECT cohort, age, count(DISTINCT subject) AS value FROM activity GROUP BY cohort, age"
    by_subject = f"SELECT cohort, {age} AS age FROM activity GROUP BY cohort, subject"
    return f"SELECT cohort, age, count(*) AS value FROM ({by_subject}) GROUP BY cohort, age"


def _value(question: Cohort, integers: set[str]) -> str:
    """The SQL of a value: without events, 0 for a count and NULL for a sum; an integer beyond 64 bits is an error."""
    value = "value"
    if question.cumulative or question.retention == "unbounded":
        order = "" if question.cumulative else " DESC"
        value = f"sum(value) OVER (PARTITION BY cells.cohort ORDER BY cells.age{order})"
    if question.measure is None or question.measure.column is None:
        return f"CAST(coalesce({value}, 0) AS BIGINT)"
    return f"CAST({value} AS BIGINT)" if question.measure.column in integers else value


def _age(born: Moment, now: Moment, age: Age) -> str:
    """The SQL of the age, at `now`, of a subject born at `born`."""
    if age.clock == "elapsed":
        return f"(epoch_ms({now.instant}) - epoch_ms({born.instant})) // {LENGTHS[age.unit] * age.width}"
    if age.unit in CLOCK:
        begin = born.local.bucket(born.instant, age.unit)
        return f"(epoch_ms({now.instant}) - ({begin})) // {LENGTHS[age.unit] * age.width}"
    before, shown = born.local.shown(born.instant), now.local.shown(now.instant)
    if age.unit is Grain.WEEK:  # date_diff('week') counts periods of 7 days, not Mondays
        return f"date_diff('day', date_trunc('week', {before}), date_trunc('week', {shown})) // {7 * age.width}"
    return f"date_diff('{age.unit}', {before}, {shown}) // {age.width}"


def _last_birth(question: Cohort, local: LocalTime, parameters: Parameters) -> str:
    """The SQL of a column `last`: the last millisecond in which a subject of a cohort can be born.

    It is a local time if cohorts and ages begin with local days, else UTC. Cohorts by a dimension have no such column,
    because births in all of them end with the span.
    """
    if question.grain is None:
        return ""
    end = question.span.end - MILLISECOND
    following = f"(cohort + INTERVAL 1 {question.grain})"
    if question.grain in CLOCK:
        following = f"make_timestamp(1000 * (cohort + {CLOCK[question.grain]}))"
    elif not _by_day(question):
        following = f"make_timestamp(1000 * {local.start(following, question.grain)})"
    last = parameters.bind(_shown(question, end) if _by_day(question) else naive(end))
    return f", least({following} - INTERVAL 1 MILLISECOND, CAST({last} AS TIMESTAMP)) AS last"


def _by_day(question: Cohort) -> bool:
    """Whether cohorts and ages begin with a local day, so that local times suffice to compute ages."""
    calendar = question.age.clock == "calendar" and question.age.unit not in CLOCK
    return calendar and question.grain is not None and is_day(question.grain)


def _cells(question: Cohort, local: LocalTime, parameters: Parameters) -> str:
    """SELECTs each cohort and age; `ended` is the age at `until` of a subject born at the cohort's last instant."""
    until = _constant(question, question.until, local, parameters)
    if question.grain is None:
        last = _constant(question, question.span.end - MILLISECOND, local, parameters)
    else:
        zone = "UTC" if _by_day(question) else local.zone
        last = Moment("last", LocalTime(zone, local.first, local.last + YEAR))
    ended = _age(last, until, question.age)
    return f"SELECT *, {ended} AS ended, unnest(range({question.age.count})) AS age FROM sizes"


def _constant(question: Cohort, moment: datetime, local: LocalTime, parameters: Parameters) -> Moment:
    """A bound instant; if ages begin with local days, its local time, which then stands for an instant in UTC."""
    if question.age.clock == "calendar" and question.age.unit not in CLOCK:
        return Moment(f"CAST({parameters.bind(_shown(question, moment))} AS TIMESTAMP)", replace(local, zone="UTC"))
    instant = milliseconds(moment)
    covering = replace(local, first=min(local.first, instant), last=max(local.last, instant))
    return Moment(f"CAST({parameters.bind(naive(moment))} AS TIMESTAMP)", covering)


def _shown(question: Cohort, moment: datetime) -> datetime:
    """What a clock in the question's zone shows at a moment."""
    return moment.astimezone(ZoneInfo(question.zone)).replace(tzinfo=None)
