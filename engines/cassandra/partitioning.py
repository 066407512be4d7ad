"""Divides the rows of a table among partitions."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from rollup_bench.engines.cassandra.tables import HOUR, Table, key_hash

Longs = npt.NDArray[np.int64]
COMBINATIONS = 10
"""The combinations of leading values that a partition must have room for, if their hash decides the bucket."""
MOST_BUCKETS = 4
"""How many times as many buckets as the rows would fill a hash may have, so that no bucket has too many rows."""


def fitted(table: Table, rows: pa.Table) -> Table:
    """The table with a size for `rows`, which are all rows to load; a table that has a size stays as it is.

    All rows are in one partition if it has room for them. Else there are as few buckets as hold at most the rows of a
    partition: of combinations of the leading values, if these have few rows each, or periods of time.
    """
    if table.bucket_width or table.buckets:
        return table
    if rows.num_rows <= table.max_rows:
        return replace(table, buckets=1)
    if table.leading:
        hashes = _hashes(rows, table.leading)
        if COMBINATIONS * rows.num_rows <= len(np.unique(hashes)) * table.max_rows:
            return replace(table, buckets=_hash_buckets(hashes, table.max_rows))
    return replace(table, bucket_width=_bucket_width(np.asarray(rows[table.time].cast(pa.int64())), table.max_rows))


def _hash_buckets(hashes: Longs, max_rows: int) -> int:
    """The least number of buckets by hash of which none has more than `max_rows` rows, up to a limit."""
    least = -(-len(hashes) // max_rows)
    fitting = (buckets for buckets in range(least, MOST_BUCKETS * least) if _most(hashes % buckets) <= max_rows)
    return next(fitting, MOST_BUCKETS * least)


def _bucket_width(times: Longs, max_rows: int) -> int:
    """The greatest power of two of an hour in which there are never more than `max_rows` rows; at least an hour."""
    width = HOUR
    while width <= int(times.max() - times.min()):
        width *= 2
    while width > HOUR and _most(times // width) > max_rows:
        width //= 2
    return width


def _most(buckets: Longs) -> int:
    """The number of rows of the bucket with the most rows."""
    return int(np.unique(buckets, return_counts=True)[1].max())


def assign_partitions(table: Table, rows: pa.Table, bucket_rows: dict[int, int]) -> tuple[Longs, Longs]:
    """Returns the bucket and the shard of each row, which are the columns of its partition key.

    `bucket_rows` maps each bucket to its number of rows so far; the function adds the new rows to these numbers.
    """
    times = np.asarray(rows[table.time].cast(pa.int64()))
    buckets = _hashes(rows, table.leading) % table.buckets if table.buckets else times // table.bucket_width
    order = np.argsort(buckets, kind="stable")
    new_buckets, begins, counts = np.unique(buckets[order], return_index=True, return_counts=True)
    places = np.empty(len(times), np.int64)
    earlier = np.array([bucket_rows.get(bucket, 0) for bucket in new_buckets.tolist()], np.int64)
    places[order] = np.arange(len(times)) - np.repeat(begins - earlier, counts)
    bucket_rows.update(zip(new_buckets.tolist(), (earlier + counts).tolist(), strict=True))
    shards = places // table.generation_rows * table.shards
    return buckets, shards if table.shards == 1 else shards + _hashes(rows, table.clustering) % table.shards


def _hashes(rows: pa.Table, names: tuple[str, ...]) -> Longs:
    """The `key_hash` of the columns `names` of each row, in which a time is milliseconds since 1970, UTC."""
    hashes = np.zeros(rows.num_rows, np.int64)
    for name in names:
        column = rows[name].combine_chunks()
        if pa.types.is_timestamp(column.type):
            column = column.cast(pa.int64())
        values = column.dictionary_encode()
        digests = np.array([key_hash((value,)) for value in values.dictionary.to_pylist()], np.int64)
        hashes = (31 * hashes + digests[np.asarray(values.indices)]) & 0xFFFFFFFF
    return hashes
