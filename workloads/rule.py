"""The rule of what a layout can answer, once for all engines.

A roll-up keeps states: numbers (or sets, or sketches) that of two groups of events can be merged into that of both.
A question can be answered from it if its buckets, groups and filters fall between the roll-up's groups and never
through one, and if each of its measures can be read off states that are kept.
"""

from collections.abc import Iterator
from enum import StrEnum
from functools import lru_cache

import msgspec
import numpy as np

from rollup_bench.workloads.calendar import CLOCK, DAY, begins, offsets
from rollup_bench.workloads.layouts import RAW, TUNED, Layout
from rollup_bench.workloads.measures import Function, Measure
from rollup_bench.workloads.questions import Aggregate, Grain, Question, Span


class Part(StrEnum):
    """What a state holds: `rows` and `known` count the events, and those whose value is not NULL."""

    ROWS = "rows"
    KNOWN = "known"
    SUM = "sum"
    MIN = "min"
    MAX = "max"
    DISTINCT = "distinct"
    QUANTILE = "quantile"


class State(msgspec.Struct, frozen=True, order=True):
    """A state of a column; `error` is what it tolerates: zero is a set of values, more is a sketch."""

    part: Part
    column: str | None = None
    error: float = 0.0

    def __str__(self) -> str:
        """A name for a column that holds it, as in `known(gold)`."""
        error = f", error={self.error:g}" if self.error else ""
        return str(self.part) if self.column is None else f"{self.part}({self.column}{error})"


STATES = {
    Function.COUNT: (Part.ROWS,),
    Function.SUM: (Part.SUM,),
    Function.MIN: (Part.MIN,),
    Function.MAX: (Part.MAX,),
    Function.MEAN: (Part.SUM, Part.KNOWN),
    Function.DISTINCT: (Part.DISTINCT,),
    Function.QUANTILE: (Part.QUANTILE,),
}
COARSER: dict[Grain, list[Grain]] = {
    Grain.MINUTE: list(Grain),
    Grain.HOUR: [g for g in Grain if g is not Grain.MINUTE],
    Grain.DAY: [Grain.DAY, Grain.WEEK, Grain.MONTH, Grain.QUARTER, Grain.YEAR, Grain.ALL],
    Grain.WEEK: [Grain.WEEK, Grain.ALL],
    Grain.MONTH: [Grain.MONTH, Grain.QUARTER, Grain.YEAR, Grain.ALL],
    Grain.QUARTER: [Grain.QUARTER, Grain.YEAR, Grain.ALL],
    Grain.YEAR: [Grain.YEAR, Grain.ALL],
    Grain.ALL: [],
}


def states(measure: Measure) -> tuple[State, ...]:
    """The states that a measure is read off, and that a roll-up which declares it keeps."""
    return tuple(State(part, measure.column, measure.error) for part in STATES[measure.function])


@lru_cache(maxsize=256)
def kept(layout: Layout) -> tuple[State, ...]:
    """The states of each group of a roll-up, each once, in the order in which they are declared."""
    return tuple(dict.fromkeys(s for measure in layout.measures for s in states(measure)))


@lru_cache(maxsize=4096)
def holds(layout: Layout, wanted: State) -> State | None:
    """The kept state that serves as the one wanted, the most accurate of several."""
    serving = [
        s for s in kept(layout) if (s.part, s.column) == (wanted.part, wanted.column) and s.error <= wanted.error
    ]
    return min(serving, key=lambda s: s.error, default=None)


def obstacle(question: Question, layout: Layout) -> str | None:
    """Why the layout cannot answer the question, in words; None where it can.

    Raw events answer everything; what `tuned` answers is each engine's own affair.
    """
    if layout.name in (RAW, TUNED):
        return None
    if not isinstance(question, Aggregate):
        return (
            f"{layout.name} keeps no events to follow a subject by; a {question.__class__.__name__.lower()} needs raw"
        )
    return next(_obstacles(question, layout), None)


def _obstacles(question: Aggregate, layout: Layout) -> Iterator[str]:
    yield from _cut(question, layout)
    for dimension in question.by:
        if dimension not in layout.by:
            yield f"{layout.name} does not keep {dimension} apart"
    for condition in question.where:
        if condition.column not in layout.by:
            yield f"{layout.name} does not keep {condition.column} apart, so it cannot be filtered by"
    for measure in question.measures:
        yield from _unread(measure, layout)


def _cut(question: Aggregate, layout: Layout) -> Iterator[str]:
    """Why the layout's buckets would be cut by the question's, or by its span."""
    grain = Grain(layout.grain or Grain.ALL)
    if question.grain not in COARSER[grain]:
        yield f"{grain}s do not add up to {question.grain}s"
    elif not _same_clock(question, grain, layout):
        yield f"{grain}s in {layout.zone} do not add up to {question.grain}s in {question.zone}"
    for name, instant in zip(("start", "end"), question.span.milliseconds, strict=True):
        if not begins(instant, grain, layout.zone):
            yield f"{name} falls inside a {grain} of {layout.name} (in {layout.zone})"


def _same_clock(question: Aggregate, grain: Grain, layout: Layout) -> bool:
    """Whether the two zones agree, all through the span, on where a minute, an hour or a day begins."""
    if question.grain is Grain.ALL or (question.zone == layout.zone and grain not in CLOCK):
        return True
    length, days = CLOCK.get(grain, DAY), _days(question.span)
    kept, asked = (offsets(days, zone) for zone in (layout.zone, question.zone))
    whole = grain not in CLOCK or not np.any(np.diff(kept) % length)  # no clock change by a part of an hour
    return whole and not np.any((asked - kept) % length)


def _days(span: Span) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """An instant of each day of the span, and its last."""
    start, end = span.milliseconds
    return np.append(np.arange(start, end, DAY), end - 1)


def _unread(measure: Measure, layout: Layout) -> Iterator[str]:
    """Why a measure cannot be read off what is kept. What is distinct of a dimension kept apart, its groups tell."""
    if measure.function is Function.DISTINCT and measure.column in layout.by:
        return
    for state in states(measure):
        if holds(layout, state):
            continue
        rough = [s for s in kept(layout) if (s.part, s.column) == (state.part, state.column)]
        if rough:
            yield f"{layout.name} keeps {rough[0]}, too rough for {measure}"
        elif measure.function is Function.MEAN:
            yield f"{layout.name} keeps no {state}: declare {measure}, which keeps the sum and how many were added"
        else:
            yield f"{layout.name} does not keep {measure}, and cannot make it from what it keeps"
