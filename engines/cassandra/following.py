"""Tables of Cassandra that a stream fills.

Each write overwrites: the rows of events have keys that follow from their positions, and the rows of a roll-up have the
state of a group after all events so far. So events that are written again after a kill change nothing.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
from cassandra.cluster import Session as DriverSession

from rollup_bench.engines.cassandra import codec, driver, planning
from rollup_bench.engines.cassandra.batch_writer import BatchWriter, batches
from rollup_bench.engines.cassandra.engine import Cassandra
from rollup_bench.engines.cassandra.loading import MANIFEST_COLUMNS, manifest_rows, table_exists
from rollup_bench.engines.cassandra.partitioning import assign_partitions
from rollup_bench.engines.cassandra.rollup_tables import RollupTables, max_groups
from rollup_bench.engines.cassandra.tables import BUCKET, LoadedTable, Manifest, Table, bucket_width
from rollup_bench.engines.client_aggregation import (
    COUNT,
    VALUE,
    Groups,
    distinct_columns,
    distinct_count,
    merge_function,
)
from rollup_bench.engines.contract import Plan, Session, Support, Where, demand, unsupported
from rollup_bench.engines.following import Follower, Mark, Written
from rollup_bench.engines.sql import quoted
from rollup_bench.servers.watch import Watch
from rollup_bench.workloads import calendar, layouts

WRITE = 60.0
"""Seconds in which Cassandra must store the events of one write."""
MARKS = "stream"
"""The table whose only row says how far the stream is stored."""
Key = tuple[Any, ...]


class CassandraFollower(Follower[Cassandra]):
    """Fills the table of events, or the tables of a roll-up, whose states the client computes."""

    def support(self, plan: Plan) -> Support:
        if plan.layout == layouts.tuned:
            return unsupported("the tables of tuned are computed from all events at once")
        return Support(Where.CLIENT if plan.layout == layouts.raw else Where.INGEST)

    @contextmanager
    def opened(self, plan: Plan) -> Iterator[Written]:
        demand(self.support(plan))
        settings = driver.environment_settings() if self.engine.served_by.via == "external" else driver.Settings()
        with driver.failures():
            session = driver.connect(self.engine.served_by.connection, settings.consistency)
            try:
                tables = _sized(plan)
                if not table_exists(session, plan, MARKS):
                    _create(session, plan, tables)
                yield _Tables(session, self.engine, plan, tables)
            finally:
                session.cluster.shutdown()


FOLLOWER = CassandraFollower


class _Tables(Written):
    def __init__(self, session: DriverSession, engine: Cassandra, plan: Plan, tables: Mapping[str, Table]) -> None:
        self._session, self._engine, self._plan, self._tables = session, engine, plan, tables
        self._inserts = {name: session.prepare(table.insert(plan.name)) for name, table in tables.items()}
        self._states = [_States(rollup.fine, plan) for rollup in plan.tables.rollups]
        self._stored = self._read().events

    def mark(self) -> Mark:
        """The stored mark; without the states of groups, these are computed again from the begin of the stream."""
        return Mark() if self._states else self._read()

    def write(self, events: pa.Table, mark: Mark) -> None:
        rows = [pair for states in self._states for pair in states.add(events)]
        if (table := self._plan.tables.events) is not None:
            numbers = pa.array(np.arange(mark.events - events.num_rows, mark.events))
            rows.append((table.name, events.append_column(table.clustering[-1], numbers)))
        if mark.events <= self._stored:
            return
        with driver.failures():
            writer = BatchWriter(self._session, Watch(seconds=WRITE))
            for name, changed in ((name, changed) for name, changed in rows if changed.num_rows):
                for batch in batches(self._tables[name], self._inserts[name], _placed(self._tables[name], changed)):
                    writer.send(batch)
            writer.finish()
            text = f"INSERT INTO {quoted(self._plan.name)}.{MARKS} (name, events, place) VALUES ('{MARKS}', %s, %s)"
            self._session.execute(text, list(mark))

    def session(self) -> AbstractContextManager[Session]:
        return self._engine.session(self._plan)

    def _read(self) -> Mark:
        row = self._session.execute(f"SELECT events, place FROM {quoted(self._plan.name)}.{MARKS}").one()
        return Mark(*row) if row else Mark()


def _sized(plan: Plan) -> dict[str, Table]:
    """The tables by name, with sizes that suit all events of the stream, since no load decides them."""
    known = plan.statistics
    found = {plan.tables.events.name: plan.tables.events} if plan.tables.events else {}
    for rollup in plan.tables.rollups:
        columns: list[tuple[Table, str | None]] = [(rollup.fine.totals, None)]
        columns += [(table, column) for column, table in rollup.fine.values.items()]
        for table, column in columns:
            rows = max_groups(rollup.stored.layout, known, column)
            width = bucket_width(rows, known.last - known.first, table.columns)
            found[table.name] = replace(table, bucket_width=width)
    return found


def _create(session: DriverSession, plan: Plan, tables: Mapping[str, Table]) -> None:
    """Creates the keyspace with its tables; the manifest names all partitions that the stream may fill.

    The table of marks comes last: if it exists, everything does.
    """
    name = quoted(plan.name)
    for statement in planning.statements(plan.name, plan.tables):
        session.execute(statement)
    into = f"{name}.manifest ({', '.join(MANIFEST_COLUMNS)})"
    insert = session.prepare(f"INSERT INTO {into} VALUES ({', '.join('?' * len(MANIFEST_COLUMNS))})")
    for row in manifest_rows(_manifest(plan, tables)):
        session.execute(insert, row)
    session.execute(f"INSERT INTO {name}.loaded (rows) VALUES (0)")
    session.execute(f"CREATE TABLE {name}.{MARKS} (name text PRIMARY KEY, events bigint, place text)")


def _manifest(plan: Plan, tables: Mapping[str, Table]) -> Manifest:
    grain, zone = plan.layout.grain, plan.layout.zone
    first, last = plan.statistics.first, plan.statistics.last
    if grain is not None:
        (first,) = calendar.starts(pa.array([first]), grain, zone).to_pylist()
    return {
        name: LoadedTable(table, dict.fromkeys(range(first // table.bucket_width, last // table.bucket_width + 1), 1))
        for name, table in tables.items()
    }


def _placed(table: Table, rows: pa.Table) -> pa.Table:
    """The rows with the columns of their partition; the key of a row alone decides it."""
    buckets, shards = assign_partitions(table, rows, {})
    return rows.append_column(BUCKET, pa.array(buckets)).append_column(table.shard, pa.array(shards, pa.int64()))


class _States:
    """The states of the groups of a roll-up after all events so far."""

    def __init__(self, rollup: RollupTables, plan: Plan) -> None:
        self._rollup, self._plan = rollup, plan
        self._counted = distinct_columns(rollup.stored.layout.measures)
        self._totals: dict[Key, dict[str, Any]] = {}
        self._counts: dict[str, dict[Key, int]] = {column: {} for column in rollup.values}
        self._distinct: dict[str, dict[Key, int]] = {column: {} for column in rollup.values}

    def add(self, events: pa.Table) -> list[tuple[str, pa.Table]]:
        """Adds events; returns the rows that have changed, by the names of their tables."""
        new = self._rollup.aggregated(events.combine_chunks().to_batches()[0], self._plan.statistics)
        if new is None:
            return []
        values = [(table.name, self._add_values(new, column)) for column, table in self._rollup.values.items()]
        return [(self._rollup.totals.name, self._add_totals(new)), *values]

    def _add_totals(self, new: Groups) -> pa.Table:
        names = [name for name in new.totals.column_names if name not in new.keys]
        changed = dict(_by_key(new.totals, new.keys))
        for key, row in changed.items():
            kept = self._totals.setdefault(key, dict.fromkeys(names))
            for name in names:
                kept[name] = _both(merge_function(name), kept[name], row[name])
        totals = self._keyed(new, list(changed))
        for name in names:
            kind = new.totals.schema.field(name).type
            totals = totals.append_column(name, pa.array([self._totals[key][name] for key in changed], kind))
        for column in self._counted:
            counts = pa.array([self._distinct[column].get(key, 0) for key in changed], pa.int64())
            totals = totals.append_column(distinct_count(column), counts)
        return totals

    def _add_values(self, new: Groups, column: str) -> pa.Table:
        known, distinct, changed = self._counts[column], self._distinct[column], list[Key]()
        for key, row in _by_key(new.values[column], new.keys):
            if row[VALUE] is None:
                continue
            whole = (*key, row[VALUE])
            if whole not in known:
                distinct[key] = distinct.get(key, 0) + 1
            known[whole] = known.get(whole, 0) + row[COUNT]
            changed.append(whole)
        kind = new.values[column].schema.field(VALUE).type
        rows = self._keyed(new, [whole[:-1] for whole in changed])
        rows = rows.append_column(VALUE, pa.array([whole[-1] for whole in changed], kind))
        return rows.append_column(COUNT, pa.array([known[whole] for whole in changed], pa.int64()))

    def _keyed(self, new: Groups, keys: list[Key]) -> pa.Table:
        """The columns of these keys, as the tables have them."""
        columns = {}
        for place, name in enumerate(new.keys):
            values = pa.array([key[place] for key in keys], new.totals.schema.field(name).type)
            columns[self._rollup.time if name == "bucket" else name] = values if name == "bucket" else codec.key(values)
        return pa.table(columns)


def _by_key(rows: pa.Table, keys: list[str]) -> Iterable[tuple[Key, dict[str, Any]]]:
    for row in rows.to_pylist():
        yield tuple(row[name] for name in keys), row


def _both(function: str, one: Any, other: Any) -> Any:
    """The merged state of two groups; None is the state of a group without values."""
    if one is None or other is None:
        return other if one is None else one
    return {"min": min, "max": max}.get(function, lambda a, b: a + b)(one, other)
