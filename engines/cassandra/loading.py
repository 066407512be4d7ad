"""Loading the tables of a plan, with a checkpoint from which an interrupted load resumes."""

import time
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path

import numpy as np
import pyarrow as pa
from cassandra.cluster import Session
from cassandra.query import BatchStatement, BatchType

from rollup_bench.engines.cassandra import codec, planning
from rollup_bench.engines.cassandra.batch_writer import BatchWriter, assign_partitions, batches
from rollup_bench.engines.cassandra.client_aggregation import Accumulator
from rollup_bench.engines.cassandra.driver import Reader, rows_of_all_nodes
from rollup_bench.engines.cassandra.rollup_tables import Rollup
from rollup_bench.engines.cassandra.tables import BUCKET, Manifest, Table, literal, partitions
from rollup_bench.engines.contract import Plan
from rollup_bench.engines.sql import quoted
from rollup_bench.errors import FailureError
from rollup_bench.servers.watch import Watch
from rollup_bench.workloads.events import Events
from rollup_bench.workloads.pace import Pace

MANIFEST_BATCH = 500
CHUNK_ROWS = 1 << 15
"""Rows between two checkpoints; they are encoded at once."""
COUNT_SECONDS = 600.0
"""The deadline for counting the rows of a complete load."""
POOLS = ("MemtableFlushWriter", "MemtablePostFlush", "CompactionExecutor")


class LoadCheckpoint:
    """The number of rows of each table that have arrived, stored beside the tables.

    Opening it creates the keyspace and its tables, unless an interrupted load has left them complete. The plan alone
    decides the order and the keys of the rows, so their number is enough to resume from; rows that arrived after the
    last checkpoint are written again with the same keys.
    """

    def __init__(self, session: Session, plan: Plan) -> None:
        began = time.perf_counter()
        self._session, self._table = session, f"{quoted(plan.name)}.sent"
        if not table_exists(session, plan, "sent"):
            drop(session, plan)
            for statement in planning.statements(plan.name, plan.tables):
                session.execute(statement)
        stored = session.execute(f"SELECT name, rows, seconds FROM {self._table}").all()
        self.rows: dict[str, int] = {name: rows for name, rows, _ in stored}
        self._began = began - max((seconds for _, _, seconds in stored), default=0.0)

    @property
    def seconds(self) -> float:
        """The duration of the load, including its interrupted parts up to their last checkpoint."""
        return time.perf_counter() - self._began

    def save(self, table: str, rows: int) -> None:
        """Stores the number of rows of a table that have arrived."""
        values = [table, rows, self.seconds]
        self._session.execute(f"INSERT INTO {self._table} (name, rows, seconds) VALUES (%s, %s, %s)", values)


def table_exists(session: Session, plan: Plan, table: str) -> bool:
    """Whether the plan's keyspace has a table."""
    names = session.execute("SELECT table_name FROM system_schema.tables WHERE keyspace_name = %s", [plan.name])
    return (table,) in names.all()


def drop(session: Session, plan: Plan) -> None:
    """Drops the plan's keyspace if it exists. Restricted users cannot use IF EXISTS, so this checks first."""
    if session.execute("SELECT keyspace_name FROM system_schema.keyspaces WHERE keyspace_name = %s", [plan.name]).all():
        session.execute(f"DROP KEYSPACE {quoted(plan.name)}")


class TableWriter:
    """Writes the rows of one table that have not arrived before, and counts the rows of each bucket."""

    def __init__(
        self, session: Session, keyspace: str, table: Table, writer: BatchWriter, checkpoint: LoadCheckpoint
    ) -> None:
        self._table, self._writer, self._checkpoint = table, writer, checkpoint
        self._arrived, self._rows = checkpoint.rows.get(table.name, 0), 0
        self._prepared = session.prepare(table.insert(keyspace))
        self.buckets: dict[int, int] = {}

    def write(self, rows: pa.Table, pace: Callable[[int], None]) -> None:
        """Writes rows that have the table's columns, and reports their numbers to `pace`."""
        for first in range(0, rows.num_rows, CHUNK_ROWS):
            chunk = rows.slice(first, CHUNK_ROWS)
            buckets, shards = assign_partitions(self._table, chunk, self.buckets)
            chunk = chunk.append_column(BUCKET, pa.array(buckets)).append_column(self._table.shard, pa.array(shards))
            self._rows += chunk.num_rows
            if self._rows > self._arrived:
                for batch in batches(self._table, self._prepared, chunk):
                    self._writer.send(batch)
                self._writer.finish()
                self._checkpoint.save(self._table.name, self._rows)
            pace(chunk.num_rows)


def load(session: Session, plan: Plan, events: Events, checkpoint: LoadCheckpoint, watch: Watch) -> int:
    """Fills all tables and returns the number of rows that the server then counts.

    If the server counts other than the written number, drops the keyspace and raises FailureError.
    """
    writer = BatchWriter(session, watch)
    writers = {t.name: TableWriter(session, plan.name, t, writer, checkpoint) for t in plan.tables.tables}
    _write_tables(plan, events, writers, watch)
    manifest = {name: table_writer.buckets for name, table_writer in writers.items()}
    for batch in _manifest_batches(session, plan, manifest):
        writer.send(batch)
    writer.finish()
    watch.say("counting what has arrived")
    counted = _count(Reader(session), plan, manifest, watch)
    written = sum(sum(buckets.values()) for buckets in manifest.values())
    if counted != written:
        drop(session, plan)
        raise FailureError(f"cassandra stored {counted} of {written} rows")
    return counted


def _write_tables(plan: Plan, events: Events, writers: dict[str, TableWriter], watch: Watch) -> None:
    """Writes events as they are read; what is computed from them, after all events have been read."""
    design: planning.Design = plan.tables
    rollups = [(rollup, Accumulator()) for rollup in design.rollups]
    pace, rows_before = Pace(watch.say, "", events.statistics.rows), 0
    for batch in events.batches():
        for table, rows in _event_rows(design, batch, rows_before):
            writers[table.name].write(rows, pace if table is design.events else _silent)
        if design.events is None:
            pace(batch.num_rows)
        for rollup, accumulator in rollups:
            accumulator.add(rollup.fine.aggregated(batch, plan.statistics))
        rows_before += batch.num_rows
        watch.check()
    computed = chain(_rollup_rows(rollups), _derived_rows(design, events, watch))
    for table, rows in computed:
        writers[table.name].write(rows, Pace(watch.say, f"{table.comment}: ", rows.num_rows))


def _silent(_rows: int) -> None:
    """Reports no pace."""


def _event_rows(design: planning.Design, batch: pa.RecordBatch, rows_before: int) -> Iterator[tuple[Table, pa.Table]]:
    """The rows of events and of slices; their numbers in the load make the keys of equal events differ."""
    numbers = pa.array(np.arange(rows_before, rows_before + batch.num_rows))
    if design.events is not None:
        yield design.events, pa.table(batch).append_column(design.events.clustering[-1], numbers)
    for slices in design.slices:
        yield slices.table, slices.rows(pa.table(batch).append_column(slices.table.clustering[-1], numbers))


def _rollup_rows(rollups: list[tuple[Rollup, Accumulator]]) -> Iterator[tuple[Table, pa.Table]]:
    for rollup, accumulator in rollups:
        if accumulator.groups is not None:
            yield from rollup.rows(accumulator.groups)


def _derived_rows(design: planning.Design, events: Events, watch: Watch) -> Iterator[tuple[Table, pa.Table]]:
    for derived in design.derived:
        watch.say(derived.table.comment)
        yield derived.table, derived.rows(events)


def _manifest_batches(session: Session, plan: Plan, manifest: Manifest) -> Iterator[BatchStatement]:
    insert = session.prepare(f"INSERT INTO {quoted(plan.name)}.manifest (name, {BUCKET}, rows) VALUES (?, ?, ?)")
    for name, buckets in manifest.items():
        entries = list(buckets.items())
        for first in range(0, len(entries), MANIFEST_BATCH):
            batch = BatchStatement(BatchType.UNLOGGED)
            batch.is_idempotent = True
            for bucket, rows in entries[first : first + MANIFEST_BATCH]:
                batch.add(insert, (name, bucket, rows))
            yield batch


def read_manifest(reader: Reader, plan: Plan) -> Manifest:
    """Reads the buckets of each table."""
    select = f"SELECT {BUCKET}, rows FROM {quoted(plan.name)}.manifest WHERE name = ?"
    names = [table.name for table in plan.tables.tables]
    results = reader.results((select, (name,)) for name in names)
    types = {BUCKET: pa.int64(), "rows": pa.int64()}
    tables = (codec.table(pages, types) for pages in results)
    return {
        name: dict(zip(*map(pa.ChunkedArray.to_pylist, rows), strict=True))
        for name, rows in zip(names, tables, strict=True)
    }


def _count(reader: Reader, plan: Plan, manifest: Manifest, watch: Watch) -> int:
    """The rows of all tables, counted by the server partition by partition."""
    requests = (
        (table.select(plan.name, ["count(*)"]), partition)
        for table in plan.tables.tables
        for partition in partitions(table, manifest)
    )
    counted = 0
    for (page,) in reader.results(requests):
        watch.check()
        counted += int(page["count"][0])
    return counted


def mark_complete(session: Session, plan: Plan) -> None:
    """Marks a load as complete; a load without this mark counts as interrupted."""
    session.execute(f"INSERT INTO {quoted(plan.name)}.loaded (rows) VALUES (0)")


def count_rows(session: Session, plan: Plan) -> int | None:
    """The number of rows of a complete load, counted by the server; None if the plan is not completely loaded."""
    if not table_exists(session, plan, "loaded"):
        return None
    if session.execute(f"SELECT rows FROM {quoted(plan.name)}.loaded").one() is None:
        return None
    reader = Reader(session)
    return _count(reader, plan, read_manifest(reader, plan), Watch(seconds=COUNT_SECONDS))


def settle(session: Session, plan: Plan, shares_disk: bool, watch: Watch) -> int:
    """Waits until all tables are flushed and no compaction is left; returns the bytes at rest.

    A flush period of a millisecond makes a table flush at once, without a tool that needs the server's JMX port.
    """
    for period in (1, 0):
        for table in plan.tables.tables:
            name = f"{quoted(plan.name)}.{quoted(table.name)}"
            session.execute(f"ALTER TABLE {name} WITH memtable_flush_period_in_ms = {period}")
        watch.pause(0.1)
        while tasks := _busy_tasks(session):
            watch.say(f"settling: {tasks} flushes and compactions left")
            watch.pause(0.1)
    return _bytes_at_rest(session, plan, shares_disk)


def _busy_tasks(session: Session) -> int:
    pools = rows_of_all_nodes(session, "SELECT name, active_tasks, pending_tasks FROM system_views.thread_pools")
    return sum(active + pending for name, active, pending in pools if name in POOLS)


def _bytes_at_rest(session: Session, plan: Plan, shares_disk: bool) -> int:
    """The size of the keyspace with all its copies, from its files if they are on this disk, else from its nodes.

    Nodes report whole mebibytes.
    """
    if shares_disk:
        setting = "SELECT value FROM system_views.settings WHERE name = 'data_file_directories'"
        folders = str(session.execute(setting).one()[0]).strip("[]").split(", ")
        return sum(f.stat().st_size for d in folders for f in (Path(d) / plan.name).rglob("*") if f.is_file())
    usage = f"SELECT mebibytes FROM system_views.disk_usage WHERE keyspace_name = {literal(plan.name)}"
    return sum(int(mebibytes) for (mebibytes,) in rows_of_all_nodes(session, usage)) << 20
