"""Parts of loads, which several processes do: each is recorded when it is done, and resumed alone."""

import pickle
from pathlib import Path

import pytest

from rollup_bench.engines.contract import Engine
from rollup_bench.harness.records.kinds import Kind
from rollup_bench.harness.run import verdicts
from rollup_bench.servers.watch import Watch
from rollup_bench.workloads import layouts
from tests.servers.test_cut_loads import SUMS
from tests.support.shards import GAME, four_files


@pytest.mark.parametrize("engine", ["cassandra", "druid"], indirect=True)
def test_parts_that_are_done_stay_done(engine: Engine, tmp_path: Path) -> None:
    """Parts are done in another order than that of their shards, two of them before an interruption, and one twice."""
    events = four_files(tmp_path / "game")
    plan = engine.plan(GAME, layouts.raw, events.statistics)
    engine.drop(plan)
    try:
        parts = engine.parts(plan, events)
        assert [pickle.loads(pickle.dumps(parts[n]))() for n in (3, 1)] == [20_000, 20_000]
        assert engine.rows(plan) is None
        first, second = engine.parts(plan, events)
        assert [part() for part in (second, second, first)] == [20_000] * 3
        assert engine.parts(plan, events) == []
        loaded = engine.load(plan, events, Watch(seconds=300))
        assert loaded.rows == engine.rows(plan) == events.statistics.rows
        with engine.session(plan) as session:
            verdict = verdicts.check(SUMS, session.ask(SUMS), events)
        assert verdict.kind is Kind.RIGHT, verdict.reason
    finally:
        engine.drop(plan)
