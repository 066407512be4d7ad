"""How fast Cassandra's batches load beside single prepared inserts.

By hand: `python -m experiments.cassandra_inserts`. A load is timed whole, until all is on disk; single inserts write
rows that were loaded into the same tables again, one after the other.
"""

import sys
import time
from typing import TYPE_CHECKING

import msgspec

from rollup_bench.engines.contract import Plan
from rollup_bench.harness.run import arms as running
from rollup_bench.harness.run.home import home
from rollup_bench.servers.watch import Watch
from rollup_bench.workloads import dataset, events
from rollup_bench.workloads.dataset import Dataset
from rollup_bench.workloads.events import Events

if TYPE_CHECKING:
    from rollup_bench.engines.cassandra.engine import Cassandra

SAMPLE = 2_000
"""Rows of each table that are put in one by one."""
LAYOUTS = ("raw", "day", "tuned")
LEAST = 5.0
"""Times as fast as single inserts."""


class Loading(msgspec.Struct, frozen=True):
    """Of a layout: the events of a second's load, and those of a second's single inserts of the rows it keeps."""

    layout: str
    events: float
    inserts: float


def loading(engine: "Cassandra", flights: Dataset, rows: Events, layout: str) -> Loading:
    """Loads a layout from nothing, then puts a sample of its rows in one by one."""
    plan = engine.plan(flights, flights.layout(layout), rows.statistics)
    engine.drop(plan)
    loaded = engine.load(plan, rows, Watch())
    single = _single_seconds(engine, plan)
    engine.drop(plan)
    return Loading(layout, rows.statistics.rows / loaded.seconds, rows.statistics.rows / single)


def _single_seconds(engine: "Cassandra", plan: Plan) -> float:
    """Seconds that all rows of all tables would take one by one, from a sample of each."""
    from rollup_bench.engines.cassandra.tables import BUCKET
    from rollup_bench.engines.sql import quoted

    driver, seconds = engine._driver, 0.0
    for table in plan.tables.tables:
        columns = ", ".join(map(quoted, (BUCKET, table.shard, *table.columns)))
        source = f"{quoted(plan.name)}.{quoted(table.name)}"
        sample = driver.execute(f"SELECT {columns} FROM {source} LIMIT {SAMPLE}").all()
        insert = driver.prepare(table.insert(plan.name))
        kept = driver.execute(f"SELECT sum(rows) FROM {quoted(plan.name)}.manifest WHERE name = %s", [table.name]).one()
        began = time.perf_counter()
        for row in sample:
            driver.execute(insert, row)
        seconds += (time.perf_counter() - began) / max(1, len(sample)) * kept[0]
    return seconds


def main() -> None:
    """Prints each layout's loads; ends with 1 where a load is less than five times as fast as single inserts."""
    flights, loads = dataset.read("flights"), []
    rows = events.prepare(flights, home())
    with running.opened(["cassandra"], "native", home(), lambda _: None) as (engine,):
        loads = [loading(engine, flights, rows, layout) for layout in LAYOUTS]  # type: ignore[arg-type]
    for load in loads:
        print(
            f"{load.layout}: {load.events:,.0f} events a second until settled, {load.inserts:,.0f} by single inserts: "
            f"{load.events / load.inserts:.1f} times as fast; at least {LEAST:g} are wanted"
        )
    sys.exit(any(load.events < LEAST * load.inserts for load in loads))


if __name__ == "__main__":
    main()
