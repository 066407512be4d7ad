"""Loads a plan into an engine once for the same events and engine version, and reuses the load afterwards.

A load is recorded only after it is complete. An interrupted load resumes in Cassandra, where loads take long and
writing a row twice is harmless. In DuckDB and Druid, where transactions and tasks are atomic, an interrupted load
starts again. Tasks of Spark can load shards of the events at the same time; each shard resumes alone.
"""

import time
from dataclasses import replace
from pathlib import Path

import msgspec

from rollup_bench.engines.contract import Built, Engine, Loaded, Plan
from rollup_bench.errors import RequestError
from rollup_bench.harness.run.costs import Meter, gauge
from rollup_bench.servers import Connection
from rollup_bench.servers.lock import in_turn
from rollup_bench.servers.watch import Watch
from rollup_bench.workloads.events import Events
from rollup_bench.workloads.pace import Pace
from rollup_bench.workloads.stored import whole

LOADING = "the layout: waiting for another process that is loading it"
LEAST_SECONDS = 300.0
LOOPBACK = ("127.0.0.1", "localhost", "::1")
ROWS_PER_SECOND = 1_000


class CompletedLoad(msgspec.Struct, frozen=True):
    """The content of the file that records a complete load; `bytes` is None if unknown."""

    engine: str
    version: str
    dataset: str
    layout: str
    rows: int
    seconds: float
    bytes: int | None
    built: Built | None = None
    processor: float | None = None
    loaded_by: str = ""


def ensure(
    engine: Engine, plan: Plan, events: Events, home: Path, watch: Watch, spark: Connection | None = None
) -> tuple[Loaded, bool]:
    """Returns the plan's load, and whether an earlier load was reused.

    An earlier load is reused if it is recorded for this engine version and the engine still stores the recorded rows.
    Any other load is dropped first, unless it was interrupted and can be resumed in the way in which it began. With
    `spark`, tasks of Spark load the parts of an engine that divides loads.
    """
    path = _record_path(engine, plan, home)
    if earlier := _earlier_load(engine, plan, path):
        return earlier, True
    with in_turn(path.with_suffix(".lock"), LOADING, watch):
        if earlier := _earlier_load(engine, plan, path):
            return earlier, True
        begun = _parts_file(path)
        alone = engine.resumes and not (spark and engine.parts(plan, events))
        resumes = spark if begun.exists() else alone
        if path.exists() or not resumes:
            _drop(engine, plan, path)
        if spark:
            loaded = _divided(engine, plan, events, watch, spark, begun)
        else:
            loaded = _measured(engine, plan, events, watch)
        _record(path, engine, plan, loaded)
        begun.unlink(missing_ok=True)
    return loaded, False


def drop(engine: Engine, plan: Plan, home: Path) -> None:
    """Deletes the plan's load from the engine, with its record, so that the next `ensure` loads the plan again."""
    path = _record_path(engine, plan, home)
    with in_turn(path.with_suffix(".lock"), LOADING, Watch()):
        _drop(engine, plan, path)


def _drop(engine: Engine, plan: Plan, path: Path) -> None:
    engine.drop(plan)
    path.unlink(missing_ok=True)
    _parts_file(path).unlink(missing_ok=True)


def time_limit(rows: int) -> float:
    """Returns the seconds that a load may take: five minutes, plus one second for each thousand rows."""
    return LEAST_SECONDS + rows / ROWS_PER_SECOND


def _record_path(engine: Engine, plan: Plan, home: Path) -> Path:
    return home / "loads" / f"{engine.name}-{plan.key}.json"


def _parts_file(record: Path) -> Path:
    return record.with_suffix(".parts")


def _earlier_load(engine: Engine, plan: Plan, path: Path) -> Loaded | None:
    try:
        record = msgspec.json.decode(path.read_bytes(), type=CompletedLoad)
    except (FileNotFoundError, UnicodeError, msgspec.DecodeError):
        return None
    if record.version != engine.version or engine.rows(plan) != record.rows:
        return None
    return Loaded(record.rows, record.seconds, record.bytes, record.built, record.processor, record.loaded_by)


def _measured(engine: Engine, plan: Plan, events: Events, watch: Watch) -> Loaded:
    """Loads the plan, and measures the processor seconds of this process and of the engine's own processes."""
    meter = Meter(gauge(engine.server))
    loaded = engine.load(plan, events, watch)
    spent = meter.read()
    known = engine.server is None or spent.engine is not None
    resumed = loaded.seconds > 1.05 * spent.seconds + 1  # with those of attempts whose processor seconds are not known
    return replace(loaded, processor=spent.processor if known and not resumed else None)


def _divided(engine: Engine, plan: Plan, events: Events, watch: Watch, spark: Connection, begun: Path) -> Loaded:
    """Loads the plan, its parts in tasks of Spark, whose processor seconds are not known.

    The file `begun` says that tasks have loaded parts, also in an earlier attempt. An engine that has no parts for a
    plan loads it by itself.
    """
    from rollup_bench.engines.spark.tasks import each_done

    began = time.perf_counter()
    _check_reach(engine, spark)
    parts = engine.parts(plan, events)
    if parts:
        begun.parent.mkdir(parents=True, exist_ok=True)
        begun.touch()
    elif not begun.exists():
        return _measured(engine, plan, events, watch)
    pace = Pace(watch.say, "by tasks of Spark: ", events.statistics.rows)
    for rows in each_done(spark, lambda number: parts[number](), len(parts), watch.remaining):
        pace(rows)
        watch.check()
    loaded = engine.load(plan, events, watch)
    return replace(loaded, seconds=max(loaded.seconds, time.perf_counter() - began), loaded_by="spark")


def _check_reach(engine: Engine, spark: Connection) -> None:
    """RequestError if tasks on other machines do not reach a server of this one, or would get a login unencrypted."""
    reached = engine.served_by.connection
    if spark.hosts[0] in LOOPBACK:
        return
    if set(reached.hosts) & set(LOOPBACK):
        here = f"tasks on other machines do not reach the {engine.name} of this machine"
        raise RequestError(f"--load-on: {here}; give --via external, or --load-on spark without an address")
    if reached.password and not spark.tls:
        sent = f"the login of {engine.name} would be sent to Spark without encryption"
        raise RequestError(f"--load-on: {sent}; set ROLLUP_BENCH_SPARK_TLS=1, or give --load-on spark")


def _record(path: Path, engine: Engine, plan: Plan, loaded: Loaded) -> None:
    done = CompletedLoad(
        engine=engine.name,
        version=engine.version,
        dataset=plan.dataset.name,
        layout=plan.layout.name,
        rows=loaded.rows,
        seconds=loaded.seconds,
        bytes=loaded.bytes,
        built=loaded.built,
        processor=loaded.processor,
        loaded_by=loaded.loaded_by,
    )
    whole(path, lambda part: part.write_bytes(msgspec.json.encode(done)))
