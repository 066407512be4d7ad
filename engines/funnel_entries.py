"""Computes funnels in the client: from each entry, the subject's first later event for the next step, and so on."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rollup_bench.engines.cohort_activity import Longs, orders
from rollup_bench.engines.funnels import Steps, StoredFunnel
from rollup_bench.engines.ordering import arrange
from rollup_bench.engines.partials import aggregate_rows, matching
from rollup_bench.workloads.dataset import Columns
from rollup_bench.workloads.events import Events
from rollup_bench.workloads.filters import Filter
from rollup_bench.workloads.questions import Funnel

ENTRY, ORDER, REACHED = "entry()", "order()", "reached()"
NEVER = 1 << 62
"""Stands for the time of a step that is not reached, in arrays without NULL."""


class Moments(NamedTuple):
    """The places of events in the order of all events: their times, and the values of `order` (0 without one)."""

    instants: Longs
    orders: Longs


def entry_columns(columns: Columns) -> list[str]:
    """The names of the columns that order entries: their time and, if the dataset has one, the column `order`."""
    return [ENTRY, ORDER] if columns.order else [ENTRY]


def step_columns(steps: Steps) -> list[str]:
    """The names of the columns that hold the times of the steps after the first: step(2), step(3) and so on."""
    return [f"step({number})" for number in range(2, len(steps) + 1)]


def event_columns(steps: Steps, by: Sequence[str], columns: Columns) -> list[str]:
    """The names of the event columns from which the entries of a funnel are computed."""
    filtered = (f.column for step in steps for f in step)
    return list(dict.fromkeys([columns.subject, *columns.ordering, *by, *filtered]))


def entries(steps: Steps, by: Sequence[str], read: Callable[[], Iterable[pa.Table]], columns: Columns) -> pa.Table:
    """A row for each event that matches the first step and has a subject: its dimensions and the times of all steps.

    The time of a later step is that of the subject's first matching event after the step before, or NULL. Each call of
    `read` returns all events, in at least one table; times are milliseconds since 1970, UTC.
    """
    needed = [columns.subject, *columns.ordering]
    rows = _matching(read(), steps[0], list(dict.fromkeys([*needed, *by])), columns.subject)
    now = _moments(rows, columns)
    entered = rows[columns.subject].unique()
    who = np.asarray(pc.index_in(rows[columns.subject], entered), np.int64)
    ordering = dict(zip(entry_columns(columns), now, strict=False))
    result = pa.table({columns.subject: rows[columns.subject]} | ordering | {d: rows[d] for d in by})
    for name, step in zip(step_columns(steps), steps[1:], strict=True):
        events = _matching(read(), step, needed, columns.subject)
        now = _next(*_coded(entered, events, columns), who, now)
        result = result.append_column(name, pa.array(now.instants, mask=now.instants == NEVER))
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


def _moments(events: pa.Table, columns: Columns) -> Moments:
    return Moments(np.asarray(events[columns.time.name].cast(pa.int64())), orders(events, columns))


def _coded(entered: pa.Array, events: pa.Table, columns: Columns) -> tuple[Longs, Moments]:
    """The subjects, as positions in `entered`, and moments of events, sorted; other subjects' events are left out."""
    codes = pc.index_in(events[columns.subject], entered)
    who, known = np.asarray(codes.drop_null(), np.int64), np.asarray(codes.is_valid())
    moments = Moments(*(part[known] for part in _moments(events, columns)))
    order = np.lexsort((moments.orders, moments.instants, who))
    return who[order], Moments(*(part[order] for part in moments))


def _next(subjects: Longs, moments: Moments, who: Longs, now: Moments) -> Moments:
    """For each subject in `who`, its first of the sorted `moments` that is later than its moment in `now`, or NEVER."""
    if not (length := len(subjects)):
        return Moments(np.full(len(who), NEVER), np.zeros(len(who), np.int64))
    ranks, count = _ranks(Moments(*map(np.concatenate, zip(moments, now, strict=True))))
    places = np.searchsorted(subjects * count + ranks[:length], who * count + ranks[length:], "right")
    within = np.minimum(places, length - 1)
    found = (places < length) & (subjects[within] == who)
    return Moments(np.where(found, moments.instants[within], NEVER), np.where(found, moments.orders[within], 0))


def _ranks(moments: Moments) -> tuple[Longs, int]:
    """The rank of each moment among all different ones, from 0, and how many different ones there are."""
    order = np.lexsort((moments.orders, moments.instants))
    new = np.zeros(len(order), np.bool_)
    for part in moments:
        new[1:] |= part[order][1:] != part[order][:-1]
    ranks = np.empty(len(order), np.int64)
    ranks[order] = np.cumsum(new)
    return ranks, int(new.sum()) + 1


def _best(rows: pa.Table, subject: str, by: tuple[str, ...]) -> pa.Table:
    """Each subject's entry that reached most steps; among equals, the earliest, then the one whose `by` sorts first."""
    order = {subject: "ascending", REACHED: "descending", ENTRY: "ascending"}
    order |= {ORDER: "ascending"} if ORDER in rows.column_names else {}
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
