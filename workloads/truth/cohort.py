"""Computes right answers to cohorts: one pass over the events finds births, a second what subjects do at each age."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from rollup_bench.workloads.answers import schema
from rollup_bench.workloads.columns import INSTANT
from rollup_bench.workloads.events import Events
from rollup_bench.workloads.filters import Filter
from rollup_bench.workloads.questions import Cohort, milliseconds
from rollup_bench.workloads.truth.ages import ages, ended
from rollup_bench.workloads.truth.buckets import Longs, bucket
from rollup_bench.workloads.truth.groups import GroupFold
from rollup_bench.workloads.truth.selection import matching

HALF = 32


@dataclass(frozen=True)
class Births:
    """The subjects born in the span; `members` has the position of each subject's cohort in `cohorts`.

    `instants` are the times of births, and `orders` the values of the column `order` there, or 0 without one.
    """

    subjects: pa.Array
    instants: Longs
    orders: Longs
    members: Longs
    cohorts: pa.Array

    @property
    def sizes(self) -> Longs:
        """The number of subjects in each cohort, in the order of `cohorts`."""
        return np.bincount(self.members, minlength=len(self.cohorts))


@dataclass(frozen=True)
class Activity:
    """Events that count, in `rows`: `places` has each event's subject, as a position in `Births`, `ages` its age."""

    places: Longs
    ages: Longs
    rows: pa.RecordBatch


def answer(question: Cohort, events: Events) -> pa.Table:
    """The right answer to a cohort question; OverflowError if a sum of integers does not fit into 64 bits.

    Without a measure, needs a byte of memory for each pair of a subject born in the span and an age of the question.
    """
    return evidence(question, events)[0]


def evidence(question: Cohort, events: Events) -> tuple[pa.Table, list[float]]:
    """The right answer, and for each of its rows the sum of absolute floats behind its value, or 0.0 without floats."""
    wanted = schema(question, events.statistics.schema)
    if not events.statistics.rows:
        return wanted.empty_table(), []
    born = births(question, events)
    values, magnitudes = _values(question, born, events)
    cells = _cells(question, born)
    cohorts = pa.array([cohort for cohort, _ in cells], pa.int64())
    columns = {
        "cohort": born.cohorts.take(cohorts),
        "size": pa.array(born.sizes).take(cohorts),
        "age": pa.array([age for _, age in cells], pa.int64()),
        "value": pa.array([values[cohort][age] for cohort, age in cells], wanted.field("value").type),
    }
    return pa.table(columns, wanted), [magnitudes[c][a] if magnitudes else 0.0 for c, a in cells]


def _cells(question: Cohort, born: Births) -> list[tuple[int, int]]:
    """All pairs of a cohort's position in `born.cohorts` and an ended age of the cohort, in the answer's order."""
    starts = None if question.by else np.asarray(born.cohorts.cast(pa.int64()))
    shown = np.broadcast_to(ended(question, starts), len(born.cohorts))
    order = pc.array_sort_indices(born.cohorts).to_pylist()
    return [(cohort, age) for cohort in order for age in range(shown[cohort])]


def births(question: Cohort, events: Events) -> Births:
    """The subjects born in the span; a subject's birth is its first event ever that matches `question.birth`."""
    subject, time = events.columns.subject, events.columns.time.name
    born = _first_times(question, events)
    if events.columns.order:
        born = _simultaneous(question, events, born)
    if question.by or events.columns.order:
        born = _earliest(born, list(dict.fromkeys([subject, *events.columns.ordering, question.by or subject])))
    start, end = question.span.milliseconds
    instants = np.asarray(born[time].cast(pa.int64()))
    born = born.filter(pa.array((start <= instants) & (instants < end)))
    instants = np.asarray(born[time].cast(pa.int64()))
    cohorts = born[question.by] if question.by else _buckets(question, instants)
    coded = cohorts.combine_chunks().dictionary_encode(null_encoding="encode")
    members = np.asarray(coded.indices, np.int64)
    return Births(born[subject].combine_chunks(), instants, orders(events, born), members, coded.dictionary)


def orders(events: Events, rows: pa.Table | pa.RecordBatch) -> Longs:
    """The values of the column `order` in some rows of the events; 0 in each row if the events have no such column."""
    return np.asarray(rows[events.columns.order]) if events.columns.order else np.zeros(rows.num_rows, np.int64)


def _first_times(question: Cohort, events: Events) -> pa.Table:
    """The earliest time of each subject, with `by` of each of its values, at events that match `question.birth`."""
    subject = events.columns.subject
    first = GroupFold(list(dict.fromkeys([subject, question.by or subject])), {events.columns.time.name: "min"})
    for batch in events.batches(_columns(events, question.birth, question.by)):
        rows = matching(batch, question.birth)
        first.add(pa.table(rows.filter(rows[subject].is_valid())))
    return first.table()


def _simultaneous(question: Cohort, events: Events, born: pa.Table) -> pa.Table:
    """All events at the times `born` of subjects that match `question.birth`."""
    keys, names = [events.columns.subject, events.columns.time.name], _columns(events, question.birth, question.by)
    found = (pa.table(matching(batch, question.birth)) for batch in events.batches(names))
    return pa.concat_tables(rows.join(born, keys, join_type="left semi") for rows in found)


def _buckets(question: Cohort, instants: Longs) -> pa.ChunkedArray:
    assert question.grain is not None
    starts = bucket(instants, question.grain, question.zone, 0)
    return pa.chunked_array([pa.array(starts).cast(INSTANT)])


def _earliest(born: pa.Table, names: list[str]) -> pa.Table:
    """The row of each subject (the first of the columns `names`) that sorts first by the other columns."""
    ordered = born.sort_by([(name, "ascending") for name in names])
    codes = np.asarray(ordered[names[0]].combine_chunks().dictionary_encode().indices)
    return ordered.filter(pa.array(np.diff(codes, prepend=-1) != 0))


def activity(question: Cohort, born: Births, events: Events, others: tuple[str, ...] = ()) -> Iterator[Activity]:
    """Yields for each batch the events, with ages, of born subjects that match `returns`, from birth to `until`.

    The rows have the columns `others`, too.
    """
    subject, time = events.columns.subject, events.columns.time.name
    column = question.measure.column if question.measure else None
    for batch in events.batches([*_columns(events, question.returns, column), *others]):
        rows = matching(batch, question.returns)
        places = np.asarray(pc.index_in(rows[subject], born.subjects).fill_null(-1), np.int64)
        instants = np.asarray(rows[time].cast(pa.int64()))
        counts = (places >= 0) & _follows(question, born, places, instants, orders(events, rows))
        counts &= instants < milliseconds(question.until)
        places, instants = places[counts], instants[counts]
        aged = ages(born.instants[places], instants, question.age, question.zone)
        if question.retention == "unbounded":
            aged = np.minimum(aged, question.age.count - 1)
        wanted = (aged >= 0) & (aged < question.age.count)  # a clock that goes back over midnight makes a day earlier
        counts[counts] = wanted
        yield Activity(places[wanted], aged[wanted], rows.filter(pa.array(counts)))


def _follows(question: Cohort, born: Births, places: Longs, instants: Longs, orders: Longs) -> npt.NDArray[np.bool_]:
    """Whether each event is not before the birth at `places`; with `repeat`, whether it is after the birth."""
    if not len(born.instants):
        return np.zeros(len(places), np.bool_)
    births = born.orders[places]
    since = orders > births if question.repeat else orders >= births
    followed: npt.NDArray[np.bool_] = (instants > born.instants[places]) | (instants == born.instants[places]) & since
    return followed


def _values(question: Cohort, born: Births, events: Events) -> tuple[list[list[Any]], list[list[float]]]:
    """The value of each cohort at each age, ended or not; and the sums of absolute floats behind them, or []."""
    measure = question.measure
    found = activity(question, born, events)
    if measure is None:
        return _subjects(question, born, found).tolist(), []
    column = measure.column
    totals: dict[str, npt.NDArray[Any]] = {}
    for part in found:
        cells = (born.members[part.places], part.ages)
        for name, terms in _terms(part.rows[column] if column else pa.repeat(1, len(part.ages))).items():
            totals.setdefault(name, np.zeros((len(born.sizes), question.age.count), terms.dtype))
            np.add.at(totals[name], cells, terms)
    gathered = {name: _gathered(question, cells, np.add).tolist() for name, cells in totals.items()}
    return _sums(gathered, 0 if column is None else None), gathered.get("magnitude", [])


def _terms(numbers: pa.Array) -> dict[str, npt.NDArray[Any]]:
    """What each number adds to totals of its cohort and age; the upper and lower 32 bits of integers add up apart."""
    known, values = np.asarray(numbers.is_valid(), np.int64), np.asarray(numbers.fill_null(0))
    if numbers.type == pa.int64():
        return {"known": known, "high": values >> HALF, "low": values & (1 << HALF) - 1}
    return {"known": known, "sum": values, "magnitude": np.abs(values)}


def _sums(totals: dict[str, list[list[Any]]], nothing: int | None) -> list[list[Any]]:
    """The sum for each cohort and age, computed from `totals`; where no number is known, the sum is `nothing`."""
    known = totals["known"]
    if "sum" in totals:
        values = totals["sum"]
    else:
        halves = zip(totals["high"], totals["low"], strict=True)
        values = [[(h << HALF) + part for h, part in zip(*rows, strict=True)] for rows in halves]
    return [[v if n else nothing for n, v in zip(*rows, strict=True)] for rows in zip(known, values, strict=True)]


def _subjects(question: Cohort, born: Births, activity: Iterator[Activity]) -> Longs:
    """The number of distinct subjects with an event that counts, for each cohort and age."""
    seen = np.zeros((len(born.subjects), question.age.count), np.bool_)
    for part in activity:
        seen[part.places, part.ages] = True
    ages = _gathered(question, seen, np.logical_or).T
    return np.stack([np.bincount(born.members[present], minlength=len(born.cohorts)) for present in ages], axis=1)


def _gathered(question: Cohort, cells: npt.NDArray[Any], fold: np.ufunc) -> npt.NDArray[Any]:
    """Folds into each age (axis 1) all earlier ages if the question is cumulative, or all later ages if unbounded."""
    if question.cumulative:
        cells = fold.accumulate(cells, axis=1)
    if question.retention == "unbounded":
        cells = fold.accumulate(cells[:, ::-1], axis=1)[:, ::-1]
    return cells


def _columns(events: Events, filters: tuple[Filter, ...], also: str | None) -> list[str]:
    named = [events.columns.subject, *events.columns.ordering, *(f.column for f in filters), also]
    return list(dict.fromkeys(c for c in named if c is not None))
