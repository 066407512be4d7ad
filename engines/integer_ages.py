"""Ages of subjects as SQL on integers, and the age that has ended for all subjects of a cohort."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from rollup_bench.engines.cohorts import StoredActivity
from rollup_bench.engines.integer_time import Dialect, LocalTime, shown_at, unit_at
from rollup_bench.engines.sql import LENGTHS, Parameters
from rollup_bench.workloads.calendar import CLOCK, DAY, YEAR, is_day
from rollup_bench.workloads.questions import MILLISECOND, Cohort, milliseconds

BIRTH = -1
"""The age at which a table of activity counts births."""


def by_period(question: Cohort) -> bool:
    """Whether ages are of local days, weeks, months, quarters or years."""
    return question.age.clock == "calendar" and question.age.unit not in CLOCK


def origin(question: Cohort, born: str, local: LocalTime) -> str:
    """The number from which the ages of a subject born at an instant count: an instant, or that of a local period."""
    if by_period(question):
        return local.sql.unit(local.shown(born), question.age.unit)
    return born if question.age.clock == "elapsed" else local.bucket(born, question.age.unit)


def age(question: Cohort, instant: str, origin: str, local: LocalTime) -> str:
    """The age at an instant of a subject whose ages count from an origin."""
    if not by_period(question):
        return local.sql.divided(f"({instant} - {origin})", LENGTHS[question.age.unit] * question.age.width)
    unit = local.sql.unit(local.shown(instant), question.age.unit)
    return local.sql.divided(f"({unit} - {origin})", question.age.width)


def ended(question: Cohort, local: LocalTime, parameters: Parameters) -> str:
    """The age at `until` of a subject born at `last`, which `last_birth` gives."""
    length = question.age.unit
    if not by_period(question):
        until, since = (
            parameters.bind(milliseconds(question.until)),
            origin(question, "last", _covering(question, local)),
        )
        return local.sql.divided(f"({until} - {since})", LENGTHS[length] * question.age.width)
    last = "last"
    if question.grain in CLOCK:
        last = local.sql.unit(_covering(question, local).shown("last"), length)
    elif question.grain is not None:
        last = local.sql.unit("last", length)
    until = parameters.bind(unit_at(question.until, length, question.zone))
    return local.sql.divided(f"({until} - {last})", question.age.width)


def last_birth(question: Cohort, local: LocalTime, parameters: Parameters) -> str:
    """The last instant at which a subject of the cohort `label` can be born.

    If ages are of local days or longer, it is a local time for cohorts that begin with local days, and the number of
    the period for cohorts by a dimension.
    """
    last, grain, sql = question.span.end - MILLISECOND, question.grain, local.sql
    if grain is None:
        number = unit_at(last, question.age.unit, question.zone) if by_period(question) else milliseconds(last)
        return parameters.bind(number)
    if grain in CLOCK:
        return f"least(label + {sql.literal(CLOCK[grain] - 1)}, {parameters.bind(milliseconds(last))})"
    following, one = sql.following("label", grain), sql.literal(1)
    if by_period(question):
        shown = parameters.bind(shown_at(last, question.zone))
        return f"least({following} * {sql.literal(DAY)} - {one}, {shown})"
    return f"least({local.start(following, grain)} - {one}, {parameters.bind(milliseconds(last))})"


def stored_seen(
    question: Cohort, stored: StoredActivity, sql: Dialect, quoted: Callable[[str], str], parameters: Parameters
) -> str:
    """The SELECT of births and of the value by cohort and age, from a table of stored activity.

    The table has the columns `born` (a local day, or the start of a minute or an hour), perhaps `label`, `age` (`BIRTH`
    for births), `subjects`, `first`, `last`, `events`, and the sums of columns.
    """
    aged, value = "age", "subjects"
    if question.measure is not None:
        value = quoted(f"sum {question.measure.column}") if question.measure.column else "events"
    elif question.retention == "unbounded":
        aged, value = f"least(age, {sql.literal(question.age.count - 1)})", "last"
    elif stored.narrows(question):
        narrowed = sql.quotient.format("age", parameters.bind(question.age.width))
        aged, value = f"if(age < 0, age, {narrowed})", "first"
    elif question.cumulative:
        value = "first"
    label = "label" if question.grain is None else "born"
    if question.grain is not None and is_day(question.grain):
        label = sql.first("born", question.grain)
    start, end = (parameters.bind(_stored_birth(question, at)) for at in (question.span.start, question.span.end))
    where, ages = [f"born >= {start}", f"born < {end}"], stored.ages(question)
    if ages is not None:
        where.append(f"age < {parameters.bind(ages)}")
    rows = f"SELECT {label} AS cohort, {aged} AS aged, age, subjects, {value} AS amount FROM {quoted(stored.name)}"
    births = f"sum(if(age = {BIRTH}, subjects, {sql.literal(0)}))"
    return (
        f"SELECT cohort AS label, aged AS age, {births} AS births, sum(amount) AS number\n"
        f"FROM ({rows} WHERE {' AND '.join(where)}) GROUP BY cohort, aged"
    )


def _stored_birth(question: Cohort, moment: datetime) -> int:
    """The value of the column `born`, in a table that stores activity, for births at a moment that begins a bucket."""
    return milliseconds(moment) if question.grain in CLOCK else shown_at(moment, question.zone) // DAY


def _covering(question: Cohort, local: LocalTime) -> LocalTime:
    """The local time that also covers the ends of cohorts."""
    end = milliseconds(question.span.end) if question.grain is None else local.last + YEAR
    return replace(local, first=min(local.first, end), last=max(local.last, end))
