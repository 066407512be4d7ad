"""Computes right answers to funnels: from each entry, takes the first possible event of each next step."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from rollup_bench.workloads.answers import schema
from rollup_bench.workloads.events import Events
from rollup_bench.workloads.questions import Funnel
from rollup_bench.workloads.truth.buckets import Longs
from rollup_bench.workloads.truth.cohort import orders
from rollup_bench.workloads.truth.groups import regroup
from rollup_bench.workloads.truth.selection import matching, within


@dataclass(frozen=True)
class Moments:
    """`keys` are integers that stand for a subject and a place in the order of events, and sort by these in turn.

    `instants` has the time of each place; simultaneous events have the same place.
    """

    keys: Longs
    instants: Longs

    def of(self, chosen: Longs) -> tuple[Longs, Longs]:
        """The subjects, as numbers, and the instants, in milliseconds since 1970, for which the keys `chosen` stand."""
        return chosen // len(self.instants), self.instants[chosen % len(self.instants)]


def answer(question: Funnel, events: Events) -> pa.Table:
    """The right answer to a funnel question; memory grows with the number of events that match any step."""
    wanted = schema(question, events.statistics.schema)
    subject, time = events.columns.subject, events.columns.time.name
    matches = _matches(question, events)
    moments = _moments(matches[subject], np.asarray(matches[time].cast(pa.int64())), orders(events, matches))
    steps = np.asarray(matches["step"])
    entries = matches.filter(pa.array(steps == 0))
    if not entries.num_rows:
        return wanted.empty_table()
    reached = _reached(question, moments, [moments.keys[steps == k] for k in range(len(question.steps))])
    best = _best(entries.set_column(0, "step", pa.array(reached)), subject, [*events.columns.ordering, *question.by])
    furthest = np.asarray(best["step"])
    rows = []
    for step in range(1, len(question.steps) + 1):
        counted = {"step": np.full(len(furthest), step), "subjects": (furthest >= step).astype(np.int64)}
        rows.append(pa.table({d: best[d] for d in question.by} | counted))
    return regroup(pa.concat_tables(rows), [*question.by, "step"], {"subjects": "sum"}).cast(wanted).combine_chunks()


def _matches(question: Funnel, events: Events) -> pa.Table:
    """One row for each event in the span and step (from 0) that it matches: step, subject, time, `order` and `by`."""
    subject, time = events.columns.subject, events.columns.time.name
    columns = list(dict.fromkeys([subject, *events.columns.ordering, *question.by]))
    needed = list(dict.fromkeys([*columns, *(f.column for step in question.steps for f in step)]))
    parts = []
    for batch in events.batches(needed):
        rows = within(batch.filter(batch[subject].is_valid()), time, question.span)
        for k, step in enumerate(question.steps):
            matches = pa.table(matching(rows, step).select(columns))
            parts.append(matches.add_column(0, "step", pa.array(np.full(matches.num_rows, k))))
    return pa.concat_tables(parts).combine_chunks()


def _moments(subjects: pa.ChunkedArray, instants: Longs, orders: Longs) -> Moments:
    sequence = np.lexsort((orders, instants))
    times, within = instants[sequence], orders[sequence]
    new = np.ones(len(times), np.bool_)
    new[1:] = (times[1:] != times[:-1]) | (within[1:] != within[:-1])
    ranks = np.empty(len(times), np.int64)
    ranks[sequence] = np.cumsum(new) - 1
    numbers = np.asarray(subjects.combine_chunks().dictionary_encode().indices, np.int64)
    return Moments(numbers * int(new.sum()) + ranks, times[new])


def _reached(question: Funnel, moments: Moments, steps: list[Longs]) -> Longs:
    """The furthest step, counted from 1, that each entry in `steps[0]` reaches; `steps` has each step's event keys."""
    subjects, entered = moments.of(steps[0])
    reached, now = np.ones(len(entered), np.int64), steps[0]
    for number, step in enumerate(steps[1:], start=2):
        known = np.append(np.unique(step), np.iinfo(np.int64).max)
        next_keys = known[np.searchsorted(known, now, "right")]
        who, when = moments.of(next_keys)
        follows = (next_keys < known[-1]) & (who == subjects) & (when - entered <= question.window * 1000)
        reached[follows & (reached == number - 1)] = number
        now = np.where(follows, next_keys, known[-1] - 1)
    return reached


def _best(entries: pa.Table, subject: str, others: list[str]) -> pa.Table:
    """Each subject's row with the furthest step; of equal steps, the one that sorts first by the columns `others`."""
    order = {subject: "ascending", "step": "descending"}
    ordered = entries.sort_by(list((order | {name: "ascending" for name in others if name not in order}).items()))
    codes = np.asarray(ordered[subject].combine_chunks().dictionary_encode().indices)
    return ordered.filter(pa.array(np.diff(codes, prepend=-1) != 0))
