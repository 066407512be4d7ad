"""Loads a plan: the client sends files of events, from which the server makes the tables; a last file completes them.

All files of a plan are in one folder of the server's warehouse. The folder is the location of a database, because
Spark has no other statement that deletes files.
"""

import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.parquet

from rollup_bench.engines.batches import batches
from rollup_bench.engines.contract import Plan
from rollup_bench.engines.spark.client import Client, StatementError
from rollup_bench.engines.spark.sql import literal, quoted
from rollup_bench.engines.spark.table import Table, arriving
from rollup_bench.engines.stages import Stage
from rollup_bench.errors import FailureError
from rollup_bench.servers.watch import Watch
from rollup_bench.workloads.events import Events

COMPLETE = Table("complete", {"rows": "BIGINT"}, ("rows",), "")
"""The table that is written last, so that a load is complete if it exists; it has the number of rows of all tables."""
MOMENTS = pa.timestamp("us", tz="UTC")
"""The precision of Spark's times."""


class Folder(NamedTuple):
    """The folder of a plan: its address for Spark, and its name as a database."""

    address: str
    name: str

    @classmethod
    def of(cls, client: Client, plan: Plan) -> "Folder":
        """The folder of a plan in the warehouse of the server."""
        return cls(f"{client.setting('spark.sql.warehouse.dir').rstrip('/')}/{plan.name}", plan.name)

    @property
    def arriving(self) -> "Folder":
        """The folder of the files that the client sends. It is beside the plan's, and is deleted after the load."""
        path = urlsplit(f"{self.address}_arriving").path
        return Folder(path, f"{self.name}_arriving")

    def table(self, table: Table) -> str:
        """The address of a table's folder."""
        return f"{self.address}/{table.folder}"

    def delete(self, client: Client) -> None:
        """Deletes all files in the folder."""
        client.run(f"CREATE DATABASE IF NOT EXISTS {self.name} LOCATION {literal(self.address)}")
        client.run(f"DROP DATABASE {self.name} CASCADE")


def fill(client: Client, plan: Plan, events: Events, watch: Watch) -> tuple[dict[str, int], list[Stage]]:
    """Fills the tables of a plan, first all events or roll-ups of them, then other tables.

    Returns the number of rows of each table, and what each step took.
    """
    began, (first, *others) = time.perf_counter(), plan.tables.all
    folder = Folder.of(client, plan)
    _send(client, folder.arriving, events, watch)
    client.run(arriving(plan.statistics).view(folder.arriving.address))
    _write(client, folder, first, watch)
    folder.arriving.delete(client)
    counts, size = _counted(client, folder, [first])
    stages = [Stage(time.perf_counter() - began, size)]
    if others:
        attach(client, folder, first)
        for table in others:
            _write(client, folder, table, watch)
        more, added = _counted(client, folder, others)
        stages.append(Stage(time.perf_counter() - began - stages[0].seconds, size + added))
        counts |= more
    complete = replace(COMPLETE, select=f"SELECT {sum(counts.values())}L AS rows")
    _write(client, folder, complete, watch)
    return counts, stages


def attach(client: Client, folder: Folder, table: Table) -> None:
    """Gives a session a name for a table of a plan; FailureError if there is no such table."""
    client.run(table.view(folder.table(table)))


def stored(client: Client, plan: Plan) -> int | None:
    """The number of rows in all tables of a plan; None if it is not completely loaded."""
    folder = Folder.of(client, plan)
    try:
        attach(client, folder, COMPLETE)
        if not client.table(f"SELECT rows FROM {COMPLETE.name}").num_rows:
            return None
        return sum(_counted(client, folder, plan.tables.all)[0].values())
    except StatementError:
        return None


def drop(client: Client, plan: Plan) -> None:
    """Deletes the tables of a plan and the files that a load has sent."""
    folder = Folder.of(client, plan)
    folder.arriving.delete(client)
    folder.delete(client)


def precise(batch: pa.RecordBatch) -> pa.RecordBatch:
    """A batch with times as Spark has them."""
    fields = [f.with_type(MOMENTS) if pa.types.is_timestamp(f.type) else f for f in batch.schema]
    return batch.cast(pa.schema(fields))


def _send(client: Client, folder: Folder, events: Events, watch: Watch) -> None:
    """Sends the events as a file for each batch."""
    with tempfile.TemporaryDirectory() as local:
        for number, batch in enumerate(batches(events, watch, "sorting and rolling up")):
            file = Path(local, f"{number}.parquet")
            pyarrow.parquet.write_table(pa.Table.from_batches([precise(batch)]), file)
            with _until(watch):
                client.send(file, f"{folder.address}/{file.name}", watch.remaining)
            file.unlink()


def _write(client: Client, folder: Folder, table: Table, watch: Watch) -> None:
    watch.check()
    with _until(watch):
        client.run(table.insert(folder.table(table)), watch.remaining)


@contextmanager
def _until(watch: Watch) -> Iterator[None]:
    """An error after the deadline becomes that of the watch."""
    try:
        yield
    except FailureError:
        watch.check()
        raise


def _counted(client: Client, folder: Folder, tables: Sequence[Table]) -> tuple[dict[str, int], int]:
    """The number of rows of each table, and the bytes of all their files."""
    counts = " UNION ALL ".join(
        f"SELECT {literal(table.name)} AS name, _metadata.file_path, _metadata.file_size FROM "
        f"parquet.{quoted(folder.table(table))}"
        for table in tables
    )
    files = f"SELECT name, file_path, max(file_size) AS size, count(*) AS rows FROM ({counts}) GROUP BY name, file_path"
    found = client.table(f"SELECT name, sum(rows) AS rows, sum(size) AS size FROM ({files}) GROUP BY name").to_pylist()
    counted = {table.name: 0 for table in tables} | {one["name"]: one["rows"] for one in found}
    return counted, sum(one["size"] for one in found)
