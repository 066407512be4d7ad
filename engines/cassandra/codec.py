"""Converts between Arrow columns and CQL values.

Whole columns are encoded at once, because a load would spend most of its time on encoding value by value.
"""

from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from cassandra.query import UNSET_VALUE

from rollup_bench.engines.cassandra.driver import Page

NUMBERS = {"bigint": ">i8", "timestamp": ">i8", "int": ">i4", "double": ">f8"}
Columns: TypeAlias = "dict[str, pa.Array | pa.ChunkedArray]"
"""The rows of a result by column."""
NULL_KEY = "\\"
"""Stands for NULL in a key, where Cassandra permits none; texts that begin with a backslash get a second one."""


def encoded(column: pa.Array, cql_type: str) -> list[Any]:
    """The CQL bytes of each value of a column; NULL is left unset, because Cassandra would store a tombstone for it."""
    if cql_type == "text":
        values = column.cast(pa.binary()).to_pylist()
    elif cql_type == "varint":
        values = [None if value is None else _varint(int(value)) for value in column.to_pylist()]
    else:
        values = _numbers(column, NUMBERS[cql_type])
    return [UNSET_VALUE if value is None else value for value in values] if column.null_count else values


def key(column: pa.Array) -> pa.Array:
    """Turns a column of texts or integers into texts for a key, in which a backslash stands for NULL."""
    column = column.cast(pa.string())
    escaped = pc.if_else(pc.starts_with(column, NULL_KEY), pc.binary_join_element_wise(NULL_KEY, column, ""), column)
    return escaped.fill_null(NULL_KEY)


def unkeyed(column: pa.Array, arrow_type: pa.DataType) -> pa.Array:
    """Turns texts that `key` returned back into the original values, as a column of `arrow_type`."""
    if not pc.any(pc.starts_with(column, NULL_KEY)).as_py():
        return column.cast(arrow_type)
    nullable = pc.if_else(pc.equal(column, NULL_KEY), pa.scalar(None, pa.string()), column)
    escaped = pc.starts_with(nullable, NULL_KEY)
    return pc.if_else(escaped, pc.utf8_slice_codeunits(nullable, 1), nullable).cast(arrow_type)


def table(pages: list[Page], schema: pa.Schema) -> pa.Table:
    """The rows of pages as an Arrow table; `schema` describes the columns in the order of the statement."""
    batches = [pa.RecordBatch.from_arrays(list(page.values()), schema=schema) for page in pages]
    return pa.Table.from_batches(batches, schema)


def partials(pages: list[Page], schema: pa.Schema) -> Columns:
    """The rows of pages by column; where count(x) is 0, sum(x) becomes NULL, because Cassandra returns 0."""
    values = pages[0].values() if len(pages) == 1 else table(pages, schema).columns
    columns: Columns = dict(zip(schema.names, values, strict=True))
    for name, column in columns.items():
        if isinstance(column, np.ndarray):
            columns[name] = pa.array(column, schema.field(name).type)
    for name in columns:
        if name.startswith("sum("):
            counts = columns[f"count{name.removeprefix('sum')}"]
            if _has_zero(counts):
                columns[name] = pc.if_else(pc.equal(counts, 0), None, columns[name])
    return columns


def _has_zero(counts: pa.Array | pa.ChunkedArray) -> bool:
    # NumPy is faster for many rows, and slower for a few
    return 0 in (counts.to_pylist() if len(counts) < 100 else np.asarray(counts))


def _numbers(column: pa.Array, form: str) -> list[bytes | None]:
    integers = column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column
    numbers = np.asarray(integers.fill_null(0)).astype(form)
    size, whole = numbers.itemsize, numbers.tobytes()
    values: list[bytes | None] = [whole[i : i + size] for i in range(0, len(whole), size)]
    for place in np.flatnonzero(np.asarray(column.is_null())) if column.null_count else ():
        values[place] = None
    return values


def _varint(value: int) -> bytes:
    return value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True)
