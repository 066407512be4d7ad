"""What the Cassandra adapter adds to the bare driver, and how fast it loads beside single prepared inserts.

By hand: `python -m experiments.cassandra`. The bare driver sends the same prepared statements and reads the same
tuples, over the same session. A question with an answer of one row gives what is added to each question; one with some
ten thousand rows gives, less that, what is added to each row. A load is timed whole, until all is on disk; single
inserts put rows that were loaded into the same tables again, one after the other.
"""

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from experiments import added
from experiments.added import Overhead
from rollup_bench.engines.contract import Plan
from rollup_bench.harness.run import arms as running
from rollup_bench.harness.run.home import home
from rollup_bench.servers.watch import Watch
from rollup_bench.workloads import answers, dataset, events
from rollup_bench.workloads.dataset import Dataset
from rollup_bench.workloads.events import Events
from rollup_bench.workloads.measures import parse
from rollup_bench.workloads.questions import Aggregate, Grain, Span

if TYPE_CHECKING:
    from rollup_bench.engines.cassandra.engine import Cassandra

SAMPLE = 2_000
"""Rows of each table that are put in one by one."""
LAYOUTS = ("raw", "day", "tuned")
LEAST = 5.0
"""Times as fast as single inserts."""
MEASURES = tuple(map(parse, ("count()", "sum(distance)", "max(dep_delay)")))
START = datetime(2013, 7, 1, 4, tzinfo=UTC)
ONE_ROW = Aggregate(Span(START, START.replace(day=2)), MEASURES, zone="America/New_York")
MANY_ROWS = Aggregate(
    Span(START, START.replace(month=10)), MEASURES, Grain.DAY, "America/New_York", ("carrier", "origin", "dest")
)


class Loading(msgspec.Struct, frozen=True):
    """Of a layout: the events of a second's load, and those of a second's single inserts of the rows it keeps."""

    layout: str
    events: float
    inserts: float


@contextmanager
def opened() -> Iterator[tuple["Cassandra", Dataset, Events]]:
    """Cassandra over a server of its own, and the flights."""
    flights = dataset.read("flights")
    rows = events.prepare(flights, home())
    with running.opened(["cassandra"], "native", home(), lambda _: None) as (engine,):
        yield engine, flights, rows  # type: ignore[misc]


def overhead(engine: "Cassandra", flights: Dataset, rows: Events, pairs: int = 400) -> Overhead:
    """Asks of a roll-up, over the session that the bare driver has, so that all else is equal."""
    arm = running.arm(engine, flights.layout("day"), flights, rows, home(), lambda _: None)
    with engine.session(arm.plan) as session:
        return added.overhead(session.ask, partial(_bare, engine, arm.plan), ONE_ROW, MANY_ROWS, pairs)


def _bare(engine: "Cassandra", plan: Plan, question: Aggregate) -> added.Bare:
    from rollup_bench.engines.cassandra.driver import Reader
    from rollup_bench.engines.cassandra.engine import supported_path
    from rollup_bench.engines.cassandra.loading import read_manifest

    sent: list[tuple[str, Any]] = []

    class Recording(Reader):
        def results(self, requests: Iterable[tuple[str, Any]]) -> Iterator[list[Any]]:
            sent.extend(kept := list(requests))
            return super().results(kept)

    driver = engine._driver
    recording = Recording(driver)
    manifest = read_manifest(recording, plan)
    sent.clear()
    supported_path(question, plan).answer(recording, manifest, answers.schema(question, plan.schema))
    statements = [(recording.prepare(text), values) for text, values in sent]

    def bare() -> int:
        waiting = [driver.execute_async(statement, values) for statement, values in statements]
        return sum(len(future.result().all()) for future in waiting)

    return bare


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


class CassandraAdapter:
    """What the adapter adds, for asv."""

    version = "1"
    timeout = 1200

    def setup_cache(self) -> Overhead:
        """Measured once for both."""
        with opened() as (engine, flights, rows):
            return overhead(engine, flights, rows)

    def track_question(self, found: Overhead) -> dict[str, object]:
        return {"samples": found.question, "number": 1}

    def track_row(self, found: Overhead) -> dict[str, object]:
        return {"samples": found.row, "number": 1}

    track_question.unit = track_row.unit = "seconds"  # type: ignore[attr-defined]


class CassandraLoading:
    """Seconds a million events of a layout, by batches and by single inserts."""

    version = "1"
    timeout = 1200
    params = (LAYOUTS,)
    param_names = ("layout",)

    def setup_cache(self) -> dict[str, Loading]:
        """Measured once for both."""
        with opened() as (engine, flights, rows):
            return {layout: loading(engine, flights, rows, layout) for layout in LAYOUTS}

    def track_batches(self, found: dict[str, Loading], layout: str) -> float:
        return 1e6 / found[layout].events

    def track_inserts(self, found: dict[str, Loading], layout: str) -> float:
        return 1e6 / found[layout].inserts

    track_batches.unit = track_inserts.unit = "seconds"  # type: ignore[attr-defined]


def main() -> None:
    """Prints each figure beside what it may be; ends with 1 where one is beyond that."""
    with opened() as (engine, flights, rows):
        found = overhead(engine, flights, rows)
        loads = [loading(engine, flights, rows, layout) for layout in LAYOUTS]
    few = found.told()
    for load in loads:
        times = load.events / load.inserts
        print(
            f"{load.layout}: {load.events:,.0f} events a second until settled, {load.inserts:,.0f} by single inserts: "
            f"{times:.1f} times as fast; at least {LEAST:g} are wanted"
        )
    sys.exit(not few or any(load.events < LEAST * load.inserts for load in loads))


if __name__ == "__main__":
    main()
