"""Tables of events ordered by a numeric column, so that a question with a range of it reads only events in range."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rollup_bench.engines.cassandra.tables import CQL_TYPES, Table, unused_name
from rollup_bench.workloads.dataset import Columns
from rollup_bench.workloads.events import Statistics
from rollup_bench.workloads.filters import Filter, Op
from rollup_bench.workloads.questions import Aggregate, Cohort, Question

Range = tuple[Any, Any]
"""The least and the greatest value of a column that match a condition."""
RANGED = (Op.EQ, Op.LT, Op.LE, Op.GT, Op.GE)


@dataclass(frozen=True)
class StoredSlices:
    """What a table stores: the events whose `column` is not NULL, with their columns `stored`."""

    column: str
    stored: tuple[str, ...]

    def merged(self, other: "StoredSlices") -> "StoredSlices":
        """Merges two StoredSlices of one column into one with the stored columns of both."""
        return replace(self, stored=tuple(dict.fromkeys((*self.stored, *other.stored))))

    def table(self, name: str, columns: Columns, statistics: Statistics) -> Table:
        """The CQL table `name`; in a partition, events are ordered by `column`, then by time."""
        types = {c: CQL_TYPES[statistics.types[c]] for c in (self.column, columns.time.name, *self.stored)}
        number = unused_name("event", types)
        period = statistics.last - statistics.first
        key = (self.column, columns.time.name, number)
        return Table.of_events(
            name, types | {number: "bigint"}, key, statistics.rows, period, f"each event by {self.column}"
        )


@dataclass(frozen=True)
class SlicesTable:
    """A CQL table of events ordered by a numeric column, and what it stores of them."""

    stored: StoredSlices
    table: Table

    def rows(self, numbered: pa.Table) -> pa.Table:
        """The rows to store of events that have numbers; events whose ordering column is NULL are left out."""
        return numbered.select(list(self.table.columns)).filter(pc.field(self.stored.column).is_valid())

    def answers(self, question: Question, columns: Iterable[str]) -> bool:
        """Whether each condition of the question limits the ordering column to a range, and `columns` are stored."""
        return sliced(question, self.stored.column) and set(columns) <= set(self.table.columns)

    def ranges(self, question: Question) -> list[Range]:
        """The ranges of the ordering column that hold all events that a question needs, sorted and without overlaps."""
        wholes = (math.inf, -math.inf) if self.table.columns[self.stored.column] == "double" else (2**63 - 1, -(2**63))
        found = sorted(_range(condition, self.stored.column, wholes) for condition in conditions(question))
        merged: list[Range] = []
        for low, high in found:
            if merged and low <= merged[-1][1]:
                merged[-1] = merged[-1][0], max(high, merged[-1][1])
            elif low <= high:
                merged.append((low, high))
        return merged


def conditions(question: Question) -> list[tuple[Filter, ...]]:
    """The conditions of a question, each a tuple of filters; each event that the question needs matches a condition."""
    if isinstance(question, Aggregate):
        return [question.where]
    return [question.birth, question.returns] if isinstance(question, Cohort) else list(question.steps)


def sliced(question: Question, column: str) -> bool:
    """Whether every condition of a question has a filter =, <, <=, > or >= on `column`."""
    return all(any(f.column == column and f.op in RANGED for f in condition) for condition in conditions(question))


def _range(condition: tuple[Filter, ...], column: str, wholes: Range) -> Range:
    """The range of values of `column` that match; `wholes` holds the greatest and then the least value of its type."""
    (high, low), is_float = wholes, isinstance(wholes[0], float)
    for wanted in condition:
        if wanted.column != column or wanted.op not in RANGED:
            continue
        value = float(wanted.value) if is_float else wanted.value
        if wanted.op in (Op.EQ, Op.GE, Op.GT):
            low = max(low, _next(value, 1) if wanted.op is Op.GT else value)
        if wanted.op in (Op.EQ, Op.LE, Op.LT):
            high = min(high, _next(value, -1) if wanted.op is Op.LT else value)
    if is_float:  # Cassandra sorts -0.0 before 0.0
        low, high = -0.0 if low == 0 else low, 0.0 if high == 0 else high
    return low, high


def _next(value: Any, direction: int) -> Any:
    """The next integer or float above the value (direction 1) or below it (direction -1)."""
    return float(np.nextafter(value, direction * math.inf)) if isinstance(value, float) else value + direction
