"""Finds after how many events of a stream an answer was right.

A store that a stream fills has only the first events of the stream when it is asked. An answer is right if there is a
number n for which it equals the truth of the first n events. Computing this truth for every n is too slow: instead,
each number of the answer is compared with its own course, and an n is right if nothing of the answer speaks against it.
"""

from collections.abc import Iterator, Sequence
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
from rollup_bench.workloads.truth.courses import POSITION, Course, Key, Mismatches, Rows

NONE: Longs = np.array([], np.int64)


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

    def find(self, answer: pa.Table, most: int, least: int = 0) -> Match:
        """Finds for which numbers of events, from `least` to `most`, an answer in the question's schema is right.

        Few numbers take less time. An answer is only called torn if all numbers are allowed.
        """
        most, begins, numbers = min(most, self._length), dict(self._rows.begins), list[tuple[Course, float | None]]()
        newest = -1
        for key, values in _rows(answer, self._keys):
            if key not in begins or begins[key] >= most:
                return Match(NONE, torn=False)
            newest = max(newest, begins.pop(key))
            numbers += [(course, values[column]) for column, course in self._courses(key).items()]
        first, last = max(least, newest + 1), min([most, *begins.values()])
        right = _right(numbers, first, last) if first <= last else NONE
        possible = not (least or len(right)) and all(one.within(0, most).fits(value).any() for one, value in numbers)
        return Match(right, torn=possible)


def _right(numbers: Sequence[tuple[Course, float | None]], first: int, last: int) -> Longs:
    """The numbers of events, from `first` to `last`, for which no number of an answer differs from its course."""
    mismatches = Mismatches(first, last)
    for course, value in numbers:
        mismatches.add(course, value)
    return mismatches.right


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
