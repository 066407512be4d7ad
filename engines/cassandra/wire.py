"""Columns of events as the bytes of CQL's values, and rows of values as columns.

A whole column is put into bytes at once: binding value by value would be most of the work of a load.
"""

from operator import itemgetter
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from cassandra.query import UNSET_VALUE

NUMBERS = {"bigint": ">i8", "timestamp": ">i8", "int": ">i4", "double": ">f8"}
NOTHING = "\\"
"""Stands for NULL in a key, where Cassandra takes none; a text that begins with it gets one more."""


def cells(column: pa.Array, kind: str) -> list[Any]:
    """The value of each row in bytes; of NULL nothing is sent, which spares a tombstone."""
    if kind == "text":
        values = column.cast(pa.binary()).to_pylist()
    elif kind == "varint":
        values = [None if v is None else _varint(int(v)) for v in column.to_pylist()]
    else:
        values = _numbers(column, NUMBERS[kind])
    return [UNSET_VALUE if v is None else v for v in values] if column.null_count else values


def key(column: pa.Array) -> pa.Array:
    """A column of text or integers as text that may stand in a key."""
    column = column.cast(pa.string())
    escaped = pc.if_else(pc.starts_with(column, NOTHING), pc.binary_join_element_wise(NOTHING, column, ""), column)
    return escaped.fill_null(NOTHING)


def unkeyed(column: pa.Array, kind: pa.DataType) -> pa.Array:
    """What `key` made its text of."""
    if not pc.any(pc.starts_with(column, NOTHING)).as_py():
        return column.cast(kind)
    known = pc.if_else(pc.equal(column, NOTHING), pa.scalar(None, pa.string()), column)
    return pc.if_else(pc.starts_with(known, NOTHING), pc.utf8_slice_codeunits(known, 1), known).cast(kind)


def table(rows: list[tuple[Any, ...]], kinds: dict[str, pa.DataType]) -> pa.Table:
    """Rows as the driver gives them, as columns."""
    whole = pa.array(rows, pa.struct(list(kinds.items())))
    return pa.Table.from_batches([pa.RecordBatch.from_struct_array(whole)])


def sums(rows: list[tuple[Any, ...]], kinds: dict[str, pa.DataType]) -> pa.Table:
    """The same of states; a sum of no value, of which Cassandra says that it is 0, is NULL."""
    found = table(rows, kinds)
    places = {name: place for place, name in enumerate(kinds)}
    for count, place in places.items():
        added = places.get(f"sum{count.removeprefix('count')}")
        if added is not None and count.startswith("count(") and 0 in map(itemgetter(place), rows):
            some = pc.if_else(pc.equal(found[place], 0), None, found[added])
            found = found.set_column(added, found.field(added), some)
    return found


def _numbers(column: pa.Array, form: str) -> list[bytes | None]:
    filled = column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column
    numbers = np.asarray(filled.fill_null(0)).astype(form)
    size, whole = numbers.itemsize, numbers.tobytes()
    values: list[bytes | None] = [whole[i : i + size] for i in range(0, len(whole), size)]
    for place in np.flatnonzero(np.asarray(column.is_null())) if column.null_count else ():
        values[place] = None
    return values


def _varint(value: int) -> bytes:
    return value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True)
