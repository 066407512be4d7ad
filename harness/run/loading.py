"""Loads: done once for the same events, plan and engine version, recorded last, and never trusted when cut off.

One that was cut off goes on in Cassandra, whose loads are the long ones and whose rows, sent again, meet themselves.
DuckDB's and Druid's begin again: a transaction and a task are whole or nothing, and cost a few minutes for millions.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from rollup_bench.engines.contract import Engine, Loaded, Plan
from rollup_bench.servers.watch import Watch
from rollup_bench.workloads.events import Events

LEAST = 300.0
RATE = 1_000


class CompletedLoad(msgspec.Struct, frozen=True):
    """What is known of a load that is done."""

    engine: str
    version: str
    dataset: str
    layout: str
    rows: int
    seconds: float
    bytes: int | None


def ensure(engine: Engine, plan: Plan, events: Events, home: Path, watch: Watch) -> tuple[Loaded, bool]:
    """The plan's load, and whether it was found done and reused.

    It is reused when it is recorded and the engine still keeps as many rows. Else what there is of it is dropped, but
    for what a load that was cut off has left to an engine that can go on with it.
    """
    path = home / "loads" / f"{engine.name}-{plan.key}.json"
    if found := _kept(engine, plan, path):
        return found, True
    path.parent.mkdir(parents=True, exist_ok=True)
    with _alone(path.with_suffix(".lock"), watch):
        if found := _kept(engine, plan, path):
            return found, True
        if path.exists() or not engine.resumes:
            engine.drop(plan)
            path.unlink(missing_ok=True)
        loaded = engine.load(plan, events, watch)
        _record(path, engine, plan, loaded)
    return loaded, False


def patience(rows: int) -> float:
    """Seconds in which a layout must be loaded: five minutes, and one second for each thousand rows."""
    return LEAST + rows / RATE


def _kept(engine: Engine, plan: Plan, path: Path) -> Loaded | None:
    record = _read(path)
    if record is None or record.version != engine.version or engine.rows(plan) != record.rows:
        return None
    return Loaded(record.rows, record.seconds, record.bytes)


@contextmanager
def _alone(path: Path, watch: Watch) -> Iterator[None]:
    """One process loads a plan at a time; the lock dies with its holder."""
    with path.open("w") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                watch.say("what another process is loading")
                watch.pause(0.1)
        yield


def _record(path: Path, engine: Engine, plan: Plan, loaded: Loaded) -> None:
    done = CompletedLoad(
        engine=engine.name,
        version=engine.version,
        dataset=plan.dataset.name,
        layout=plan.layout.name,
        rows=loaded.rows,
        seconds=loaded.seconds,
        bytes=loaded.bytes,
    )
    part = path.with_suffix(f".{os.getpid()}.part")
    part.write_bytes(msgspec.json.encode(done))
    part.replace(path)


def _read(path: Path) -> CompletedLoad | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=CompletedLoad)
    except (FileNotFoundError, UnicodeError, msgspec.DecodeError):
        return None
