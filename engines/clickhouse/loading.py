"""Loads a plan: the events arrive in batches, and are stored, or rolled up while they arrive."""

import time
from collections.abc import Iterator, Sequence

import pyarrow as pa

from rollup_bench.engines.batches import batches
from rollup_bench.engines.clickhouse.connections import Connection
from rollup_bench.engines.clickhouse.sql import quoted
from rollup_bench.engines.clickhouse.table import BATCHES, Table, event_types
from rollup_bench.engines.contract import Plan
from rollup_bench.engines.stages import Stage
from rollup_bench.engines.tuned import EVENTS
from rollup_bench.servers.watch import Watch
from rollup_bench.workloads.events import Events

VIEW = quoted("rolling up")
PARTS = "database = currentDatabase()"


def fill(connection: Connection, plan: Plan, events: Events, watch: Watch) -> list[Stage]:
    """Fills the tables of a plan, first all events or roll-ups of them, then other tables."""
    began, (first, *others) = time.perf_counter(), plan.tables.all
    rows = batches(events, watch, "merging and rolling up")
    if plan.tables.stored.events:
        connection.insert(quoted(EVENTS), rows, plan.schema)
    else:
        _roll_up(connection, first, plan, rows)
    _merge(connection, [first], watch)
    stages = [Stage(time.perf_counter() - began, _size(connection))]
    if others:
        for table in others:
            _limit(connection, watch)
            connection.run(f"INSERT INTO {quoted(table.name)}\n{table.select}")
        _merge(connection, others, watch)
        stages.append(Stage(time.perf_counter() - began - stages[0].seconds, _size(connection)))
    return stages


def counted(connection: Connection, plan: Plan) -> dict[str, int]:
    """The number of rows in each table, by the table's name."""
    counts = (f"(SELECT count() FROM {quoted(table.name)})" for table in plan.tables.all)
    row = connection.arrow(f"SELECT {', '.join(counts)}")
    return {table.name: column[0].as_py() for table, column in zip(plan.tables.all, row.columns, strict=True)}


def merged(connection: Connection) -> list[str]:
    """The folders of the parts that were merged into others; ClickHouse itself would remove them minutes later."""
    parts = f"SELECT path FROM system.parts WHERE {PARTS} AND NOT active"
    return list(connection.arrow(parts)[0].to_pylist())


def _size(connection: Connection) -> int:
    """The bytes of all tables on disk."""
    return int(connection.arrow(f"SELECT sum(bytes_on_disk) FROM system.parts WHERE {PARTS} AND active")[0][0].as_py())


def _roll_up(connection: Connection, rollup: Table, plan: Plan, rows: Iterator[pa.RecordBatch]) -> None:
    """Fills a roll-up by a materialized view, which sees each block of events that arrives."""
    types = event_types(plan.dataset.columns.time.name, plan.statistics)
    columns = ", ".join(f"{quoted(name)} {kind}" for name, kind in types.items())
    connection.run(
        f"CREATE TABLE {quoted(BATCHES)} ({columns}) ENGINE = Null",
        f"CREATE MATERIALIZED VIEW {VIEW} TO {quoted(rollup.name)} AS {rollup.select}",
    )
    connection.insert(quoted(BATCHES), rows, plan.schema)
    connection.run(f"DROP TABLE {VIEW} SYNC", f"DROP TABLE {quoted(BATCHES)} SYNC")


def _merge(connection: Connection, tables: Sequence[Table], watch: Watch) -> None:
    """Merges each table into one part."""
    for table in tables:
        _limit(connection, watch)
        connection.run(f"OPTIMIZE TABLE {quoted(table.name)} FINAL")


def _limit(connection: Connection, watch: Watch) -> None:
    """Lets the next statements run until the deadline."""
    watch.check()
    seconds = 0 if watch.remaining is None else max(watch.remaining, 1)
    connection.run(f"SET max_execution_time = {seconds:.0f}")
