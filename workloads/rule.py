"""Decides which questions a layout can answer; the rule is the same for all engines.

A roll-up stores states of groups of events. A state is a number, a set or a sketch of values; the states of two groups
can be merged into the state of both groups together. A roll-up can answer an aggregate if each group of the roll-up
lies in one group of the answer or outside the question, and if each measure can be computed from stored states.
"""

from collections.abc import Iterator
from enum import StrEnum
from functools import lru_cache

import msgspec
import numpy as np

from rollup_bench.workloads.calendar import CLOCK, DAY, begins, offsets
from rollup_bench.workloads.layouts import RAW, TUNED, Layout
from rollup_bench.workloads.measures import Function, Measure
from rollup_bench.workloads.questions import Aggregate, Grain, Question, Span, spanless


class Part(StrEnum):
    """What a state holds: `rows` is the number of all events, `known` the number of values that are not NULL."""

    ROWS = "rows"
    KNOWN = "known"
    SUM = "sum"
    MIN = "min"
    MAX = "max"
    DISTINCT = "distinct"
    QUANTILE = "quantile"


class State(msgspec.Struct, frozen=True, order=True):
    """A state of a column. A `distinct` or `quantile` state is exact if its tolerated `error` is 0, else a sketch."""

    part: Part
    column: str | None = None
    error: float = 0.0

    def __str__(self) -> str:
        """The name of the column that stores the state, for example `known(gold)`."""
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
"""The parts of the states from which each function is computed."""
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
"""For each grain, the grains whose buckets consist of whole buckets of the grain."""


def states(measure: Measure) -> tuple[State, ...]:
    """The states from which a measure is computed, and which a roll-up that declares the measure stores."""
    return tuple(State(part, measure.column, measure.error) for part in STATES[measure.function])


@lru_cache(maxsize=256)
def stored_states(layout: Layout) -> tuple[State, ...]:
    """The states that a roll-up stores for each group, each state once, in the order of the declared measures."""
    return tuple(dict.fromkeys(s for measure in layout.measures for s in states(measure)))


@lru_cache(maxsize=4096)
def serving_state(layout: Layout, wanted: State) -> State | None:
    """The stored state of least error with the part and column of `wanted`; None if each has a larger error."""
    serving = [state for state in _same_kind(layout, wanted) if state.error <= wanted.error]
    return min(serving, key=lambda state: state.error, default=None)


def _same_kind(layout: Layout, wanted: State) -> list[State]:
    """The states that the layout stores with the part and column of the state `wanted`, with any error."""
    return [s for s in stored_states(layout) if (s.part, s.column) == (wanted.part, wanted.column)]


def unsupported_reason(question: Question, layout: Layout) -> str | None:
    """The reason why a layout cannot answer a question, as a text; None if the layout can.

    The rule permits all questions on layouts `raw` and `tuned`; an engine may still refuse a question on its tables.
    """
    if layout.name in (RAW, TUNED):
        return None
    if not isinstance(question, Aggregate):
        return f"layout {layout.name} stores no single events; a {type(question).__name__.lower()} needs layout raw"
    return _cut_reason(question, layout) or _missing_reason(spanless(question), layout)


@lru_cache(maxsize=4096)
def _missing_reason(question: Aggregate, layout: Layout) -> str | None:
    """The reason why a layout lacks a dimension or a state that a question needs over any span; None if it has all."""
    return next(_missing(question, layout), None)


def _missing(question: Aggregate, layout: Layout) -> Iterator[str]:
    for dimension in question.by:
        if dimension not in layout.by:
            yield f"layout {layout.name} does not group by {dimension}"
    for condition in question.where:
        if condition.column not in layout.by:
            yield f"layout {layout.name} does not group by {condition.column}, so it cannot filter by it"
    for measure in question.measures:
        yield from _missing_states(measure, layout)


def _cut_reason(question: Aggregate, layout: Layout) -> str | None:
    """The first way in which the question's buckets or span would cut a bucket of the layout; None if there is none."""
    grain = layout.grain or Grain.ALL
    if question.grain not in COARSER[grain]:
        return f"{grain}s do not add up to {question.grain}s"
    if not _same_clock(question, grain, layout):
        return f"{grain}s in {layout.zone} do not add up to {question.grain}s in {question.zone}"
    for name, instant in zip(("start", "end"), question.span.milliseconds, strict=True):
        if not begins(instant, grain, layout.zone):
            return f"{name} falls inside a bucket of layout {layout.name}, which stores whole {grain}s in {layout.zone}"
    return None


def _same_clock(question: Aggregate, grain: Grain, layout: Layout) -> bool:
    """True unless buckets of `grain` in the layout's time zone may differ in the span from those in the question's."""
    if question.grain is Grain.ALL or (question.zone == layout.zone and grain not in CLOCK):
        return True
    length, days = CLOCK.get(grain, DAY), _days(question.span)
    stored, wanted = (offsets(days, zone) for zone in (layout.zone, question.zone))
    whole = grain not in CLOCK or not np.any(np.diff(stored) % length)  # no clock change by a part of an hour
    return whole and not np.any((wanted - stored) % length)


def _days(span: Span) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The span's start, every 24 hours after it, and the span's last instant, in milliseconds since 1970, UTC."""
    start, end = span.milliseconds
    return np.append(np.arange(start, end, DAY), end - 1)


def _missing_states(measure: Measure, layout: Layout) -> Iterator[str]:
    """Yields a reason for each state that a measure needs and that the layout cannot provide."""
    if measure.function is Function.DISTINCT and measure.column in layout.by:
        return  # the distinct values of a dimension of the layout are its groups
    for state in states(measure):
        if serving_state(layout, state):
            continue
        if inaccurate := _same_kind(layout, state):
            yield f"layout {layout.name} stores {inaccurate[0]}, which is not accurate enough for {measure}"
        elif measure.function is Function.MEAN:
            yield f"layout {layout.name} stores no {state}: declare {measure}, which stores a sum and a count"
        else:
            yield f"layout {layout.name} stores nothing from which {measure} can be computed"
