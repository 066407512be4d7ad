"""Funnels in the client: the events that match a step, searched for the first one after each entry's last."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rollup_bench.engines.cassandra import conditions
from rollup_bench.engines.cassandra.ages import Longs
from rollup_bench.engines.ordering import arrange
from rollup_bench.workloads.dataset import Columns
from rollup_bench.workloads.questions import Funnel


def needed(question: Funnel, columns: Columns) -> list[str]:
    """The columns of events that a funnel is made of."""
    filtered = (f.column for step in question.steps for f in step)
    return list(dict.fromkeys([columns.subject, columns.time.name, *question.by, *filtered]))


def answer(question: Funnel, events: pa.Table, columns: Columns, wanted: pa.Schema) -> pa.Table:
    """The answer in its schema, of the events of the span."""
    events = events.filter(pc.field(columns.subject).is_valid())
    steps = [_moments(conditions.matching(events, step), columns) for step in question.steps]
    entries = conditions.matching(events, question.steps[0]).select(
        list(dict.fromkeys([columns.subject, *question.by]))
    )
    if not entries.num_rows:
        return wanted.empty_table()
    subjects, first = steps[0]
    codes = pc.index_in(subjects, subjects.unique())
    reached = _reached(question, np.asarray(codes, np.int64), first, [_coded(subjects.unique(), *s) for s in steps[1:]])
    best = _best(entries, reached, first, columns.subject, question.by)
    return _counted(question, best, wanted)


def _moments(events: pa.Table, columns: Columns) -> tuple[pa.ChunkedArray, Longs]:
    return events[columns.subject], np.asarray(events[columns.time.name].cast(pa.int64()))


def _coded(known: pa.Array, subjects: pa.ChunkedArray, instants: Longs) -> tuple[Longs, Longs]:
    """A step's events by who and when, of those who entered, in that order."""
    codes = pc.index_in(subjects, known)
    there = np.asarray(codes.is_valid())
    who, when = np.asarray(codes.drop_null(), np.int64), instants[there]
    order = np.lexsort((when, who))
    return who[order], when[order]


def _reached(question: Funnel, who: Longs, entered: Longs, steps: list[tuple[Longs, Longs]]) -> Longs:
    """The furthest step, from 1, that each entry reaches when it takes the first event that it can at each."""
    reached, now, going = np.ones(len(who), np.int64), entered, np.ones(len(who), bool)
    latest = entered + question.window * 1000
    for number, (subjects, instants) in enumerate(steps, start=2):
        places = _after(subjects, instants, who, now)
        there = np.minimum(places, max(0, len(subjects) - 1))
        found = going & (places < len(subjects))
        if len(subjects):
            found &= (subjects[there] == who) & (instants[there] <= latest)
            now = np.where(found, instants[there], now)
        going = found
        reached[going] = number
    return reached


def _after(subjects: Longs, instants: Longs, who: Longs, now: Longs) -> Longs:
    """The place of the first event of each subject after an instant, among events in the order of both."""
    moments, ranks = np.unique(np.concatenate([instants, now]), return_inverse=True)
    keys = subjects * len(moments) + ranks[: len(instants)]
    return np.searchsorted(keys, who * len(moments) + ranks[len(instants) :], "right")


def _best(entries: pa.Table, reached: Longs, entered: Longs, subject: str, by: tuple[str, ...]) -> pa.Table:
    """Of each subject the entry that got furthest, of equals the earliest, then the first in the order of `by`."""
    marked = entries.append_column("step", pa.array(reached)).append_column("bucket", pa.array(entered))
    order = {subject: "ascending", "step": "descending", "bucket": "ascending"}
    ordered = marked.sort_by([*order.items(), *((d, "ascending") for d in by if d not in order)]).combine_chunks()
    codes = np.asarray(ordered[subject].combine_chunks().dictionary_encode().indices)
    return ordered.filter(pa.array(np.diff(codes, prepend=-1) != 0))


def _counted(question: Funnel, best: pa.Table, wanted: pa.Schema) -> pa.Table:
    """How many got to each step at least, by the dimensions at their entry."""
    furthest, parts = np.asarray(best["step"]), []
    for step in range(1, len(question.steps) + 1):
        columns = {d: best[d] for d in question.by} | {"step": pa.array(np.full(len(furthest), step))}
        parts.append(pa.table(columns | {"subjects": pa.array((furthest >= step).astype(np.int64))}))
    keys = [*question.by, "step"]
    grouped = pa.concat_tables(parts).group_by(keys, use_threads=False).aggregate([("subjects", "sum")])
    counted = grouped.select([*keys, "subjects_sum"]).rename_columns(wanted.names)
    return arrange(question, counted.cast(wanted))
