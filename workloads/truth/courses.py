"""Numbers of an answer as the events of a stream arrive one after the other."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from rollup_bench.workloads.measures import Function, Measure
from rollup_bench.workloads.truth.buckets import Longs

RELATIVE = 1e-9
"""The error that a float of a right answer may have, relative to the sum of the absolute values behind it."""
POSITION = "position in the stream"
"""The column with the number of an event in its stream, 0 for the first one."""
Key = tuple[Any, ...]
"""The keys of a row of an answer, in their order; times are milliseconds since 1970."""
Bools = npt.NDArray[np.bool_]
Numbers = npt.NDArray[Any]
"""Integers of 64 bits or floats."""


@dataclass(frozen=True)
class Course:
    """A number of an answer: it is `values[k]` once exactly k of the events at `places`, ascending, have arrived.

    It is NULL where `known[k]` is false. Another number is taken for it if they differ by at most `slack[k]`.
    """

    places: Longs
    values: Numbers
    known: Bools
    slack: Numbers

    def within(self, first: int, last: int) -> "Course":
        """The course while from `first` to `last` events of the stream have arrived."""
        begin, end = np.searchsorted(self.places, [first, last])
        inner = slice(begin, end + 1)
        return Course(self.places[begin:end], self.values[inner], self.known[inner], self.slack[inner])

    def fits(self, value: float | None) -> Bools:
        """For each k, whether the number may be `value`."""
        if value is None:
            return ~self.known
        return self.known & (np.abs(self.values - value) <= self.slack)


@dataclass(frozen=True)
class Rows:
    """The rows that answers to a question have while events arrive.

    `begins` has the position of the event that brings a row; `courses` returns the courses of a row by column.
    """

    begins: Mapping[Key, int]
    courses: Callable[[Key], Mapping[str, Course]]


@dataclass
class Mismatches:
    """Counts for each number of events n from `first` to `last` what of an answer is not right after n events."""

    first: int
    last: int
    _steps: Longs = field(init=False)

    def __post_init__(self) -> None:
        self._steps = np.zeros(self.last - self.first + 2, np.int64)

    def add(self, course: Course, value: float | None) -> None:
        """Counts each n after which a number of the answer is not `value`."""
        part = course.within(self.first, self.last)
        bounds = np.concatenate([[self.first], part.places + 1, [self.last + 1]]) - self.first
        wrong = np.concatenate([[False], ~part.fits(value), [False]])
        runs = np.flatnonzero(wrong[1:] != wrong[:-1])  # where wrong numbers begin and end, in turn
        np.add.at(self._steps, bounds[runs[::2]], 1)  # several events of a course may have one place
        np.add.at(self._steps, bounds[runs[1::2]], -1)

    @property
    def right(self) -> Longs:
        """The numbers of events after which everything was right, ascending."""
        return self.first + np.flatnonzero(np.cumsum(self._steps[:-1]) == 0)


def counted(places: Longs) -> Course:
    """The course of the number of events."""
    return _exact(places, np.arange(len(places) + 1))


def course(measure: Measure, places: Longs, values: pa.Array | None) -> Course:
    """The course of a measure of the events at `places`, in their order; `values` is None if it has no column.

    The measure is not a quantile, and its sums fit into 64 bits.
    """
    if values is None:
        return counted(places)
    if measure.function is Function.DISTINCT:
        return distinct(places, values, measure.error)
    valid = np.asarray(values.is_valid())
    numbers = np.asarray(values.fill_null(0))
    known = _running(np.add, valid.astype(np.int64), 0)
    if measure.function in (Function.MIN, Function.MAX):
        return _extreme(measure.function, places, numbers, valid, known)
    sums = _running(np.add, numbers, 0)
    slack = RELATIVE * _running(np.add, np.abs(numbers).astype(np.float64), 0.0)
    if measure.function is Function.SUM:
        exact = values.type == pa.int64()
        return Course(places, sums, known > 0, np.zeros(len(sums)) if exact else slack)
    counts = np.maximum(known, 1)
    return Course(places, sums / counts, known > 0, slack / counts)


def distinct(places: Longs, values: pa.Array, error: float = 0.0) -> Course:
    """The course of the number of distinct values except NULL; an estimate may be wrong by the share `error` of it."""
    codes = np.asarray(values.dictionary_encode().indices.fill_null(-1))
    first = np.zeros(len(codes), np.int64)
    seen, at = np.unique(codes, return_index=True)
    first[at[seen >= 0]] = 1
    found = _exact(places, _running(np.add, first, 0))
    return Course(places, found.values, found.known, error * found.values)


def _extreme(function: Function, places: Longs, numbers: Numbers, valid: Bools, known: Longs) -> Course:
    limits: Any = np.finfo(numbers.dtype) if numbers.dtype.kind == "f" else np.iinfo(numbers.dtype)
    nothing, fold = (limits.max, np.minimum) if function is Function.MIN else (limits.min, np.maximum)
    running = _running(fold, np.where(valid, numbers, nothing), nothing)
    return Course(places, running, known > 0, np.zeros(len(running)))


def _exact(places: Longs, values: Longs) -> Course:
    return Course(places, values, np.ones(len(values), np.bool_), np.zeros(len(values)))


def _running(fold: np.ufunc, terms: Numbers, nothing: float) -> Numbers:
    """The fold of the first k terms, for each k from 0; that of none is `nothing`."""
    return np.concatenate([np.array([nothing], terms.dtype), fold.accumulate(terms)])
