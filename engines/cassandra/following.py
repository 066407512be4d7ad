"""Tables of Cassandra that a stream fills.

The write timestamp of a row is the number of events, counted from the start of the stream, that it includes. What is
written again after a kill changes nothing: rows of events have keys that follow from their positions, and rows of a
roll-up say which events they include.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache

import numpy as np
import pyarrow as pa
from cassandra.cluster import Session as DriverSession

from rollup_bench.engines.cassandra import driver, planning
from rollup_bench.engines.cassandra.batch_writer import BatchWriter, batches
from rollup_bench.engines.cassandra.engine import Cassandra
from rollup_bench.engines.cassandra.loading import manifest_batches, table_exists
from rollup_bench.engines.cassandra.rollup_tables import RollupTables
from rollup_bench.engines.cassandra.stream_states import States, placed, sized
from rollup_bench.engines.cassandra.tables import LoadedTable, Manifest, Table
from rollup_bench.engines.contract import Plan, Session, Support, Where, demand, unsupported
from rollup_bench.engines.following import Follower, Mark, Written
from rollup_bench.engines.sql import quoted
from rollup_bench.errors import RequestError
from rollup_bench.servers.watch import Watch
from rollup_bench.workloads import calendar, layouts

WRITE = 60.0
"""Seconds in which Cassandra must store the rows that a write changes in one table."""
OVERLAPPING = ("QUORUM", "LOCAL_QUORUM", "EACH_QUORUM", "ALL")
"""The consistency levels at which a read sees every earlier write."""
MARKS = "stream"
"""The table whose only row says how far the stream is stored."""


class CassandraFollower(Follower[Cassandra]):
    """Fills the table of events, or the tables of a roll-up, whose rows the client reads and overwrites."""

    def support(self, plan: Plan) -> Support:
        if plan.layout == layouts.tuned:
            return unsupported("the tables of tuned are computed from all events at once")
        return Support(Where.CLIENT if plan.layout == layouts.raw else Where.INGEST)

    @contextmanager
    def opened(self, plan: Plan) -> Iterator[Written]:
        demand(self.support(plan))
        settings = driver.environment_settings() if self.engine.served_by.via == "external" else driver.Settings()
        check_consistency(plan, settings)
        with driver.failures():
            session = driver.connect(self.engine.served_by.connection, settings.consistency)
            try:
                rollups = [sized(rollup.fine, plan.statistics) for rollup in plan.tables.rollups]
                if not table_exists(session, plan, MARKS):
                    _create(session, plan, rollups)
                yield _Tables(session, self.engine, plan, rollups)
            finally:
                session.cluster.shutdown()


FOLLOWER = CassandraFollower


def check_consistency(plan: Plan, settings: driver.Settings) -> None:
    """RequestError if a stream reads the rows of its groups, and may not see what it has written."""
    if plan.tables.rollups and settings.replication > 1 and settings.consistency not in OVERLAPPING:
        wrong = f"{driver.CONSISTENCY}: at {settings.consistency}, a stream may not read what it has written"
        raise RequestError(f"{wrong}; give one of {', '.join(OVERLAPPING)}")


class _Tables(Written):
    def __init__(self, session: DriverSession, engine: Cassandra, plan: Plan, rollups: list[RollupTables]) -> None:
        self._session, self._engine, self._plan = session, engine, plan
        reader = driver.Reader(session)
        self._states = [States(tables, plan.statistics, plan.name, reader, self._store) for tables in rollups]
        self._prepared, self._position = cache(session.prepare), 0
        session.cluster.timestamp_generator = lambda: self._position

    def mark(self) -> Mark:
        row = self._session.execute(f"SELECT events, place FROM {quoted(self._plan.name)}.{MARKS}").one()
        return Mark(*row) if row else Mark()

    def write(self, events: pa.Table, mark: Mark) -> None:
        first = mark.events - events.num_rows
        with driver.failures():
            for states in self._states:
                states.add(events, first)
            if (table := self._plan.tables.events) is not None:
                numbers = pa.array(np.arange(first, mark.events))
                self._store(table, events.append_column(table.clustering[-1], numbers), mark.events)
            self._position = mark.events
            text = f"INSERT INTO {quoted(self._plan.name)}.{MARKS} (name, events, place) VALUES ('{MARKS}', %s, %s)"
            self._session.execute(text, list(mark))

    def _store(self, table: Table, rows: pa.Table, position: int) -> None:
        """Writes rows with a position as their timestamp, and returns when they are stored."""
        self._position = position
        writer = BatchWriter(self._session, Watch(seconds=WRITE))
        for batch in batches(table, self._prepared(table.insert(self._plan.name)), placed(table, rows)):
            writer.send(batch)
        writer.finish()

    def session(self) -> AbstractContextManager[Session]:
        return self._engine.session(self._plan)


def _create(session: DriverSession, plan: Plan, rollups: list[RollupTables]) -> None:
    """Creates the keyspace with its tables; the manifest names all partitions that the stream may fill.

    The table of marks comes last: if it exists, everything does.
    """
    name = quoted(plan.name)
    for statement in planning.statements(plan.name, plan.tables):
        session.execute(statement)
    for batch in manifest_batches(session, plan, _manifest(plan, rollups)):
        session.execute(batch)
    session.execute(f"INSERT INTO {name}.loaded (rows) VALUES (0)")
    session.execute(f"CREATE TABLE {name}.{MARKS} (name text PRIMARY KEY, events bigint, place text)")


def _manifest(plan: Plan, rollups: list[RollupTables]) -> Manifest:
    tables = [plan.tables.events] if plan.tables.events else []
    tables += [table for rollup in rollups for table in rollup.tables]
    grain, zone = plan.layout.grain, plan.layout.zone
    first, last = plan.statistics.first, plan.statistics.last
    if grain is not None:
        (first,) = calendar.starts(pa.array([first]), grain, zone).to_pylist()
    loaded = {}
    for table in tables:
        buckets = range(first // table.bucket_width, last // table.bucket_width + 1)
        loaded[table.name] = LoadedTable(table, dict.fromkeys(buckets, 1))
    return loaded
