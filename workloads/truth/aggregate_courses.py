"""The rows of an aggregate's answers while events arrive."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from rollup_bench.workloads.events import Events
from rollup_bench.workloads.measures import Function
from rollup_bench.workloads.questions import Aggregate
from rollup_bench.workloads.truth.aggregate import grouping_id, grouping_sets
from rollup_bench.workloads.truth.buckets import Longs, bucket
from rollup_bench.workloads.truth.courses import POSITION, Course, Key, Rows, course
from rollup_bench.workloads.truth.selection import matching, within

SAFE = 2.0**62
"""If the absolute values of a column add up to less, its sums fit into 64 bits."""


def rows(question: Aggregate, events: Events) -> Rows:
    """The rows of all groups; ValueError if answers do not tell how many events they contain."""
    _check(question, events)
    found, members = _matching(question, events), dict[Key, Longs]()
    for by in grouping_sets(question):
        members |= _members(question, by, found)
    places = np.asarray(found[POSITION])

    def courses(key: Key) -> Mapping[str, Course]:
        group = found.take(pa.array(members[key]))
        columns = {m: group[m.column].combine_chunks() if m.column else None for m in question.measures}
        return {str(m): course(m, places[members[key]], values) for m, values in columns.items()}

    return Rows({key: int(places[each[0]]) for key, each in members.items()}, courses)


def _check(question: Aggregate, events: Events) -> None:
    if question.top:
        raise ValueError("groups enter and leave the largest ones while events arrive")
    for measure in question.measures:
        if measure.function is Function.QUANTILE:
            raise ValueError(f"{measure} stays the same while many events arrive")
        large = events.statistics.magnitude.get(measure.column or "", 0.0) >= SAFE
        if large and measure.function in (Function.SUM, Function.MEAN):
            raise ValueError(f"{measure} may exceed 64 bits")


def _matching(question: Aggregate, events: Events) -> pa.Table:
    """The events that the question is about, with the start of their bucket, in milliseconds since 1970."""
    time, start, parts = events.columns.time.name, question.span.milliseconds[0], list[pa.Table]()
    for batch in events.batches():
        kept = matching(within(batch, time, question.span), question.where)
        starts = bucket(np.asarray(kept[time].cast(pa.int64())), question.grain, question.zone, start)
        parts.append(pa.table(kept).append_column("bucket", pa.array(starts, pa.int64())))
    return pa.concat_tables(parts).combine_chunks()


def _members(question: Aggregate, by: tuple[str, ...], events: pa.Table) -> dict[Key, Longs]:
    """The places of the events of each group by the dimensions `by`, ascending."""
    codes = np.zeros(events.num_rows, np.int64)
    for name in ("bucket", *by):
        encoded = events[name].combine_chunks().dictionary_encode(null_encoding="encode")
        codes = np.unique(codes * len(encoded.dictionary) + np.asarray(encoded.indices), return_inverse=True)[1]
    order = np.argsort(codes, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(codes[order])) + 1) if len(order) else []
    firsts = events.take(pa.array([group[0] for group in groups], pa.int64())).to_pylist()
    return {_key(question, by, row): group for row, group in zip(firsts, groups, strict=True)}


def _key(question: Aggregate, by: tuple[str, ...], row: Mapping[str, Any]) -> Key:
    values = (row[name] if name in by else None for name in question.by)
    grouping = () if question.subtotals == "none" else (grouping_id(question, by),)
    return row["bucket"], *values, *grouping
