"""Loads the tables of a plan; an interrupted load resumes from its checkpoint."""

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from itertools import chain, groupby
from operator import itemgetter
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

import numpy as np
import pyarrow as pa
from cassandra.cluster import Session
from cassandra.query import BatchStatement, BatchType

from rollup_bench.engines.cassandra import codec, planning
from rollup_bench.engines.cassandra.batch_writer import BatchWriter, batches
from rollup_bench.engines.cassandra.driver import Reader, rows_of_all_nodes
from rollup_bench.engines.cassandra.partitioning import assign_partitions, fitted
from rollup_bench.engines.cassandra.rollup_tables import Rollup
from rollup_bench.engines.cassandra.tables import BUCKET, LoadedTable, Manifest, Table, literal, partitions
from rollup_bench.engines.client_aggregation import Accumulator
from rollup_bench.engines.contract import Plan
from rollup_bench.engines.sql import quoted
from rollup_bench.errors import FailureError
from rollup_bench.servers.watch import Watch
from rollup_bench.workloads.events import Events
from rollup_bench.workloads.pace import Pace

MANIFEST_COLUMNS = ("name", "bucket_width", "buckets", BUCKET, "rows")
MANIFEST_BATCH = 500
CHUNK_ROWS = 1 << 15
"""Rows between two checkpoints; they are encoded at once."""
COUNT_SECONDS = 600.0
"""The deadline for counting the rows of a complete load."""
EVENTS = "events"
"""The table of events."""
PART = f"{EVENTS}/"
"""The names of the rows of the checkpoint for parts of the events begin so; the number of the shard follows."""
BUILT = "built"
"""The row of the checkpoint with the seconds that were spent on what is stored in addition to the events."""
NONE: Mapping[int, int] = MappingProxyType({})
POOLS = ("MemtableFlushWriter", "MemtablePostFlush", "CompactionExecutor")

Building = Callable[[], AbstractContextManager[object]]
"""Opens a block around work on what is stored in addition to the events."""


class LoadCheckpoint:
    """The number of rows of each table that have arrived in Cassandra, stored in a table of the same keyspace.

    The constructor creates the keyspace and its tables anew, unless an interrupted load has created all of them. The
    plan alone decides the order and the keys of rows, so the number of rows is enough to resume a load; rows that
    arrived after the last checkpoint are written again with the same keys.
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
        if sum(rows for name, rows in self.rows.items() if name.startswith(PART)) == plan.statistics.rows:
            self.rows[EVENTS] = plan.statistics.rows
        self._began = began - max((seconds for _, _, seconds in stored), default=0.0)
        self._built = next((seconds for name, _, seconds in stored if name == BUILT), 0.0)
        self._building_since: float | None = None

    @property
    def seconds(self) -> float:
        """The seconds that the load has taken, including interrupted attempts up to their last checkpoint."""
        return time.perf_counter() - self._began

    @property
    def built_seconds(self) -> float:
        """The part of the load's seconds that was spent in `with` blocks of `building`."""
        return self._built + (0.0 if self._building_since is None else time.perf_counter() - self._building_since)

    @contextmanager
    def building(self) -> Iterator[None]:
        """Adds the time of the block to `built_seconds`, the time spent on tables other than that of the events."""
        self._building_since = time.perf_counter()
        yield
        self._built, self._building_since = self.built_seconds, None

    def save(self, table: str, rows: int) -> None:
        """Stores in the checkpoint how many rows of a table have arrived, and the seconds of the load so far."""
        for values in ([table, rows, self.seconds], [BUILT, 0, self.built_seconds]):
            self._session.execute(f"INSERT INTO {self._table} (name, rows, seconds) VALUES (%s, %s, %s)", values)


def table_exists(session: Session, plan: Plan, table: str) -> bool:
    """Whether the plan's keyspace has a table of this name."""
    names = session.execute("SELECT table_name FROM system_schema.tables WHERE keyspace_name = %s", [plan.name])
    return (table,) in names.all()


def drop(session: Session, plan: Plan) -> None:
    """Drops the plan's keyspace if a query finds it; users with few permissions cannot use IF EXISTS."""
    if session.execute("SELECT keyspace_name FROM system_schema.keyspaces WHERE keyspace_name = %s", [plan.name]).all():
        session.execute(f"DROP KEYSPACE {quoted(plan.name)}")


class RowWriter(Protocol):
    """Takes the rows of one table."""

    def write(self, rows: pa.Table, pace: Callable[[int], None]) -> None:
        """Takes rows that have the table's columns, and reports their numbers to `pace`.

        If the table has no size, these are all its rows.
        """


class TableWriter:
    """Writes the rows of one table, except those that arrived in an interrupted load, and counts them by bucket.

    `part` is the name that a part of the rows has in the checkpoint; `bucket_rows` are the rows before it, by bucket.
    """

    def __init__(
        self,
        session: Session,
        keyspace: str,
        table: Table,
        writer: BatchWriter,
        checkpoint: LoadCheckpoint,
        part: str = "",
        bucket_rows: Mapping[int, int] = NONE,
    ) -> None:
        self._table, self._writer, self._checkpoint, self._name = table, writer, checkpoint, part or table.name
        self._arrived, self._rows = checkpoint.rows.get(self._name, 0), 0
        self._prepared = session.prepare(table.insert(keyspace))
        self._bucket_rows = dict(bucket_rows)

    @property
    def loaded(self) -> LoadedTable:
        """The table with its size and the number of rows written to each bucket."""
        return LoadedTable(self._table, self._bucket_rows)

    def write(self, rows: pa.Table, pace: Callable[[int], None]) -> None:
        """Writes rows, which have the table's columns, in chunks, and passes each chunk's number of rows to `pace`."""
        self._table = fitted(self._table, rows)
        for first in range(0, rows.num_rows, CHUNK_ROWS):
            chunk = rows.slice(first, CHUNK_ROWS)
            buckets, shards = assign_partitions(self._table, chunk, self._bucket_rows)
            chunk = chunk.append_column(BUCKET, pa.array(buckets)).append_column(self._table.shard, pa.array(shards))
            self._rows += chunk.num_rows
            if self._rows > self._arrived:
                for batch in batches(self._table, self._prepared, chunk):
                    self._writer.send(batch)
                self._writer.finish()
                self._checkpoint.save(self._name, self._rows)
            pace(chunk.num_rows)


def load(session: Session, plan: Plan, events: Events, checkpoint: LoadCheckpoint, watch: Watch) -> dict[str, int]:
    """Fills all tables; returns the number of rows of each table, by the table's name, as the server then counts them.

    If the server's count differs from the number of rows written, drops the keyspace and raises FailureError.
    """
    writer = BatchWriter(session, watch)
    writers = {t.name: TableWriter(session, plan.name, t, writer, checkpoint) for t in plan.tables.tables}
    write_tables(plan, events, writers, checkpoint.building, watch)
    manifest = {name: table_writer.loaded for name, table_writer in writers.items()}
    for batch in manifest_batches(session, plan, manifest):
        writer.send(batch)
    writer.finish()
    watch.say("counting the rows that have arrived")
    counted = _count(Reader(session), plan, manifest, watch)
    written = {name: sum(loaded.bucket_rows.values()) for name, loaded in manifest.items()}
    if counted != written:
        drop(session, plan)
        raise FailureError(f"cassandra stored {sum(counted.values())} of {sum(written.values())} rows")
    return counted


def write_tables(
    plan: Plan, events: Events, writers: Mapping[str, RowWriter], building: Building, watch: Watch
) -> None:
    """Writes events as they are read; what is computed from them, after all events have been read.

    The work on tables other than that of events is done in blocks of `building`.
    """
    design: planning.Design = plan.tables
    rollups = [(rollup, Accumulator()) for rollup in design.rollups]
    pace, rows_before = Pace(watch.say, "", events.statistics.rows), 0
    for batch in events.batches():
        if design.events is not None:
            writers[design.events.name].write(numbered(design.events, batch, rows_before), pace)
        else:
            pace(batch.num_rows)
        with building():
            for table, rows in _slice_rows(design, batch, rows_before):
                writers[table.name].write(rows, silent)
            for rollup, accumulator in rollups:
                accumulator.add(rollup.fine.aggregated(batch, plan.statistics))
        rows_before += batch.num_rows
        watch.check()
    with building():
        for table, rows in chain(_rollup_rows(rollups), _derived_rows(design, events, watch)):
            writers[table.name].write(rows, Pace(watch.say, f"{table.comment}: ", rows.num_rows))


def silent(_rows: int) -> None:
    """Takes the place of a `pace`, and reports nothing."""


def numbered(table: Table, batch: pa.RecordBatch, rows_before: int) -> pa.Table:
    """The events of a batch with their numbers in the load, which make the keys of equal events differ."""
    numbers = pa.array(np.arange(rows_before, rows_before + batch.num_rows))
    return pa.table(batch).append_column(table.clustering[-1], numbers)


def _slice_rows(design: planning.Design, batch: pa.RecordBatch, rows_before: int) -> Iterator[tuple[Table, pa.Table]]:
    for slices in design.slices:
        yield slices.table, slices.rows(numbered(slices.table, batch, rows_before))


def _rollup_rows(rollups: list[tuple[Rollup, Accumulator]]) -> Iterator[tuple[Table, pa.Table]]:
    for rollup, accumulator in rollups:
        if accumulator.groups is not None:
            yield from rollup.rows(accumulator.groups)


def _derived_rows(design: planning.Design, events: Events, watch: Watch) -> Iterator[tuple[Table, pa.Table]]:
    for derived in design.derived:
        watch.say(derived.table.comment)
        yield derived.table, derived.rows(events)


def manifest_rows(manifest: Manifest) -> Iterator[tuple[str, int, int, int, int]]:
    """The rows of the table `manifest`, which has the columns `MANIFEST_COLUMNS`."""
    for name, loaded in manifest.items():
        for bucket, rows in loaded.bucket_rows.items():
            yield name, loaded.table.bucket_width, loaded.table.buckets, bucket, rows


def manifest_batches(session: Session, plan: Plan, manifest: Manifest) -> Iterator[BatchStatement]:
    """The statements that write a manifest into the plan's keyspace."""
    into = f"{quoted(plan.name)}.manifest ({', '.join(MANIFEST_COLUMNS)})"
    insert = session.prepare(f"INSERT INTO {into} VALUES ({', '.join('?' * len(MANIFEST_COLUMNS))})")
    for _, rows in groupby(manifest_rows(manifest), itemgetter(0)):
        entries = list(rows)
        for first in range(0, len(entries), MANIFEST_BATCH):
            batch = BatchStatement(BatchType.UNLOGGED)
            batch.is_idempotent = True
            for entry in entries[first : first + MANIFEST_BATCH]:
                batch.add(insert, entry)
            yield batch


def read_manifest(reader: Reader, plan: Plan) -> Manifest:
    """Reads from the plan's keyspace the size of each table and the number of rows in each of its buckets."""
    columns = MANIFEST_COLUMNS[1:]
    select = f"SELECT {', '.join(columns)} FROM {quoted(plan.name)}.manifest WHERE name = ?"
    results = reader.results((select, (table.name,)) for table in plan.tables.tables)
    schema = pa.schema(dict.fromkeys(columns, pa.int64()))
    return {
        table.name: _loaded_table(table, codec.table(pages, schema))
        for table, pages in zip(plan.tables.tables, results, strict=True)
    }


def _loaded_table(table: Table, rows: pa.Table) -> LoadedTable:
    """A table as its rows in the manifest describe it; without rows, it is empty and needs no size."""
    widths, buckets, *bucket_rows = (column.to_pylist() for column in rows.columns)
    if widths:
        table = replace(table, bucket_width=widths[0], buckets=buckets[0])
    return LoadedTable(table, dict(zip(*bucket_rows, strict=True)))


def _count(reader: Reader, plan: Plan, manifest: Manifest, watch: Watch) -> dict[str, int]:
    """The number of rows of each table, by the table's name; the server counts partition by partition."""
    parts = [(table, partition) for table in plan.tables.tables for partition in partitions(table.name, manifest)]
    requests = ((table.select(plan.name, ["count(*)"]), partition) for table, partition in parts)
    counted = {table.name: 0 for table in plan.tables.tables}
    for (table, _), (page,) in zip(parts, reader.results(requests), strict=True):
        watch.check()
        counted[table.name] += page["count"][0].as_py()
    return counted


def mark_complete(session: Session, plan: Plan, watch: Watch) -> None:
    """Marks the load of a plan as complete, in files, so that a killed server keeps the mark and the manifest.

    A node writes its commit log to the disk every ten seconds.
    """
    session.execute(f"INSERT INTO {quoted(plan.name)}.loaded (rows) VALUES (0)")
    settle(session, plan, ["manifest", "loaded"], watch)


def is_complete(session: Session, plan: Plan) -> bool:
    """Whether the plan was loaded to its end; a load that was interrupted was not."""
    if not table_exists(session, plan, "loaded"):
        return False
    return session.execute(f"SELECT rows FROM {quoted(plan.name)}.loaded").one() is not None


def demand_complete(session: Session, plan: Plan) -> None:
    """FailureError unless the plan was loaded to its end."""
    if not is_complete(session, plan):
        where = f"{plan.dataset.name} on {plan.layout.name}"
        raise FailureError(f"cassandra: the load of {where} is not complete; the same command loads it again")


def count_rows(session: Session, plan: Plan) -> int | None:
    """The number of rows of all tables, counted by the server; None if the plan is not completely loaded."""
    if not is_complete(session, plan):
        return None
    reader = Reader(session)
    return sum(_count(reader, plan, read_manifest(reader, plan), Watch(seconds=COUNT_SECONDS)).values())


def settle(session: Session, plan: Plan, tables: Collection[str], watch: Watch) -> None:
    """Flushes the given tables to disk, and waits until no flush or compaction of any table is left.

    A flush period of one millisecond makes a table flush at once; nodetool would need the server's JMX port.
    """
    for period in (1, 0):
        for table in tables:
            name = f"{quoted(plan.name)}.{quoted(table)}"
            session.execute(f"ALTER TABLE {name} WITH memtable_flush_period_in_ms = {period}")
        watch.pause(0.1)
        while tasks := _busy_tasks(session):
            watch.say(f"settling: {tasks} flushes and compactions left")
            watch.pause(0.1)


def _busy_tasks(session: Session) -> int:
    pools = rows_of_all_nodes(session, "SELECT name, active_tasks, pending_tasks FROM system_views.thread_pools")
    return sum(active + pending for name, active, pending in pools if name in POOLS)


def bytes_at_rest(session: Session, plan: Plan, shares_disk: bool) -> dict[str, int]:
    """The bytes of all copies of each table, by the table's name.

    They are the sizes of its files if `shares_disk`, else what the nodes report, which is whole mebibytes.
    """
    sizes: Counter[str] = Counter()
    if shares_disk:
        setting = "SELECT value FROM system_views.settings WHERE name = 'data_file_directories'"
        for folder in str(session.execute(setting).one()[0]).strip("[]").split(", "):
            for path in (Path(folder) / plan.name).glob("*"):  # a table's folder is named <table>-<id>
                files = (file for file in path.rglob("*") if file.is_file())
                sizes[path.name.rpartition("-")[0]] += sum(file.stat().st_size for file in files)
        return sizes
    usage = f"SELECT table_name, mebibytes FROM system_views.disk_usage WHERE keyspace_name = {literal(plan.name)}"
    for table, mebibytes in rows_of_all_nodes(session, usage):
        sizes[table] += int(mebibytes) << 20
    return sizes
