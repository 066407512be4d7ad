"""Parts of a load that several processes write at the same time: each writes the events of one shard."""

from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
import pyarrow as pa
from cassandra.cluster import Session

from rollup_bench.engines.cassandra.batch_writer import BatchWriter
from rollup_bench.engines.cassandra.driver import failures
from rollup_bench.engines.cassandra.loading import PART, LoadCheckpoint, TableWriter, numbered, silent
from rollup_bench.engines.cassandra.tables import Table
from rollup_bench.engines.contract import Plan
from rollup_bench.servers.watch import Watch
from rollup_bench.workloads.events import Events, Shard

Connect = Callable[[], Session]
"""Opens a session."""


def missing(plan: Plan, events: Events, arrived: Mapping[str, int], connect: Connect) -> list[Callable[[], int]]:
    """The parts of the table of events that have not arrived; none if the plan has no such table.

    `arrived` are the rows of the load checkpoint. A row has the same partition and key as in a load by one process,
    because each part knows the rows before it.
    """
    table: Table | None = plan.tables.events
    bucket_rows, found = Counter[int](), list[Callable[[], int]]()
    for shard in events.shards() if table else []:
        assert table
        if arrived.get(_name(shard)) != shard.rows:
            found.append(partial(_write, plan, table, shard, dict(bucket_rows), connect))
        bucket_rows.update(_counted(table, shard))
    return found


def _write(plan: Plan, table: Table, shard: Shard, bucket_rows: Mapping[int, int], connect: Connect) -> int:
    """Writes the rows of a shard, except those that arrived before, and returns their number."""
    with failures():
        session = connect()
        try:
            checkpoint, writer = LoadCheckpoint(session, plan), BatchWriter(session, Watch())
            rows = TableWriter(session, plan.name, table, writer, checkpoint, _name(shard), bucket_rows)
            before = shard.before
            for batch in shard.events.batches():
                rows.write(numbered(table, batch, before), silent)
                before += batch.num_rows
        finally:
            session.cluster.shutdown()
    return shard.rows


def _name(shard: Shard) -> str:
    return f"{PART}{shard.number}"


def _counted(table: Table, shard: Shard) -> Counter[int]:
    """The number of rows of a shard in each bucket."""
    counted = Counter[int]()
    for batch in shard.events.batches([table.time]):
        buckets = np.asarray(batch.column(0).cast(pa.int64())) // table.bucket_width
        counted.update(dict(zip(*(found.tolist() for found in np.unique(buckets, return_counts=True)), strict=True)))
    return counted
