"""Finds after how many events of a stream an answer was right.

A store that a stream fills has only the first events of the stream when it is asked. An answer is right if there is a
number n for which it equals the truth of the first n events. Computing this truth for every n is too slow: instead,
each number of the answer is compared with its own course, and an n is right if nothing of the answer speaks against it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.dataset

from rollup_bench.workloads.answers import keys
from rollup_bench.workloads.events import Events
from rollup_bench.workloads.questions import Aggregate, Cohort, Question
from rollup_bench.workloads.truth import aggregate_courses, cohort_courses
from rollup_bench.workloads.truth.buckets import Longs
from rollup_bench.workloads.truth.courses import POSITION, Key, Mismatches, Rows

BROUGHT, NOT_BROUGHT = np.array([False, True]), np.array([True, False])
"""Whether a row fits an answer that has it, or one that lacks it, before and after the event that brings the row."""


@dataclass(frozen=True)
class Match:
    """The numbers n for which an answer is right after the first n events, ascending.

    If there are none, `torn` says whether each number of the answer, and each row that it has or lacks, is right for
    some n, though not for the same one.
    """

    right: Longs
    torn: bool


class Prefixes:
    """The right answers to a question after each number of events of a stream."""

    def __init__(self, question: Question, events: Events) -> None:
        """`events` are `numbered`; ValueError if answers do not tell how many events they contain."""
        self._keys, self._length = keys(question), events.statistics.rows
        self._rows = _rows_of(question, events)
        self._courses = lru_cache(maxsize=None)(self._rows.courses)

    def find(self, answer: pa.Table, most: int) -> Match:
        """Finds for which numbers of events, up to `most`, an answer in the question's schema is right."""
        mismatches, begins, possible = Mismatches(min(most, self._length)), dict(self._rows.begins), True
        for key, values in _rows(answer, self._keys):
            if key not in begins:
                return Match(np.array([], np.int64), torn=False)
            possible &= mismatches.add(np.array([begins.pop(key)]), BROUGHT)
            for column, found in self._courses(key).items():
                possible &= mismatches.add(found.places, found.fits(values[column]))
        for begin in begins.values():
            possible &= mismatches.add(np.array([begin]), NOT_BROUGHT)
        right = mismatches.right
        return Match(right, torn=possible and not len(right))


def numbered(events: Events) -> Events:
    """The events with a further column `POSITION`."""
    table = pa.Table.from_batches(events.batches())
    table = table.append_column(POSITION, pa.array(np.arange(table.num_rows)))
    return Events(pa.dataset.dataset(table), events.columns, events.statistics)


def _rows_of(question: Question, events: Events) -> Rows:
    match question:
        case Aggregate():
            return aggregate_courses.rows(question, events)
        case Cohort():
            return cohort_courses.rows(question, events)
        case _:
            raise ValueError("subjects of a funnel move between groups while events arrive")


def _rows(answer: pa.Table, named: list[str]) -> Iterator[tuple[Key, dict[str, Any]]]:
    """Yields the keys and the other values of each row."""
    for place, field in enumerate(answer.schema):
        if pa.types.is_timestamp(field.type):
            answer = answer.set_column(place, field.name, answer[field.name].cast(pa.int64()))
    for row in answer.to_pylist():
        yield tuple(row[name] for name in named), row
