"""Loads cut off midway, with the real servers: what follows never trusts a part, goes on, and keeps just the events."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest

from rollup_bench.engines.contract import Engine, Plan
from rollup_bench.engines.registry import engine_type, recipe
from rollup_bench.errors import FailureError
from rollup_bench.harness.records.kinds import Kind
from rollup_bench.harness.run import loading, verdicts
from rollup_bench.servers import open_server
from rollup_bench.servers.watch import Watch
from rollup_bench.workloads import layouts
from rollup_bench.workloads.events import Events
from rollup_bench.workloads.measures import parse
from rollup_bench.workloads.questions import Aggregate, Grain, Span
from tests.conftest import BUDGET, HOME
from tests.support import ROOT
from tests.support.shards import GAME, four_files

COUNTED = ("clickhouse", "duckdb", "duckdb-served", "cassandra", "spark")
MIDWAY = dict.fromkeys(COUNTED, " of 80,000 rows") | {"druid": "making segments"}
"""What a load says when it is under way."""
STOPPED = {"duckdb-served": "duckdb", "cassandra": "cassandra", "druid": "indexer", "spark": "spark"}
"""The process that does the work."""
SUMS = Aggregate(
    Span(datetime(1970, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)),
    tuple(map(parse, ("count()", "sum(gold)", "sum(seconds)", "min(seconds)", "max(seconds)"))),
    Grain.DAY,
)
LOAD = "import sys; from tests.servers.test_cut_loads import load; load(*sys.argv[1:])"
served = pytest.mark.parametrize("engine", list(STOPPED), indirect=True)


def load(name: str, server_home: str, home: str, engine_home: str) -> None:
    """In a process of its own, over a server that is up."""
    declared = recipe(name)
    server = open_server(declared, "native", Path(server_home), BUDGET) if declared else None
    engine = engine_type(name)(server, Path(engine_home), BUDGET)
    kept = four_files(Path(home) / "game")
    plan = engine.plan(GAME, layouts.raw, kept.statistics)
    loading.ensure(engine, plan, kept, Path(home), Watch(lambda text: print(text, flush=True)))


@pytest.fixture(scope="module")
def kept(home: Path) -> Events:
    return four_files(home / "game")


@pytest.fixture
def plan(engine: Engine, kept: Events) -> Iterator[Plan]:
    made = engine.plan(GAME, layouts.raw, kept.statistics)
    engine.drop(made)
    yield made
    engine.drop(made)


def becomes_whole(engine: Engine, plan: Plan, kept: Events, home: Path) -> None:
    """The next load is done, keeps as many rows, and their sums of each day, asked of the engine, are right."""
    loaded, reused = loading.ensure(engine, plan, kept, home, Watch(seconds=300))
    assert not reused
    assert loaded.rows == engine.rows(plan) == kept.statistics.rows
    with engine.session(plan) as session:
        verdict = verdicts.check(SUMS, session.ask(SUMS), kept)
    assert verdict.kind is Kind.RIGHT, verdict.reason
    assert loading.ensure(engine, plan, kept, home, Watch(seconds=300))[1]


def test_a_killed_harness(engine: Engine, plan: Plan, kept: Events, home: Path) -> None:
    call = [sys.executable, "-c", LOAD, engine.name, str(HOME), str(home), str(engine.home)]
    with subprocess.Popen(call, stdout=subprocess.PIPE, text=True, cwd=ROOT) as loading:
        said = next(line for line in loading.stdout or () if MIDWAY[engine.name] in line)
        loading.kill()
    assert said
    assert not list((home / "loads").glob(f"{engine.name}-{plan.key}.json"))
    becomes_whole(engine, plan, kept, home)


class Stopping(Watch):
    """Stops a process when a load is under way for the first time, and then has patience for three seconds."""

    def __init__(self, process: psutil.Process, midway: str) -> None:
        super().__init__(seconds=300)
        self._process, self._midway, self._stopped = process, midway, False

    def say(self, text: str) -> None:
        if self._midway in text and not self._stopped:
            self._stopped = True
            super().__init__(seconds=3)
            self._process.suspend()
        super().say(text)


@served
def test_a_server_that_stands_still(engine: Engine, plan: Plan, kept: Events, home: Path) -> None:
    process = psutil.Process(engine.served_by.pids[STOPPED[engine.name]])
    stopping = Stopping(process, MIDWAY[engine.name])
    try:
        with pytest.raises(FailureError, match="not done after 3 s: "):
            loading.ensure(engine, plan, kept, home, stopping)
    finally:
        process.resume()
    becomes_whole(engine, plan, kept, home)


@served
def test_a_killed_server(engine: Engine, plan: Plan, kept: Events, home: Path) -> None:
    def kill(said: str) -> None:
        if MIDWAY[engine.name] in said:
            for pid in engine.served_by.pids.values():
                psutil.Process(pid).kill()

    try:
        with pytest.raises(FailureError):
            loading.ensure(engine, plan, kept, home, Watch(kill, seconds=300))
    finally:
        engine.served_by.start(Watch(seconds=300))
    becomes_whole(engine, plan, kept, home)
