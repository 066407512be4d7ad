"""Partial aggregates of events, which can be merged, and the filtering and grouping of Arrow tables."""

import functools
import operator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rollup_bench.workloads.events import Statistics
from rollup_bench.workloads.filters import Filter, Op

WIDE = pa.decimal128(38, 0)
"""The type of sums of integers that may not fit 64 bits."""
SAFE_SUM = 2.0**62
"""If a column's absolute values add up to less than this number, even after rounding, its sums fit 64 bits."""


def matching(rows: pa.Table, filters: tuple[Filter, ...]) -> pa.Table:
    """The rows that satisfy every filter."""
    if not filters:
        return rows
    return rows.filter(functools.reduce(operator.and_, (_expression(f, rows.schema) for f in filters)))


def _expression(condition: Filter, schema: pa.Schema) -> pc.Expression:
    column = pc.field(condition.column)
    if condition.op is Op.NULL:
        return column.is_null() if condition.value else column.is_valid()
    values = pa.array(condition.values, schema.field(condition.column).type)
    return column.isin(values) if condition.op is Op.IN else getattr(operator, condition.op)(column, values[0])


@dataclass(frozen=True)
class Partial:
    """A partial aggregate of a group: the count, sum, min or max of a column; without a column, the count of events.

    A count of a column leaves out NULLs. Sum, min and max are NULL if all values of a group are NULL.
    """

    function: str
    column: str | None = None

    def __str__(self) -> str:
        return f"{self.function}({self.column or ''})"

    def is_wide(self, statistics: Statistics) -> bool:
        """Whether the aggregate is a sum of integers and its result may exceed 64 bits."""
        column = str(self.column)
        integers = self.function == "sum" and statistics.types[column] == "int64"
        return integers and statistics.magnitude.get(column, 0.0) >= SAFE_SUM

    def arrow_type(self, statistics: Statistics) -> pa.DataType:
        """The Arrow type of the aggregate's values."""
        if self.function == "count" or statistics.types[str(self.column)] == "int64":
            return WIDE if self.is_wide(statistics) else pa.int64()
        return pa.float64()

    def of_events(self, rows: pa.Table, statistics: Statistics) -> pa.ChunkedArray | pa.Array:
        """The aggregate's value for each event alone; merging such values gives the aggregate of several events."""
        if self.column is None:
            return pa.array(np.ones(rows.num_rows, np.int64))
        column = rows[self.column]
        if self.function == "count":
            return column.is_valid().cast(pa.int64())
        return column.cast(WIDE) if self.is_wide(statistics) else column


EVENTS = Partial("count")


def aggregate_rows(table: pa.Table, keys: list[str], functions: dict[str, str]) -> pa.Table:
    """Groups a table by `keys`; `functions` maps each column to the Arrow function that aggregates the column."""
    grouped = table.group_by(keys, use_threads=False).aggregate(list(functions.items()))
    return grouped.select([*keys, *(f"{c}_{how}" for c, how in functions.items())]).rename_columns([*keys, *functions])
