"""Computes funnels in the client: from each entry, the subject's first later event for the next step, and so on."""

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rollup_bench.engines.cohort_activity import Longs
from rollup_bench.engines.funnels import Steps, StoredFunnel
from rollup_bench.engines.ordering import arrange
from rollup_bench.engines.partials import aggregate_rows, matching
from rollup_bench.workloads.dataset import Columns
from rollup_bench.workloads.events import Events
from rollup_bench.workloads.filters import Filter
from rollup_bench.workloads.questions import Funnel

ENTRY, REACHED = "entry()", "reached()"
NEVER = 1 << 62
"""Stands for the time of a step that is not reached, in arrays without NULL."""


def step_columns(steps: Steps) -> list[str]:
    """The names of the columns that hold the times of the steps after the first: step(2), step(3) and so on."""
    return [f"step({number})" for number in range(2, len(steps) + 1)]


def event_columns(steps: Steps, by: Sequence[str], columns: Columns) -> list[str]:
    """The names of the event columns from which the entries of a funnel are computed."""
    filtered = (f.column for step in steps for f in step)
    return list(dict.fromkeys([columns.subject, columns.time.name, *by, *filtered]))


def entries(steps: Steps, by: Sequence[str], read: Callable[[], Iterable[pa.Table]], columns: Columns) -> pa.Table:
    """A row for each event that matches the first step and has a subject: its dimensions and the times of all steps.

    The time of a later step is that of the subject's first matching event after the step before, or NULL. Each call of
    `read` returns all events, in at least one table; times are milliseconds since 1970, UTC.
    """
    first = list(dict.fromkeys([columns.subject, columns.time.name, *by]))
    rows = _matching(read(), steps[0], first, columns.subject)
    instants = np.asarray(rows[columns.time.name].cast(pa.int64()))
    entered = rows[columns.subject].unique()
    who = np.asarray(pc.index_in(rows[columns.subject], entered), np.int64)
    result = pa.table({columns.subject: rows[columns.subject], ENTRY: instants} | {d: rows[d] for d in by})
    now = instants
    for name, step in zip(step_columns(steps), steps[1:], strict=True):
        events = _matching(read(), step, first[:2], columns.subject)
        now = _first_times(*_coded(entered, events, columns), who, now)
        result = result.append_column(name, pa.array(now, mask=now == NEVER))
    return result


def stored_entries(stored: StoredFunnel, events: Events) -> pa.Table:
    """The entries of a stored funnel among all events, as `entries` returns them."""
    names = event_columns(stored.steps, stored.by, events.columns)
    return entries(stored.steps, stored.by, lambda: map(pa.table, events.batches(names)), events.columns)


def answer(question: Funnel, rows: pa.Table, subject: str, schema: pa.Schema) -> pa.Table:
    """The funnel's answer in `schema`, from all entries in its span; empty if there is no entry."""
    if not rows.num_rows:
        return schema.empty_table()
    instants = np.asarray(rows[ENTRY])
    latest = np.minimum(instants + question.window * 1000, question.span.milliseconds[1] - 1)
    reached = np.ones(len(instants), np.int64)
    for name in step_columns(question.steps):
        reached += np.asarray(rows[name].fill_null(NEVER)) <= latest
    best = _best(rows.append_column(REACHED, pa.array(reached)), subject, question.by)
    return _counted(question, best, schema)


def _matching(tables: Iterable[pa.Table], step: tuple[Filter, ...], names: list[str], subject: str) -> pa.Table:
    return pa.concat_tables(_selected(tables, step, names, subject)).combine_chunks()


def _selected(
    tables: Iterable[pa.Table], step: tuple[Filter, ...], names: list[str], subject: str
) -> Iterator[pa.Table]:
    """For each table, the columns `names` of its events that match a step and have a subject."""
    for table in tables:
        yield matching(table.filter(pc.field(subject).is_valid()), step).select(names)


def _coded(entered: pa.Array, events: pa.Table, columns: Columns) -> tuple[Longs, Longs]:
    """The subjects, as positions in `entered`, and times of events, sorted; events of other subjects are left out."""
    codes = pc.index_in(events[columns.subject], entered)
    instants = np.asarray(events[columns.time.name].cast(pa.int64()))
    who, when = np.asarray(codes.drop_null(), np.int64), instants[np.asarray(codes.is_valid())]
    order = np.lexsort((when, who))
    return who[order], when[order]


def _first_times(subjects: Longs, instants: Longs, who: Longs, now: Longs) -> Longs:
    """For each subject in `who`, its first of the sorted `instants` later than its instant in `now`, or NEVER."""
    if not len(subjects):
        return np.full(len(who), NEVER)
    moments, ranks = np.unique(np.concatenate([instants, now]), return_inverse=True)
    keys = subjects * len(moments) + ranks[: len(instants)]
    places = np.searchsorted(keys, who * len(moments) + ranks[len(instants) :], "right")
    within = np.minimum(places, len(subjects) - 1)
    return np.where((places < len(subjects)) & (subjects[within] == who), instants[within], NEVER)


def _best(rows: pa.Table, subject: str, by: tuple[str, ...]) -> pa.Table:
    """Each subject's entry that reached most steps; among equals, the earliest, then the one whose `by` sorts first."""
    order = {subject: "ascending", REACHED: "descending", ENTRY: "ascending"}
    ordered = rows.sort_by([*order.items(), *((d, "ascending") for d in by if d not in order)]).combine_chunks()
    codes = np.asarray(ordered[subject].combine_chunks().dictionary_encode().indices)
    return ordered.filter(pa.array(np.diff(codes, prepend=-1) != 0))


def _counted(question: Funnel, best: pa.Table, schema: pa.Schema) -> pa.Table:
    """The number of subjects whose best entry reached each step, by the entries' dimensions, in the answer's order."""
    furthest, parts = np.asarray(best[REACHED]), []
    for step in range(1, len(question.steps) + 1):
        columns = {d: best[d] for d in question.by} | {"step": pa.array(np.full(len(furthest), step))}
        parts.append(pa.table(columns | {"subjects": pa.array((furthest >= step).astype(np.int64))}))
    counted = aggregate_rows(pa.concat_tables(parts), [*question.by, "step"], {"subjects": "sum"})
    return arrange(question, counted.cast(schema))
