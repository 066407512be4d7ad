"""Questions answered a second time from their definitions, row by row: slow, plain, and sharing no code."""

import math
import operator
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta
from fractions import Fraction
from functools import lru_cache
from itertools import product
from typing import Any
from zoneinfo import ZoneInfo

from rollup_bench.workloads.filters import Filter
from rollup_bench.workloads.measures import Measure
from rollup_bench.workloads.questions import Aggregate, Cohort, Funnel, Question

Row = dict[str, Any]
TICK = timedelta(milliseconds=1)
LENGTHS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(7)}


def moment(row: Row) -> tuple[datetime, int]:
    """The place of an event in the order of events: its time and, among events of one millisecond, its order."""
    return row["when"], row.get("place", 0)


def answer(question: Question, rows: list[Row]) -> list[tuple[Any, ...]]:
    """The rows of the answer, in order."""
    match question:
        case Aggregate():
            return aggregate(question, rows)
        case Cohort():
            return sorted(cohort(question, rows), key=lambda row: [ordered(row[0]), row[2]])
        case Funnel():
            return sorted(funnel(question, rows), key=lambda row: [*map(ordered, row[:-1])])


def aggregate(question: Aggregate, rows: list[Row]) -> list[tuple[Any, ...]]:
    """Rows of (bucket, *by, grouping id, *measures) in the answer's order; the id is left out without subtotals."""
    groups: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in rows:
        if question.span.start <= row["when"] < question.span.end and passes(row, question.where):
            for key in _group_keys(question, row):
                groups[key].append(row)
    found = [(*key, *(_measured(m, members) for m in question.measures)) for key, members in groups.items()]
    return _topped(question, found)


def _group_keys(question: Aggregate, row: Row) -> list[tuple[Any, ...]]:
    """The groups that a row belongs to."""
    everything = str(question.grain) == "all"
    start = question.span.start if everything else _bucket(row["when"], str(question.grain), ZoneInfo(question.zone))
    values = [row[dimension] for dimension in question.by]
    if question.subtotals == "none":
        return [(start, *values)]
    keys = []
    for away in product((0, 1), repeat=len(values)):
        if question.subtotals == "cube" or list(away) == sorted(away):
            shown = [None if gone else value for value, gone in zip(values, away, strict=True)]
            keys.append((start, *shown, sum(bit * 2**place for place, bit in enumerate(reversed(away)))))
    return keys


def _measured(measure: Measure, rows: list[Row]) -> Any:
    if measure.column is None:
        return len(rows)
    values = sorted(row[measure.column] for row in rows if row[measure.column] is not None)
    match str(measure.function):
        case "distinct":
            return len(set(values))
        case _ if not values:
            return None
        case "sum":
            return sum(values) if isinstance(values[0], int) else math.fsum(values)
        case "mean":
            return sum(values) / len(values) if isinstance(values[0], int) else math.fsum(values) / len(values)
        case "min":
            return values[0]
        case "max":
            return values[-1]
        case _:
            return values[math.ceil(Fraction(str(measure.at)) * len(values)) - 1]


def _topped(question: Aggregate, rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """The rows sorted, of each bucket the first `n` where only a top is asked for."""
    keys = 1 + len(question.by) + (question.subtotals != "none")
    if question.top is None:
        return sorted(rows, key=lambda row: [ordered(value) for value in row[:keys]])
    place, sign = keys + question.measures.index(question.top.measure), 1 if question.top.smallest else -1

    def rank(row: tuple[Any, ...]) -> list[Any]:
        value = (row[place] is None, sign * (row[place] or 0))
        return [row[0], value, *(ordered(each) for each in row[1:keys])]

    seen: Counter[datetime] = Counter()
    kept = []
    for row in sorted(rows, key=rank):
        seen[row[0]] += 1
        if seen[row[0]] <= question.top.n:
            kept.append(row)
    return kept


def cohort(question: Cohort, rows: list[Row]) -> list[tuple[Any, ...]]:
    """Rows of (cohort, size, age, value) in no order."""
    matching: dict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        if row["user"] is not None and passes(row, question.birth):
            matching[row["user"]].append(row)
    members: dict[Any, dict[Any, tuple[datetime, int]]] = defaultdict(dict)
    for user, candidates in matching.items():
        born = min(map(moment, candidates))
        if question.span.start <= born[0] < question.span.end:
            at_birth = [r for r in candidates if moment(r) == born]
            members[_cohort_of(question, born[0], at_birth)][user] = born
    return [
        (key, len(births), age, _value(question, births, age, rows))
        for key, births in members.items()
        for age in range(question.age.count)
        if age_at(question, _last_birth(question, key), question.until) > age
    ]


def age_at(question: Cohort, born: datetime, instant: datetime) -> int:
    """The age at an instant."""
    unit, width = str(question.age.unit), question.age.width
    if question.age.clock == "elapsed":
        return (instant - born) // (LENGTHS[unit] * width)
    zone = ZoneInfo(question.zone)
    if unit in ("minute", "hour"):
        return (instant - _bucket(born, unit, zone)) // (LENGTHS[unit] * width)
    return (_number(instant, unit, zone) - _number(born, unit, zone)) // width


def _value(question: Cohort, births: dict[Any, tuple[datetime, int]], wanted: int, rows: list[Row]) -> Any:
    found = []
    for row in rows:
        born = births.get(row["user"])
        if born is None or not passes(row, question.returns) or row["when"] >= question.until:
            continue
        if moment(row) < born or (question.repeat and moment(row) == born):
            continue
        age = age_at(question, born[0], row["when"])
        earlier, later = question.cumulative and age < wanted, question.retention == "unbounded" and age > wanted
        if age == wanted or earlier or later:
            found.append(row)
    if question.measure is None:
        return len({row["user"] for row in found})
    if question.measure.column is None:
        return len(found)
    numbers = [row[question.measure.column] for row in found if row[question.measure.column] is not None]
    return sum(numbers) if numbers else None


def _cohort_of(question: Cohort, born: datetime, at_birth: list[Row]) -> Any:
    if question.by is not None:
        return min((r[question.by] for r in at_birth), key=ordered)
    return _bucket(born, str(question.grain), ZoneInfo(question.zone))


def _last_birth(question: Cohort, key: Any) -> datetime:
    """The last millisecond in which someone could be born into the cohort."""
    end = question.span.end
    if question.by is not None:
        return end - TICK
    unit, zone = str(question.grain), ZoneInfo(question.zone)
    return min(end, _boundary(key, key + timedelta(days=370), lambda t: _bucket(t, unit, zone) > key)) - TICK


@lru_cache(maxsize=65_536)
def _bucket(instant: datetime, unit: str, zone: ZoneInfo) -> datetime:
    """Where the bucket of an instant begins: longer than hours, with the first instant of its number."""
    if unit in ("minute", "hour"):
        wall = instant.astimezone(zone).replace(tzinfo=None)
        return instant - (wall - datetime(1970, 1, 1)) % LENGTHS[unit]
    number = _number(instant, unit, zone)
    return _boundary(instant - timedelta(days=370), instant, lambda t: _number(t, unit, zone) >= number)


def _number(instant: datetime, unit: str, zone: ZoneInfo) -> int:
    """The number of the local day, week, month, quarter or year."""
    day = instant.astimezone(zone).date()
    match unit:
        case "day":
            return day.toordinal()
        case "week":
            return (day.toordinal() - 1) // 7
        case "month":
            return day.year * 12 + day.month - 1
        case "quarter":
            return day.year * 4 + (day.month - 1) // 3
        case _:
            return day.year


def _boundary(low: datetime, high: datetime, beyond: Callable[[datetime], bool]) -> datetime:
    """The first millisecond after `low`, up to `high`, that lies beyond."""
    while high - low > TICK:
        middle = low + (high - low) // TICK // 2 * TICK
        low, high = (low, middle) if beyond(middle) else (middle, high)
    return high


def funnel(question: Funnel, rows: list[Row]) -> list[tuple[Any, ...]]:
    """Rows of (*by, step, subjects) in no order."""
    inside = [r for r in rows if r["user"] is not None and question.span.start <= r["when"] < question.span.end]
    best: dict[Any, tuple[Any, ...]] = {}
    for entry in inside:
        if not passes(entry, question.steps[0]):
            continue
        own = [r for r in inside if r["user"] == entry["user"]]
        values = tuple(entry[d] for d in question.by)
        reached = _reached(question, entry["when"], moment(entry), 1, own)
        rank = (-reached, moment(entry), tuple(map(ordered, values)), values)
        best[entry["user"]] = min(best.get(entry["user"], rank), rank, key=lambda r: r[:3])
    counts: dict[Any, list[int]] = defaultdict(lambda: [0] * len(question.steps))
    for reached, _, _, values in best.values():
        for step in range(-reached):
            counts[values][step] += 1
    return [(*values, k, n) for values, subjects in counts.items() for k, n in enumerate(subjects, start=1)]


def _reached(question: Funnel, entered: datetime, now: tuple[datetime, int], step: int, own: list[Row]) -> int:
    """The furthest step, by trying every event that could be the next."""
    if step == len(question.steps):
        return step
    limit = entered + timedelta(seconds=question.window)
    inside = [r for r in own if r["when"] <= limit and passes(r, question.steps[step])]
    following = {moment(r) for r in inside if now < moment(r)}
    return max((_reached(question, entered, then, step + 1, own) for then in following), default=step)


def ordered(value: Any) -> tuple[bool, Any]:
    """A key that sorts as answers do: text by code point, None last."""
    return value is None, value if value is not None else 0


def passes(row: Row, filters: tuple[Filter, ...]) -> bool:
    """Whether a row satisfies every filter."""
    return all(_passes(row[f.column], str(f.op), f.values) for f in filters)


def _passes(value: Any, op: str, values: tuple[Any, ...]) -> bool:
    if op == "null":
        return (value is None) is bool(values[0])
    if value is None:
        return False
    if op == "in":
        return bool(value in values)
    return bool(getattr(operator, op)(value, values[0]))
