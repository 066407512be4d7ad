"""What loads of DuckDB have in common, whether it is embedded or a server; importing this needs no DuckDB."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa

from rollup_bench.engines.contract import Built, Loaded, Plan
from rollup_bench.engines.duckdb import tables
from rollup_bench.errors import FailureError
from rollup_bench.servers.watch import Watch
from rollup_bench.workloads.events import Events
from rollup_bench.workloads.pace import Pace

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


class Stage(NamedTuple):
    """What a step of a load took: its seconds, and the bytes of the file after it."""

    seconds: float
    bytes: int


def steps(plan: Plan) -> tuple[str, str]:
    """The statements that store the events, and those that build all other tables; they read the table `batches`."""
    return tables.statements(plan.tables, plan.statistics, plan.dataset.columns)


def filled(connection: "DuckDBPyConnection", texts: Sequence[str], path: Path) -> list[Stage]:
    """Executes each text, and writes the tables to the file `path` of the database."""
    stages = []
    for text in texts:
        began = time.perf_counter()
        connection.execute(text)
        connection.execute("CHECKPOINT")
        stages.append(Stage(time.perf_counter() - began, path.stat().st_size))
    return stages


def loaded(counts: dict[str, int], events: int, seconds: float, stages: Sequence[Stage]) -> Loaded:
    """The result of a load of `events` events; FailureError if the number of rows in the table `events` differs."""
    stored, rows, built = counts.get("events", 0), sum(counts.values()), None
    if "events" in counts and stored != events:
        raise FailureError(f"duckdb stored {stored} of {events} events")
    if 0 < stored < rows:
        built = Built(rows - stored, stages[1].seconds, stages[1].bytes - stages[0].bytes)
    return Loaded(rows, seconds, stages[-1].bytes, built)


def naive_batches(events: Events, watch: Watch) -> Iterator[pa.RecordBatch]:
    """The events in batches of the naive schema; reports the progress, and raises FailureError at the deadline."""
    pace = Pace(watch.say, "", events.statistics.rows)
    for batch in events.batches():
        watch.check()
        yield batch.cast(naive_schema(batch.schema))
        pace(batch.num_rows)
    watch.say("sorting and rolling up")


def naive_schema(schema: pa.Schema) -> pa.Schema:
    """The schema with its timestamps in UTC but without a zone, as DuckDB would convert zoned ones to local time."""
    plain = [f.with_type(pa.timestamp("ms")) if pa.types.is_timestamp(f.type) else f for f in schema]
    return pa.schema(plain)
