"""What loads of DuckDB have in common, whether it is embedded or a server; importing this needs no DuckDB."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from rollup_bench.engines.batches import batches
from rollup_bench.engines.contract import Plan
from rollup_bench.engines.duckdb import tables
from rollup_bench.engines.stages import Stage
from rollup_bench.servers.watch import Watch
from rollup_bench.workloads.events import Events

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


def steps(plan: Plan) -> tuple[str, str]:
    """The statements that store the events, and those that build all other tables; they read the table `batches`."""
    return tables.statements(plan.tables, plan.statistics, plan.dataset.columns)


def stored_events(plan: Plan) -> str | None:
    """The name of the table of all events; None if the plan has none."""
    return "events" if plan.tables.events else None


def filled(connection: "DuckDBPyConnection", texts: Sequence[str], path: Path) -> list[Stage]:
    """Executes each text, and writes the tables to the file `path` of the database."""
    stages = []
    for text in texts:
        began = time.perf_counter()
        connection.execute(text)
        connection.execute("CHECKPOINT")
        stages.append(Stage(time.perf_counter() - began, path.stat().st_size))
    return stages


def naive_batches(events: Events, watch: Watch) -> Iterator[pa.RecordBatch]:
    """The events in batches of the naive schema; reports the progress, and raises FailureError at the deadline."""
    for batch in batches(events, watch, "sorting and rolling up"):
        yield batch.cast(naive_schema(batch.schema))


def naive_schema(schema: pa.Schema) -> pa.Schema:
    """The schema with its timestamps in UTC but without a zone, as DuckDB would convert zoned ones to local time."""
    plain = [f.with_type(pa.timestamp("ms")) if pa.types.is_timestamp(f.type) else f for f in schema]
    return pa.schema(plain)
