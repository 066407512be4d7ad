"""Parts of loads, which several processes do: each is recorded when it is done, and resumed alone."""

import pickle
from pathlib import Path

import pyarrow as pa
import pytest

from rollup_bench.engines.contract import Engine
from rollup_bench.harness.run import verdicts
from rollup_bench.harness.run.verdicts import Kind
from rollup_bench.servers.watch import Watch
from rollup_bench.workloads import layouts, stored
from rollup_bench.workloads.events import Events, measured
from rollup_bench.workloads.game import files
from tests.servers.test_cut_loads import GAME, SUMS

ROWS, SHARDS = 80_000, 4


@pytest.fixture
def four_files(tmp_path: Path) -> Events:
    rows = stored.table(files.write(tmp_path / "game", ROWS, shards=SHARDS))
    schema = pa.schema([rows.schema.field(name).with_nullable(True) for name in GAME.columns.all])
    rows = rows.replace_schema(schema)
    return Events(rows, GAME.columns, measured(rows, GAME.columns, "four files"))


def test_shards_have_the_events_in_order(four_files: Events) -> None:
    shards = [pickle.loads(pickle.dumps(shard)) for shard in four_files.shards()]
    assert [(one.number, one.before, one.rows) for one in shards] == [(n, 20_000 * n, 20_000) for n in range(SHARDS)]
    together = [batch for one in shards for batch in one.events.batches()]
    assert pa.Table.from_batches(together) == pa.Table.from_batches(four_files.batches())


@pytest.mark.parametrize("engine", ["cassandra", "druid"], indirect=True)
def test_parts_that_are_done_stay_done(engine: Engine, four_files: Events) -> None:
    """Parts are done in another order than that of their shards, two of them before an interruption, and one twice."""
    plan = engine.plan(GAME, layouts.raw, four_files.statistics)
    engine.drop(plan)
    try:
        parts = engine.parts(plan, four_files)
        assert [pickle.loads(pickle.dumps(parts[n]))() for n in (3, 1)] == [20_000, 20_000]
        assert engine.rows(plan) is None
        first, second = engine.parts(plan, four_files)
        assert [part() for part in (second, second, first)] == [20_000] * 3
        assert engine.parts(plan, four_files) == []
        loaded = engine.load(plan, four_files, Watch(seconds=300))
        assert loaded.rows == engine.rows(plan) == ROWS
        with engine.session(plan) as session:
            verdict = verdicts.check(SUMS, session.ask(SUMS), four_files)
        assert verdict.kind is Kind.RIGHT, verdict.reason
    finally:
        engine.drop(plan)
