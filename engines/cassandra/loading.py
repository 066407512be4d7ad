"""Filling the tables of a plan, and when that counts as done."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
from cassandra.cluster import Session
from cassandra.query import BatchStatement, BatchType

from rollup_bench.engines.cassandra import rollups, writing
from rollup_bench.engines.cassandra.cluster import Reader, everywhere
from rollup_bench.engines.cassandra.planning import Design
from rollup_bench.engines.cassandra.sent import Sent, created, drop
from rollup_bench.engines.cassandra.states import Accumulator
from rollup_bench.engines.cassandra.tables import BUCKET, Manifest, Table, partitions, quoted, text
from rollup_bench.engines.cassandra.writing import Writer
from rollup_bench.engines.contract import Plan
from rollup_bench.errors import FailureError
from rollup_bench.servers.watch import Watch
from rollup_bench.workloads.events import Events
from rollup_bench.workloads.pace import Pace

MANIFEST_ROWS = 500
AT_ONCE = 1 << 15
"""Rows put into bytes at once, and noted when they have arrived."""
COUNTED = 600.0
"""Seconds in which a load that is done must be counted again."""
POOLS = ("MemtableFlushWriter", "MemtablePostFlush", "CompactionExecutor")


class Filler:
    """Puts rows into a table but those that have arrived before, and remembers how many each bucket has."""

    def __init__(self, session: Session, keyspace: str, table: Table, writer: Writer, sent: Sent) -> None:
        self._table, self._writer, self._sent = table, writer, sent
        self._before, self._rows = sent.rows.get(table.name, 0), 0
        self._prepared = session.prepare(table.insert(keyspace))
        self.buckets: dict[int, int] = {}

    def add(self, rows: pa.Table, pace: Pace) -> None:
        """Rows that have the table's columns."""
        for first in range(0, rows.num_rows, AT_ONCE):
            part = rows.slice(first, AT_ONCE)
            times = np.asarray(part[self._table.time].cast(pa.int64()))
            buckets, shards = writing.partitions(self._table, times, self.buckets)
            placed = part.append_column(BUCKET, pa.array(buckets)).append_column(self._table.shard, pa.array(shards))
            self._rows += part.num_rows
            if self._rows > self._before:
                self._send(placed)
            pace(part.num_rows)

    def _send(self, placed: pa.Table) -> None:
        for batch in writing.batches(self._table, self._prepared, placed):
            self._writer.send(batch)
        self._writer.finish()
        self._sent.note(self._table.name, self._rows)


def load(session: Session, plan: Plan, events: Events, sent: Sent, watch: Watch) -> int:
    """Fills everything; gives the rows that the engine then counts.

    FailureError where it counts others than were sent; then nothing is left to go on with.
    """
    writer = Writer(session, watch)
    fillers = {table.name: Filler(session, plan.name, table, writer, sent) for table in plan.tables.tables}
    _fill(plan, events, fillers, watch)
    manifest = {name: filler.buckets for name, filler in fillers.items()}
    for batch in _manifest_batches(session, plan, manifest):
        writer.send(batch)
    writer.finish()
    watch.say("counting what has arrived")
    kept = count(Reader(session), plan, manifest, watch)
    wanted = sum(sum(buckets.values()) for buckets in manifest.values())
    if kept != wanted:
        drop(session, plan)
        raise FailureError(f"cassandra kept {kept} rows of {wanted}")
    return kept


def record(session: Session, plan: Plan) -> None:
    """Marks a load as done; without this it counts as cut off."""
    session.execute(f"INSERT INTO {quoted(plan.name)}.loaded (rows) VALUES (0)")


def settle(session: Session, plan: Plan, shares_disk: bool, watch: Watch) -> int:
    """Waits until all is on disk and no compaction is left; gives the bytes at rest.

    A period of a millisecond makes each table flush at once, without a tool that needs the server's own port.
    """
    for period in (1, 0):
        for table in plan.tables.tables:
            name = f"{quoted(plan.name)}.{quoted(table.name)}"
            session.execute(f"ALTER TABLE {name} WITH memtable_flush_period_in_ms = {period}")
        watch.pause(0.1)
        while tasks := _busy(session):
            watch.say(f"settling: {tasks} flushes and compactions left")
            watch.pause(0.1)
    return _bytes(session, plan, shares_disk)


def rows(session: Session, plan: Plan) -> int | None:
    """The rows of a load that is done, counted by the engine."""
    if not created(session, plan, "loaded"):
        return None
    if session.execute(f"SELECT rows FROM {quoted(plan.name)}.loaded").one() is None:
        return None
    reader = Reader(session)
    return count(reader, plan, manifest(reader, plan), Watch(seconds=COUNTED))


def manifest(reader: Reader, plan: Plan) -> Manifest:
    """Which buckets there are."""
    select = f"SELECT {BUCKET}, rows FROM {quoted(plan.name)}.manifest WHERE name = ?"
    names = [table.name for table in plan.tables.tables]
    found = reader.all((select, (name,)) for name in names)
    return {name: dict(rows) for name, rows in zip(names, found, strict=True)}


def count(reader: Reader, plan: Plan, known: Manifest, watch: Watch) -> int:
    """The rows of all tables, counted by the engine partition by partition."""
    requests = (
        (table.select(plan.name, ["count(*)"]), partition)
        for table in plan.tables.tables
        for partition in partitions(table, known)
    )
    found = 0
    for rows in reader.all(requests):
        watch.check()
        found += rows[0][0]
    return found


def _fill(plan: Plan, events: Events, fillers: dict[str, Filler], watch: Watch) -> None:
    """Events as they come, roll-ups once all of them have been seen."""
    design: Design = plan.tables
    wide, done = rollups.wide(plan.statistics), 0
    pace = Pace(watch.say, "", events.statistics.rows)
    kept = [(rollup, Accumulator()) for rollup in design.rollups]
    for batch in events.batches():
        if design.events is not None:
            fillers[design.events.name].add(_numbered(batch, design.events, done), pace)
        else:
            pace(batch.num_rows)
        for rollup, accumulator in kept:
            accumulator.add(rollup.of(batch, wide))
        done += batch.num_rows
        watch.check()
    for rollup, accumulator in kept:
        if accumulator.groups is not None:
            for table, rows in rollup.rows(accumulator.groups):
                fillers[table.name].add(rows, Pace(watch.say, f"{table.note}: ", rows.num_rows))
    for kind in design.activities:
        watch.say(kind.table.note)
        rows = kind.rows(events, wide)
        fillers[kind.table.name].add(rows, Pace(watch.say, f"{kind.table.note}: ", rows.num_rows))


def _numbered(batch: pa.RecordBatch, table: Table, before: int) -> pa.Table:
    """Events with their numbers, so that a repeated write meets itself and equal events do not meet."""
    numbers = np.arange(before, before + batch.num_rows)
    return pa.table(batch).append_column(table.clustering[-1], pa.array(numbers))


def _manifest_batches(session: Session, plan: Plan, known: Manifest) -> Iterator[BatchStatement]:
    into = session.prepare(f"INSERT INTO {quoted(plan.name)}.manifest (name, {BUCKET}, rows) VALUES (?, ?, ?)")
    for name, buckets in known.items():
        entries = list(buckets.items())
        for first in range(0, len(entries), MANIFEST_ROWS):
            batch = BatchStatement(BatchType.UNLOGGED)
            batch.is_idempotent = True
            for bucket, rows in entries[first : first + MANIFEST_ROWS]:
                batch.add(into, (name, bucket, rows))
            yield batch


def _busy(session: Session) -> int:
    found = everywhere(session, "SELECT name, active_tasks, pending_tasks FROM system_views.thread_pools")
    return sum(active + pending for name, active, pending in found if name in POOLS)


def _bytes(session: Session, plan: Plan, shares_disk: bool) -> int:
    """The size of the keyspace's files where we can see them, else what its nodes tell in whole mebibytes; each copy
    counts."""
    if shares_disk:
        setting = "SELECT value FROM system_views.settings WHERE name = 'data_file_directories'"
        folders = str(session.execute(setting).one()[0]).strip("[]").split(", ")
        return sum(f.stat().st_size for d in folders for f in (Path(d) / plan.name).rglob("*") if f.is_file())
    usage = f"SELECT mebibytes FROM system_views.disk_usage WHERE keyspace_name = {text(plan.name)}"
    return sum(int(mebibytes) for (mebibytes,) in everywhere(session, usage)) << 20
