"""Funnels in the client: from each entry, the first event after it that matches the next step, and so on."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rollup_bench.engines.cohort_activity import Longs
from rollup_bench.engines.ordering import arrange
from rollup_bench.engines.partials import aggregate_rows, matching
from rollup_bench.workloads.dataset import Columns
from rollup_bench.workloads.questions import Funnel


def event_columns(question: Funnel, columns: Columns) -> list[str]:
    """The columns of events from which a funnel is computed."""
    filtered = (f.column for step in question.steps for f in step)
    return list(dict.fromkeys([columns.subject, columns.time.name, *question.by, *filtered]))


def answer(question: Funnel, events: pa.Table, columns: Columns, schema: pa.Schema) -> pa.Table:
    """The answer in its schema, from the events of the span."""
    events = events.filter(pc.field(columns.subject).is_valid())
    steps = [_subjects_and_times(matching(events, step), columns) for step in question.steps]
    entries = matching(events, question.steps[0]).select(list(dict.fromkeys([columns.subject, *question.by])))
    if not entries.num_rows:
        return schema.empty_table()
    subjects, entry_times = steps[0]
    entered = subjects.unique()
    codes = np.asarray(pc.index_in(subjects, entered), np.int64)
    reached = _reached(question, codes, entry_times, [_coded(entered, *step) for step in steps[1:]])
    best = _best(entries, reached, entry_times, columns.subject, question.by)
    return _counted(question, best, schema)


def _subjects_and_times(events: pa.Table, columns: Columns) -> tuple[pa.ChunkedArray, Longs]:
    return events[columns.subject], np.asarray(events[columns.time.name].cast(pa.int64()))


def _coded(entered: pa.Array, subjects: pa.ChunkedArray, instants: Longs) -> tuple[Longs, Longs]:
    """The subject (as its place in `entered`) and the time of a step's events, sorted; other subjects are left out."""
    codes = pc.index_in(subjects, entered)
    who, when = np.asarray(codes.drop_null(), np.int64), instants[np.asarray(codes.is_valid())]
    order = np.lexsort((when, who))
    return who[order], when[order]


def _reached(question: Funnel, who: Longs, entry_times: Longs, steps: list[tuple[Longs, Longs]]) -> Longs:
    """The furthest step, from 1, that each entry reaches by taking the first possible event of each step."""
    reached, now, active = np.ones(len(who), np.int64), entry_times, np.ones(len(who), bool)
    latest = entry_times + question.window * 1000
    for number, (subjects, instants) in enumerate(steps, start=2):
        places = _first_after(subjects, instants, who, now)
        within = np.minimum(places, max(0, len(subjects) - 1))
        active = active & (places < len(subjects))
        if len(subjects):
            active &= (subjects[within] == who) & (instants[within] <= latest)
            now = np.where(active, instants[within], now)
        reached[active] = number
    return reached


def _first_after(subjects: Longs, instants: Longs, who: Longs, now: Longs) -> Longs:
    """For each subject in `who`, the position in the sorted events of its first event after the instant `now`."""
    moments, ranks = np.unique(np.concatenate([instants, now]), return_inverse=True)
    keys = subjects * len(moments) + ranks[: len(instants)]
    return np.searchsorted(keys, who * len(moments) + ranks[len(instants) :], "right")


def _best(entries: pa.Table, reached: Longs, entry_times: Longs, subject: str, by: tuple[str, ...]) -> pa.Table:
    """Each subject's entry that reached most steps; of equals the earliest, then the first in the order of `by`."""
    marked = entries.append_column("step", pa.array(reached)).append_column("bucket", pa.array(entry_times))
    order = {subject: "ascending", "step": "descending", "bucket": "ascending"}
    ordered = marked.sort_by([*order.items(), *((d, "ascending") for d in by if d not in order)]).combine_chunks()
    codes = np.asarray(ordered[subject].combine_chunks().dictionary_encode().indices)
    return ordered.filter(pa.array(np.diff(codes, prepend=-1) != 0))


def _counted(question: Funnel, best: pa.Table, schema: pa.Schema) -> pa.Table:
    """The number of subjects that reached each step, by the dimensions of their entries."""
    furthest, parts = np.asarray(best["step"]), []
    for step in range(1, len(question.steps) + 1):
        columns = {d: best[d] for d in question.by} | {"step": pa.array(np.full(len(furthest), step))}
        parts.append(pa.table(columns | {"subjects": pa.array((furthest >= step).astype(np.int64))}))
    counted = aggregate_rows(pa.concat_tables(parts), [*question.by, "step"], {"subjects": "sum"})
    return arrange(question, counted.cast(schema))
