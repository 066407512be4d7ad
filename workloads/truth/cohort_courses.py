"""The rows of a cohort's answers while events arrive."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rollup_bench.workloads.events import Events
from rollup_bench.workloads.questions import Cohort
from rollup_bench.workloads.truth.ages import ended
from rollup_bench.workloads.truth.buckets import Longs
from rollup_bench.workloads.truth.cohort import Activity, Births, activity, births, orders
from rollup_bench.workloads.truth.courses import POSITION, Bools, Course, Key, Rows, counted, course, distinct
from rollup_bench.workloads.truth.selection import matching


def rows(question: Cohort, events: Events) -> Rows:
    """The rows of all cohorts; ValueError if a later event of the stream moves the birth of a subject."""
    born = births(question, events)
    arrived = _arrivals(question, born, events)
    parts = list(activity(question, born, events, (POSITION,)))
    starts = None if question.by else np.asarray(born.cohorts.cast(pa.int64()))
    shown = np.broadcast_to(ended(question, starts), len(born.cohorts))
    names = (born.cohorts if question.by else pa.array(starts)).to_pylist()
    cohorts = {name: number for number, name in enumerate(names)}
    begins = {
        (name, age): int(arrived[born.members == number].min())
        for name, number in cohorts.items()
        for age in range(shown[number])
    }

    def courses(key: Key) -> Mapping[str, Course]:
        name, age = key
        number = cohorts[name]
        size = counted(np.sort(arrived[born.members == number]))
        return {"size": size, "value": _value(question, born, arrived, parts, number, age)}

    return Rows(begins, courses)


def _arrivals(question: Cohort, born: Births, events: Events) -> Longs:
    """The positions of the births of the subjects `born`."""
    subject, time = events.columns.subject, events.columns.time.name
    found = pa.concat_tables(pa.table(matching(batch, question.birth)) for batch in events.batches())
    owners = np.asarray(pc.index_in(found[subject].combine_chunks(), born.subjects).fill_null(-1), np.int64)
    kept = owners >= 0
    owners, instants, within = owners[kept], np.asarray(found[time].cast(pa.int64()))[kept], orders(events, found)[kept]
    places = np.asarray(found[POSITION])[kept]
    _, first = np.unique(owners, return_index=True)
    later = np.ones(len(owners), np.bool_)
    later[first] = False
    at_birth = (instants == born.instants[owners]) & (within == born.orders[owners])
    if not at_birth[first].all() or at_birth[later].any():
        raise ValueError("births move to earlier events while events arrive late")
    return places[first]


def _value(question: Cohort, born: Births, arrived: Longs, parts: list[Activity], cohort: int, age: int) -> Course:
    """The course of the value of a cohort at an age: an event counts once it and the birth of its subject arrived."""
    places, subjects, values = list[Longs](), list[Longs](), list[pa.Array]()
    column = question.measure.column if question.measure else None
    for part in parts:
        counts = (born.members[part.places] == cohort) & _is_at(question, part.ages, age)
        positions = np.asarray(part.rows[POSITION])[counts]
        places.append(np.maximum(positions, arrived[part.places[counts]]))
        subjects.append(part.places[counts])
        if column:
            values.append(part.rows[column].filter(pa.array(counts)))
    order = np.argsort(np.concatenate(places), kind="stable")
    ordered = np.concatenate(places)[order]
    if question.measure is None:
        return distinct(ordered, pa.array(np.concatenate(subjects)[order]), question.error)
    return course(question.measure, ordered, pa.concat_arrays(values).take(pa.array(order)) if column else None)


def _is_at(question: Cohort, ages: Longs, age: int) -> Bools:
    """Whether events at these ages count at `age`."""
    if question.cumulative:
        return ages <= age
    return np.asarray(ages >= age if question.retention == "unbounded" else ages == age)
