"""The roll-ups of layout `tuned` on engines that scan events fast: one for each question that one serves well."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import prod

import msgspec

from rollup_bench.workloads import rule
from rollup_bench.workloads.calendar import CLOCK, DAY
from rollup_bench.workloads.dataset import Dataset
from rollup_bench.workloads.events import Statistics
from rollup_bench.workloads.filters import Filter, Op
from rollup_bench.workloads.layouts import Layout
from rollup_bench.workloads.measures import Function, Measure
from rollup_bench.workloads.questions import Aggregate, Grain, Question
from rollup_bench.workloads.rule import Part, State
from rollup_bench.workloads.templates import Template, has_parameter

COUNT = Measure(Function.COUNT)
GRAINS = (Grain.DAY, Grain.HOUR, Grain.MINUTE)
"""The grains of roll-ups, of which longer ones are made; the longest that a question permits is stored."""
LONG = (Grain.MONTH, Grain.QUARTER, Grain.YEAR, Grain.ALL)
"""The grains for which the distinct values of each month are stored."""
MIN_EVENTS_PER_VALUE = 100
"""A roll-up has no dimension with fewer events for each value: nearly every event would be a row of its own."""
MIN_EVENTS_PER_ROW = 3
"""Roll-ups of several questions are merged if the merged one has surely so many events for each row.

The roll-up of a single question is stored however many rows it may have, because statistics only bound the rows from
above: for most roll-ups of the game the bound is the number of events, although they have 2 to 15 events for each row.
Also few events for each row save time: DuckDB answers `revenue-by-hour`, which has 2.3, in 0.7 to 0.8 of the processor
time that the events take, over a day as over five years.
"""
SKETCHED = (Part.DISTINCT, Part.QUANTILE)
MERGES = {Part.ROWS: "sum", Part.KNOWN: "sum", Part.SUM: "sum", Part.MIN: "min", Part.MAX: "max"}
"""The SQL functions that merge the states that are numbers."""


@dataclass(frozen=True)
class Rollup:
    """A layout with perhaps one more dimension, `flag`, which is 'true' where an event satisfies all of `flagged`."""

    layout: Layout
    flagged: tuple[Filter, ...] = ()

    @property
    def flag(self) -> str:
        """The name of the dimension that says which events satisfy the filters of `flagged`."""
        return " and ".join(f"{f.column} {f.op} {', '.join(map(str, f.values))}" for f in self.flagged)

    @property
    def dimensions(self) -> list[str]:
        """The names of the dimensions, the flag first if there is one."""
        return [*([self.flag] if self.flagged else []), *self.layout.by]

    @property
    def states(self) -> list[State]:
        """The stored states; the distinct values of a dimension are its groups."""
        by = self.layout.by
        return [s for s in rule.stored_states(self.layout) if s.part is not Part.DISTINCT or s.column not in by]

    def counts_groups(self, measure: Measure) -> bool:
        """Whether a measure is the number of distinct values of a dimension, which the groups tell."""
        return measure.function is Function.DISTINCT and measure.column in self.layout.by

    def has_values_once(self, question: Aggregate, counted: str) -> bool:
        """Whether the rows that make up one row of the answer all have different values of the column `counted`."""
        alike = {*question.by, *(f.column for f in question.where if f.op is Op.EQ), counted}
        return question.grain == self.layout.grain and question.subtotals == "none" and {*self.dimensions} <= alike

    def flagging(self, question: Aggregate) -> Aggregate:
        """The question with a filter on the flag in place of the filters for which the flag stands, if it has them."""
        if not self._stands_for(question):
            return question
        flag = Filter(self.flag, Op.EQ, ("true",))
        return msgspec.structs.replace(question, where=(flag, *self._others(question)))

    def unsupported_reason(self, question: Question) -> str | None:
        """Why the roll-up cannot answer the question in any engine; None if it can."""
        if isinstance(question, Aggregate) and self._stands_for(question):
            question = msgspec.structs.replace(question, where=self._others(question))
        return rule.unsupported_reason(question, self.layout)

    def most_rows(self, statistics: Statistics) -> int:
        """The most rows that it may have: every combination of values in every bucket, but no more than events."""
        length = CLOCK.get(Grain(self.layout.grain or Grain.DAY), DAY)
        buckets = (statistics.last - statistics.first) // length + 1
        groups = buckets * prod(statistics.cardinality.get(name, statistics.rows) + 1 for name in self.layout.by)
        return int(min(groups * (2 if self.flagged else 1), statistics.rows))

    def _stands_for(self, question: Aggregate) -> bool:
        return bool(self.flagged) and set(self.flagged) <= set(question.where)

    def _others(self, question: Aggregate) -> tuple[Filter, ...]:
        return tuple(f for f in question.where if f not in self.flagged)


Reason = Callable[[Question, Rollup], str | None]
"""A function that returns why an engine's roll-up cannot answer a question; None if it can."""


def state_column(state: State) -> str:
    """The name of the column that stores a state; its prefix makes it differ from all columns of answers."""
    return f"kept {state}"


def rollups(dataset: Dataset, statistics: Statistics, reason: Reason, values: bool = False) -> list[Rollup]:
    """The roll-ups for the questions of a dataset, merged where one can serve several; the smallest comes first.

    With `values`, a question that counts distinct values, and that no other roll-up answers, has a roll-up whose rows
    are the distinct values of each bucket; its buckets are long, so the engine must answer spans that cut them.
    """
    found: list[Rollup] = []
    for template in dataset.questions.values():
        new = next(_candidates(template, statistics, reason, values), None)
        if new is None:
            continue
        others: list[Rollup] = []
        for rollup in found:
            merged = _merged(rollup, new, statistics)
            new, others = (merged, others) if merged else (new, [*others, rollup])
        found = [*others, new]
    return sorted(found, key=lambda rollup: rollup.most_rows(statistics))


def _candidates(template: Template, statistics: Statistics, reason: Reason, values: bool) -> Iterator[Rollup]:
    """The roll-ups that answer a question, the coarsest first; none if one of their dimensions has too many values."""
    question = template.fill()
    if not isinstance(question, Aggregate):
        return
    flagged = tuple(f for f in question.where if f.column not in statistics.cardinality)
    by = {*question.by, *(f.column for f in question.where if f not in flagged)}
    few = all(statistics.cardinality.get(name, 0) * MIN_EVENTS_PER_VALUE <= statistics.rows for name in by)
    if few and all(_may_be_flag(f, template, statistics) for f in flagged):
        forms = [(grain, by) for grain in GRAINS]
        if values:
            forms.append((Grain.MONTH if question.grain in LONG else question.grain, by | _counted(question)))
        for grain, dimensions in forms:
            rollup = Rollup(_layout(grain, question.zone, tuple(sorted(dimensions)), question.measures), flagged)
            if reason(question, rollup) is None:
                yield rollup


def _counted(question: Aggregate) -> set[str]:
    """The columns whose distinct values a question counts."""
    return {m.column for m in question.measures if m.function is Function.DISTINCT and m.column is not None}


def _may_be_flag(condition: Filter, template: Template, statistics: Statistics) -> bool:
    """Whether a roll-up may store if a condition holds: it is about numbers, and the same in each such question."""
    fixed = not has_parameter(template.body["where"][condition.column])
    numbers = all(isinstance(value, int | float) for value in condition.values)
    return fixed and numbers and statistics.types[condition.column] in ("int64", "double")


def _merged(one: Rollup, other: Rollup, statistics: Statistics) -> Rollup | None:
    """A roll-up that serves as both, if it has few rows more; many sketches of few events each are slow to merge."""
    (a, b), by = (one.layout, other.layout), tuple(sorted({*one.layout.by, *other.layout.by}))
    if (a.grain, a.zone, one.flagged) != (b.grain, b.zone, other.flagged):
        return None
    both = _layout(Grain(a.grain or Grain.DAY), a.zone, by, tuple(dict.fromkeys(a.measures + b.measures)))
    merged = Rollup(both, one.flagged)
    few = merged.most_rows(statistics) * MIN_EVENTS_PER_ROW <= statistics.rows
    return merged if a.by == b.by or (few and not _has_sketches(both)) else None


def _has_sketches(layout: Layout) -> bool:
    return any(state.part in SKETCHED for state in rule.stored_states(layout))


def _layout(grain: Grain, zone: str, by: tuple[str, ...], measures: tuple[Measure, ...]) -> Layout:
    name = f"tuned {grain} of {', '.join(by) or 'all'}"
    return Layout(name, grain, zone, by, tuple(dict.fromkeys((COUNT, *measures))))
