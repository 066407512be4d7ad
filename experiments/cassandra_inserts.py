"""Compares the speed of a load into Cassandra with the speed of single prepared inserts.

`python -m experiments.cassandra_inserts`. A load is timed until its data is on disk. Single inserts write a sample
of the loaded rows into the same tables again, one row after the other.
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
"""How many rows of each table are inserted one by one, at most."""
LAYOUTS = ("raw", "day", "tuned")
LEAST = 5.0
"""How many times as many events a second as single inserts a load must write."""


class LoadSpeed(msgspec.Struct, frozen=True):
    """The events a second that a load of a layout writes (`events`) and that single inserts write (`inserts`)."""

    layout: str
    events: float
    inserts: float


def load_speed(engine: "Cassandra", flights: Dataset, rows: Events, layout: str) -> LoadSpeed:
    """Returns the speed of a load of a layout and of inserting a sample of its rows one by one."""
    plan = engine.plan(flights, flights.layout(layout), rows.statistics)
    engine.drop(plan)
    loaded = engine.load(plan, rows, Watch())
    single = _single_seconds(engine, plan)
    engine.drop(plan)
    return LoadSpeed(layout, rows.statistics.rows / loaded.seconds, rows.statistics.rows / single)


def _single_seconds(engine: "Cassandra", plan: Plan) -> float:
    """Returns the seconds that single inserts of all rows would take, estimated from a sample of each table."""
    from rollup_bench.engines.cassandra.tables import BUCKET
    from rollup_bench.engines.sql import quoted

    driver, seconds = engine._driver, 0.0
    for table in plan.tables.tables:
        columns = ", ".join(map(quoted, (BUCKET, table.shard, *table.columns)))
        source = f"{quoted(plan.name)}.{quoted(table.name)}"
        sample = driver.execute(f"SELECT {columns} FROM {source} LIMIT {SAMPLE}").all()
        insert = driver.prepare(table.insert(plan.name))
        manifest = f"{quoted(plan.name)}.manifest"
        (rows,) = driver.execute(f"SELECT sum(rows) FROM {manifest} WHERE name = %s", [table.name]).one()
        began = time.perf_counter()
        for row in sample:
            driver.execute(insert, row)
        seconds += (time.perf_counter() - began) / max(1, len(sample)) * rows
    return seconds


def main() -> None:
    """Prints the speed of each layout; exits with 1 if a load is less than five times as fast as single inserts."""
    flights = dataset.read("flights")
    rows = events.prepare(flights, home())
    with running.opened(["cassandra"], "native", home(), lambda _: None) as (engine,):
        loads = [load_speed(engine, flights, rows, layout) for layout in LAYOUTS]  # type: ignore[arg-type]
    for load in loads:
        print(
            f"{load.layout}: {load.events:,.0f} events a second until settled, {load.inserts:,.0f} by single inserts: "
            f"{load.events / load.inserts:.1f} times as fast; the limit is {LEAST:g}"
        )
    sys.exit(any(load.events < LEAST * load.inserts for load in loads))


if __name__ == "__main__":
    main()
