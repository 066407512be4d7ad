"""The SQL with a row for each cohort and each age that has ended, from values by cohort and age."""

from dataclasses import replace
from typing import Any

from rollup_bench.engines.clickhouse.births import by_period, origin
from rollup_bench.engines.clickhouse.sql import Parameters
from rollup_bench.engines.clickhouse.zones import LocalTime, next_first_day, shown_at, unit, unit_at
from rollup_bench.engines.partials import Partial
from rollup_bench.engines.sql import LENGTHS
from rollup_bench.workloads.calendar import CLOCK, DAY, YEAR, is_day
from rollup_bench.workloads.events import Statistics
from rollup_bench.workloads.questions import MILLISECOND, Cohort, milliseconds


def answer(
    question: Cohort, seen: str, statistics: Statistics, local: LocalTime, parameters: Parameters
) -> tuple[str, list[Any]]:
    """The SQL with a row for each cohort of `seen` and each of its ages that has ended, and its bound values."""
    label = "label"
    if question.grain is not None and is_day(question.grain):
        label = local.start(label, question.grain)
    value, known = "found[age]", "age >= 0 AND number IS NOT NULL"
    if question.measure is not None and question.measure.column:
        value = f"if(mapContains(found, age), {value}, NULL)"
    ages = f"arrayJoin(range(toInt64({parameters.bind(question.age.count)})))"
    if question.cumulative or question.retention == "unbounded":
        way = "ASC" if question.cumulative else "DESC"
        value = f"sum({value}) OVER (PARTITION BY label ORDER BY age {way} ROWS UNBOUNDED PRECEDING)"
    lines = [
        f"SELECT {label} AS cohort, size, age, {_checked(question, statistics)} AS value FROM (",
        f"SELECT label, size, age, ended, {value} AS total FROM (",
        f"SELECT *, {_ended(question, local, parameters)} AS ended, toInt64({ages}) AS age FROM (",
        f"SELECT label, toInt64(sum(births)) AS size, {_last_birth(question, local, parameters)} AS last,",
        f"mapFromArrays(groupArrayIf(toInt64(age), {known}), groupArrayIf(number, {known})) AS found FROM (",
        seen,
        ") GROUP BY label))) WHERE age < ended ORDER BY cohort ASC NULLS LAST, age",
    ]
    return "\n".join(lines), parameters.values


def _checked(question: Cohort, statistics: Statistics) -> str:
    """The value of an age; an integer beyond 64 bits is an error."""
    if question.measure is None or question.measure.column is None:
        return "toInt64(total)"
    wide = Partial("sum", question.measure.column).is_wide(statistics)
    return "accurateCast(total, 'Nullable(Int64)')" if wide else "total"


def _ended(question: Cohort, local: LocalTime, parameters: Parameters) -> str:
    """The age at `until` of a subject born at `last`."""
    length = question.age.unit
    if not by_period(question):
        until, covering = parameters.bind(milliseconds(question.until)), _covering(question, local)
        return f"intDiv({until} - {origin(question, 'last', covering)}, {LENGTHS[length] * question.age.width})"
    last = "last"
    if question.grain in CLOCK:
        last = unit(_covering(question, local).shown("last"), length)
    elif question.grain is not None:
        last = unit("last", length)
    until = parameters.bind(unit_at(question.until, length, question.zone))
    return f"intDiv({until} - {last}, {question.age.width})"


def _last_birth(question: Cohort, local: LocalTime, parameters: Parameters) -> str:
    """The last instant at which a subject of a cohort can be born.

    If ages are of local days or longer, it is a local time for cohorts that begin with local days, and the number of
    the period for cohorts by a dimension.
    """
    last, grain = question.span.end - MILLISECOND, question.grain
    if grain is None:
        number = unit_at(last, question.age.unit, question.zone) if by_period(question) else milliseconds(last)
        return parameters.bind(number)
    if grain in CLOCK:
        return f"least(label + {CLOCK[grain] - 1}, {parameters.bind(milliseconds(last))})"
    following = next_first_day("label", grain)
    if by_period(question):
        return f"least(({following}) * {DAY} - 1, {parameters.bind(shown_at(last, question.zone))})"
    return f"least({local.start(following, grain)} - 1, {parameters.bind(milliseconds(last))})"


def _covering(question: Cohort, local: LocalTime) -> LocalTime:
    """The local time that also covers the ends of cohorts."""
    end = milliseconds(question.span.end) if question.grain is None else local.last + YEAR
    return replace(local, first=min(local.first, end), last=max(local.last, end))
