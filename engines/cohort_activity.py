"""Computes the activity of subjects by age in the client, and the answer of a cohort question from the activity's sums.

The activity is a table with a row for each subject and each age at which the subject returned, and a row at age -1 for
the subject's birth. So the size of a cohort is its number of rows at age -1, and its retention at an age is its number
of rows at this age. The column `first` is 1 in the row of a subject's first age of return and 0 at later ages; summed
over ages, it counts each subject once, for cumulative retention. `last` does so for unbounded retention.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from rollup_bench.engines.cohorts import StoredActivity
from rollup_bench.engines.partials import EVENTS, Partial, aggregate_rows, matching
from rollup_bench.engines.sql import LENGTHS
from rollup_bench.workloads import calendar
from rollup_bench.workloads.calendar import DAY
from rollup_bench.workloads.columns import INSTANT
from rollup_bench.workloads.dataset import Columns
from rollup_bench.workloads.events import Events, Statistics
from rollup_bench.workloads.measures import Function
from rollup_bench.workloads.questions import Age, Cohort, Grain, milliseconds

BORN, COHORT, AGE, SUBJECT = "born", "cohort", "age", "subject"
ROWS, FIRST, LAST = "rows", "first", "last"
BIRTH = -1
DAYS_INTO_NEXT = {Grain.DAY: 1.5, Grain.WEEK: 10, Grain.MONTH: 45, Grain.QUARTER: 135, Grain.YEAR: 550}
"""Days from the start of a bucket to the middle of the next, in every calendar and with any clock change."""
UNITS_BETWEEN = {
    Grain.DAY: pc.days_between,
    Grain.WEEK: pc.weeks_between,
    Grain.QUARTER: pc.quarters_between,
    Grain.YEAR: pc.years_between,
}
Longs = npt.NDArray[np.int64]


class EventSource(NamedTuple):
    """The events of a dataset; each call of `read` reads all events again, as tables."""

    read: Callable[[], Iterable[pa.Table]]
    columns: Columns
    statistics: Statistics


@dataclass(frozen=True)
class Births:
    """The subjects born in a span, with the time of each birth in milliseconds, its `order`, and its cohort.

    `orders` are 0 if the dataset has no column `order`; `cohorts` is None without `by`.
    """

    subjects: pa.Array
    instants: Longs
    orders: Longs
    cohorts: pa.Array | None


def question_partials(question: Cohort) -> list[Partial]:
    """The partial aggregates from which a question's measure is computed; none if the question counts subjects."""
    if question.measure is None:
        return []
    if question.measure.function is Function.COUNT:
        return [EVENTS]
    return [Partial("count", question.measure.column), Partial("sum", question.measure.column)]


def summed_columns(question: Cohort, statistics: Statistics, narrows: bool) -> dict[str, pa.DataType]:
    """The activity's columns, with types, whose sums `answer` needs in addition to the number of rows.

    `narrows` says whether the ages of the activity last one unit, and those of the question several.
    """
    if question.measure is not None:
        return {str(partial): partial.arrow_type(statistics) for partial in question_partials(question)}
    if question.retention == "unbounded":
        return {LAST: pa.int64()}
    return {FIRST: pa.int64()} if question.cumulative or narrows else {}


def event_columns(question: Cohort, columns: Columns, partials: Iterable[Partial]) -> list[str]:
    """The names of the event columns from which the activity for a question is computed."""
    filtered = (f.column for f in (*question.birth, *question.returns))
    names = [columns.subject, *columns.ordering, question.by, *filtered, *(partial.column for partial in partials)]
    return list(dict.fromkeys(name for name in names if name is not None))


def activity(question: Cohort, grain: Grain, source: EventSource, partials: Collection[Partial]) -> pa.Table:
    """The activity before the question's `until` of all subjects born in the question's span.

    The column `born` is the start of the bucket of `grain` with the subject's birth, in milliseconds since 1970, UTC.
    """
    births = _first_events(question, source)
    returns = _returns(question, births, source, partials)
    places = np.concatenate([np.arange(len(births.subjects)), np.asarray(returns["place"])])
    birth_rows = pa.table({AGE: np.full(len(births.subjects), BIRTH)})
    rows = pa.concat_tables([birth_rows, returns.drop_columns(["place"])], promote_options="default")
    starts = births.instants
    if len(starts):
        starts = np.asarray(calendar.starts(pa.array(starts), grain, question.zone))
    rows = rows.append_column(BORN, pa.array(starts[places], pa.int64()))
    rows = rows.append_column(SUBJECT, births.subjects.take(pa.array(places)))
    return rows if births.cohorts is None else rows.append_column(COHORT, births.cohorts.take(pa.array(places)))


def _first_events(question: Cohort, source: EventSource) -> Births:
    """Births in the span: each subject's first event that matches `birth`; if simultaneous, the first by `by`."""
    subject, time = source.columns.subject, source.columns.time.name
    names = list(dict.fromkeys([subject, *source.columns.ordering, *([question.by] if question.by else [])]))
    firsts = [_first_rows(matching(table, question.birth).select(names)) for table in source.read()]
    first = _first_rows(pa.concat_tables(firsts))
    start, end = question.span.milliseconds
    instants = np.asarray(first[time].cast(pa.int64()))
    born = first.filter(pa.array((start <= instants) & (instants < end))).combine_chunks()
    cohorts = born[question.by].combine_chunks() if question.by else None
    instants = np.asarray(born[time].cast(pa.int64()))
    return Births(born[subject].combine_chunks(), instants, orders(born, source.columns), cohorts)


def orders(events: pa.Table, columns: Columns) -> Longs:
    """The values of the column `order`; 0 for each event if the dataset has no such column."""
    return np.asarray(events[columns.order]) if columns.order else np.zeros(events.num_rows, np.int64)


def _first_rows(events: pa.Table) -> pa.Table:
    """The row of each subject (the first column) that sorts first by all columns; NULL is no subject."""
    ordered = events.filter(pc.field(events.column_names[0]).is_valid())
    ordered = ordered.sort_by([(name, "ascending") for name in events.column_names]).combine_chunks()
    if ordered.num_rows < 2:
        return ordered
    subjects = ordered.column(0)
    changes = np.asarray(pc.not_equal(subjects.slice(1), subjects.slice(0, len(subjects) - 1)))
    return ordered.filter(pa.array(np.append(True, changes)))


def _returns(question: Cohort, births: Births, source: EventSource, partials: Collection[Partial]) -> pa.Table:
    """A row for each subject and age at which it returned, sorted by `place` (its index in `births`) and age."""
    added = {str(partial): partial for partial in (EVENTS, *partials)}
    sums, parts = dict.fromkeys(added, "sum"), []
    for table in source.read():
        events = matching(table, question.returns)
        indices = pc.index_in(events[source.columns.subject], births.subjects)
        events, places = events.filter(indices.is_valid()), np.asarray(indices.drop_null(), np.int64)
        instants = np.asarray(events[source.columns.time.name].cast(pa.int64()))
        born = births.instants[places]
        within, birth = orders(events, source.columns), births.orders[places]
        counts = (instants > born) | (instants == born) & (within > birth if question.repeat else within >= birth)
        counts &= instants < milliseconds(question.until)
        ages = age_at(born[counts], instants[counts], question.age, question.zone)
        counts[counts], ages = ages >= 0, ages[ages >= 0]  # a clock that goes back over midnight makes a day earlier
        counted = events.filter(pa.array(counts))
        values = {name: partial.of_events(counted, source.statistics) for name, partial in added.items()}
        parts.append(aggregate_rows(pa.table({"place": places[counts], AGE: ages} | values), ["place", AGE], sums))
    rows = aggregate_rows(pa.concat_tables(parts), ["place", AGE], sums)
    rows = rows.sort_by([("place", "ascending"), (AGE, "ascending")])
    change = np.diff(np.asarray(rows["place"])) != 0
    edges = {FIRST: np.append(True, change)[: rows.num_rows], LAST: np.append(change, True)[: rows.num_rows]}
    for name, edge in edges.items():
        rows = rows.append_column(name, pa.array(edge.astype(np.int64)))
    return rows


def stored_activity(stored: StoredActivity, events: Events) -> pa.Table:
    """The rows of a table of stored activity, computed from all events: sums by birth, cohort and age."""
    question, partials = stored.definition, stored.partials
    names = event_columns(question, events.columns, partials)
    source = EventSource(lambda: map(pa.table, events.batches(names)), events.columns, events.statistics)
    return summed(activity(question, stored.grain, source, partials), partials, question.by is not None)


def summed(rows: pa.Table, partials: Iterable[Partial], by: bool) -> pa.Table:
    """The sums of the activity's rows by the birth's bucket, the cohort if `by` is true, and the age."""
    keys = [BORN, *([COHORT] if by else []), AGE]
    counted = rows.append_column(ROWS, pa.array(np.ones(rows.num_rows, np.int64)))
    return aggregate_rows(counted, keys, dict.fromkeys((ROWS, FIRST, LAST, *map(str, partials)), "sum"))


def stored_answer(stored: StoredActivity, question: Cohort, sums: pa.Table, schema: pa.Schema) -> pa.Table:
    """The answer in `schema`, from sums of stored activity; OverflowError if a value does not fit 64 bits."""
    return answer(question, _widened(sums, question.age.width) if stored.narrows(question) else sums, schema)


def _widened(sums: pa.Table, width: int) -> pa.Table:
    """Turns sums by ages of one unit into sums for one age of `width` units; a subject counts at its first return."""
    sums = sums.filter(pc.field(AGE) < width)
    birth = pc.equal(sums[AGE], BIRTH)
    rows = pc.if_else(birth, sums[ROWS], sums[FIRST])
    ages = pc.if_else(birth, BIRTH, 0).cast(pa.int64())
    for name, column in ((ROWS, rows), (AGE, ages), (FIRST, rows)):
        sums = sums.set_column(sums.column_names.index(name), name, column)
    return sums


def answer(question: Cohort, sums: pa.Table, schema: pa.Schema) -> pa.Table:
    """The answer in `schema`, from sums of births in the span; OverflowError if a value does not fit 64 bits."""
    labels = sums[COHORT if question.by else BORN].combine_chunks().dictionary_encode(null_encoding="encode")
    cohorts, places = labels.dictionary, np.asarray(labels.indices, np.int64)
    ages, shape = np.asarray(sums[AGE], np.int64), (len(cohorts), question.age.count)
    sizes = _cells(places, ages, sums[ROWS], shape, ages == BIRTH)[:, 0]
    values = _values(question, sums, places, ages, shape)
    starts = np.zeros(len(cohorts), np.int64) if question.by else np.asarray(cohorts)
    ended = ended_ages(question, starts)
    order = pc.array_sort_indices(cohorts).to_pylist()
    cells = [(cohort, age) for cohort in order for age in range(ended[cohort])]
    which = pa.array([cohort for cohort, _ in cells], pa.int64())
    label = cohorts.take(which) if question.by else cohorts.take(which).cast(INSTANT)
    try:
        value = pa.array([values[cell] for cell in cells], schema.field("value").type)
    except (OverflowError, pa.ArrowInvalid) as error:
        raise OverflowError(str(error)) from None
    columns = [label, pa.array(sizes).take(which), pa.array([age for _, age in cells], pa.int64()), value]
    return pa.table(columns, schema=schema)


def _values(
    question: Cohort, sums: pa.Table, places: Longs, ages: Longs, shape: tuple[int, int]
) -> npt.NDArray[np.object_]:
    """The value of each cohort (a row) at each age (a column); a sum of no values is None."""
    if question.retention == "unbounded":
        ages = np.minimum(ages, shape[1] - 1)
    chosen = (ages >= 0) & (ages < shape[1])
    names = list(map(str, question_partials(question)))
    if question.measure is None:
        names = [LAST if question.retention == "unbounded" else FIRST if question.cumulative else ROWS]
    *counts, values = (_accumulated(question, _cells(places, ages, sums[name], shape, chosen)) for name in names)
    return np.where(counts[0] > 0, values, np.array(None)) if counts else values.astype(object)


def _accumulated(question: Cohort, cells: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The values, added up from the first age on if the question is cumulative, from the last if it is unbounded."""
    if question.cumulative:
        return np.cumsum(cells, axis=1)
    return np.cumsum(cells[:, ::-1], axis=1)[:, ::-1] if question.retention == "unbounded" else cells


def _cells(
    places: Longs, ages: Longs, column: pa.ChunkedArray, shape: tuple[int, int], chosen: npt.NDArray[np.bool_]
) -> npt.NDArray[Any]:
    """The sums of a column's values by cohort (a row) and age (a column), of rows for which `chosen` is true."""
    if pa.types.is_decimal(column.type):
        values = np.array([int(value or 0) for value in column.to_pylist()], object)
    else:
        values = np.asarray(column.fill_null(0))
    cells = np.zeros(shape, values.dtype)
    np.add.at(cells, (places[chosen], np.maximum(ages[chosen], 0)), values[chosen])
    return cells


def age_at(births: Longs, instants: Longs, age: Age, zone: str) -> Longs:
    """The age at `instants[i]` of a subject born at `births[i]`, from 0; instants are milliseconds since 1970, UTC."""
    if age.clock == "elapsed":
        return np.asarray((instants - births) // (LENGTHS[age.unit] * age.width))
    if age.unit in calendar.CLOCK:
        begins = np.asarray(calendar.starts(pa.array(births), age.unit, zone))
        return np.asarray((instants - begins) // (LENGTHS[age.unit] * age.width))
    before, now = calendar.local(pa.array(births), zone), calendar.local(pa.array(instants), zone)
    if age.unit is Grain.MONTH:
        years = np.asarray(pc.subtract(pc.year(now), pc.year(before)))
        units = 12 * years + np.asarray(pc.month(now)) - np.asarray(pc.month(before))
    else:
        units = np.asarray(UNITS_BETWEEN[age.unit](before, now))
    return np.asarray(units // age.width, np.int64)


def ended_ages(question: Cohort, starts: Longs) -> Longs:
    """How many ages of each cohort have ended by the question's `until`; `starts` begin the buckets of the cohorts."""
    end = milliseconds(question.span.end)
    next_starts = np.full(len(starts), end)
    if question.grain in calendar.CLOCK:
        next_starts = starts + calendar.CLOCK[question.grain]
    elif question.grain is not None:
        in_next = starts + int(DAYS_INTO_NEXT[question.grain] * DAY)
        next_starts = np.asarray(calendar.starts(pa.array(in_next), question.grain, question.zone))
    last_births = np.minimum(next_starts, end) - 1
    until = np.full(len(starts), milliseconds(question.until))
    return np.minimum(age_at(last_births, until, question.age, question.zone), question.age.count)
