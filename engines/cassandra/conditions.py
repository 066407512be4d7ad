"""Filters in the client."""

import functools
import operator

import pyarrow as pa
import pyarrow.compute as pc

from rollup_bench.workloads.filters import Filter, Op

COMPARE = {Op.EQ: operator.eq, Op.NE: operator.ne, Op.LT: operator.lt}
COMPARE |= {Op.LE: operator.le, Op.GT: operator.gt, Op.GE: operator.ge}


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
    if condition.op is Op.IN:
        return column.isin(values)
    return COMPARE[condition.op](column, values[0])
