"""Selects rows of a batch of events by time and by filters."""

import pyarrow as pa
import pyarrow.compute as pc

from rollup_bench.workloads.filters import Filter, Op
from rollup_bench.workloads.questions import Span

COMPARE = {Op.EQ: pc.equal, Op.NE: pc.not_equal, Op.LT: pc.less, Op.LE: pc.less_equal}
COMPARE |= {Op.GT: pc.greater, Op.GE: pc.greater_equal}


def within(batch: pa.RecordBatch, time: str, span: Span) -> pa.RecordBatch:
    """The rows whose value in the column `time` lies in the span."""
    start, end = (pa.scalar(ms, pa.int64()).cast(batch.schema.field(time).type) for ms in span.milliseconds)
    times = batch.column(time)
    return batch.filter(pc.and_(pc.greater_equal(times, start), pc.less(times, end)))


def matching(batch: pa.RecordBatch, filters: tuple[Filter, ...]) -> pa.RecordBatch:
    """The rows of the batch that satisfy every filter."""
    for condition in filters:
        batch = batch.filter(mask(batch.column(condition.column), condition))
    return batch


def mask(column: pa.Array, condition: Filter) -> pa.Array:
    """For each value of the column, True if the value satisfies the condition; NULL satisfies only `null = true`."""
    if condition.op is Op.NULL:
        return column.is_null() if condition.value else column.is_valid()
    values = pa.array(list(condition.values), column.type)
    if condition.op is Op.IN:
        return pc.is_in(column, values)
    return pc.fill_null(COMPARE[condition.op](column, values[0]), False)
