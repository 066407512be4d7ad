"""Reads the events of Cassandra by ranges of tokens, in tasks of Spark."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import pyarrow as pa

from rollup_bench.engines.cassandra import codec, driver
from rollup_bench.engines.cassandra.driver import Reader
from rollup_bench.engines.cassandra.event_scans import EventScan
from rollup_bench.engines.cassandra.tables import BUCKET, MAX_ROWS, Table
from rollup_bench.engines.spark.loading import precise
from rollup_bench.engines.sql import quoted
from rollup_bench.servers import Connection
from rollup_bench.workloads.columns import INSTANT

FIRST, LAST = -(1 << 63), (1 << 63) - 1
"""The ends of the ring of tokens; no partition has the first."""


@dataclass(frozen=True)
class Scan:
    """The statement of a task, its values after the ends of the range, and the number of ranges.

    `schema` has the columns of the statement; the first is the time, in milliseconds since 1970, UTC.
    """

    text: str
    values: tuple[Any, ...]
    schema: pa.Schema
    ranges: int

    def ends(self, number: int) -> tuple[int, int]:
        """The token before the first of a range, and the last one."""
        first, last = (FIRST + (LAST - FIRST) * place // self.ranges for place in (number, number + 1))
        return first, last

    def rows(self, connection: Connection, number: int) -> Iterator[pa.RecordBatch]:
        """The events of a range, which a process of Spark reads; the ranges are numbered from 0."""
        time = pa.field(self.schema.names[0], INSTANT)
        for pages in _reader(connection).results([(self.text, (*self.ends(number), *self.values))]):
            rows = codec.table(pages, self.schema).cast(self.schema.set(0, time))
            yield from map(precise, rows.to_batches())


def scan(read: EventScan) -> Scan:
    """The columns, the period and the conditions that the client of Cassandra would read, by ranges of tokens.

    A range has about as many events as the largest partition: a task holds all that it reads.
    """
    plan, condition = read.plan, read.condition
    table: Table = plan.tables.events
    time, key = quoted(table.time), f"token({quoted(BUCKET)}, {quoted(table.shard)})"
    columns = ", ".join([f"to_unix_timestamp({time})", *map(quoted, read.columns)])
    where = f"{key} > ? AND {key} <= ? AND {time} >= ? AND {time} < ?{condition.text or ' ALLOW FILTERING'}"
    text = f"SELECT {columns} FROM {quoted(plan.name)}.{quoted(table.name)} WHERE {where}"
    types = {table.time: pa.int64()} | {name: plan.schema.field(name).type for name in read.columns}
    ranges = max(1, -(-plan.statistics.rows // MAX_ROWS))
    return Scan(text, (*read.period, *condition.values), pa.schema(types), ranges)


@cache
def _reader(connection: Connection) -> Reader:
    """A process keeps its session of Cassandra for the next tasks."""
    return Reader(driver.connect(connection))
