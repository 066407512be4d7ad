"""Random questions over Druid's raw events and tuned tables, in segments that ranges of dimensions divide."""

from collections.abc import Iterator

import pytest
from hypothesis import given, settings

from rollup_bench.engines import rollups
from rollup_bench.engines.contract import Where
from rollup_bench.engines.druid import ingest, sql
from rollup_bench.engines.druid.engine import Druid
from rollup_bench.harness.conformance.tested_engine import EngineUnderTest, packed
from rollup_bench.servers import Server
from rollup_bench.servers.budget import Budget
from rollup_bench.workloads import layouts
from tests.support.tuned import REQUESTS, Asked, Request, read


@pytest.fixture(scope="module")
def asked(druid_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    home = tmp_path_factory.mktemp("layouts")
    dataset, events = read(home), packed()
    engine = Druid(druid_server, home, Budget(cores=2, memory=3 << 30))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(ingest, "LEAST_SEGMENT_ROWS", 20)
        patched.setattr(rollups, "MIN_EVENTS_PER_VALUE", 1)
        patched.setattr(sql, "FEW_GROUPS", 50)
        plan = engine.plan(dataset, layouts.tuned, events.statistics)
        engine.drop(plan)
        engine.load(plan, events, EngineUnderTest(engine, home, 0).watch())
        with engine.session(plan) as session:
            yield Asked(EngineUnderTest(engine, home, 0), dataset, events, plan, session)
    engine.drop(plan)
    engine.close()


def test_events_are_divided_by_ranges(asked: Asked) -> None:
    assert '"type": "range"' in asked.plan.text
    supports = [asked.subject.engine.support(t.fill(), asked.plan) for t in asked.dataset.questions.values()]
    assert {Where.INGEST, Where.SERVER} <= {support.where for support in supports}
    assert {"funnel0"} <= {table for support in supports for table in support.tables}


@settings(max_examples=100)
@given(REQUESTS)
def test_tuned_tables(asked: Asked, request: Request) -> None:
    asked.check(request)
