"""Random questions over the roll-ups, cohorts and entries of funnels that DuckDB stores for questions."""

from collections.abc import Iterator
from datetime import date

import pytest
from hypothesis import given, settings

from rollup_bench.engines import rollups
from rollup_bench.engines.duckdb.engine import DuckDB
from rollup_bench.harness.conformance.tested_engine import EngineUnderTest, packed
from rollup_bench.workloads import layouts
from tests.conftest import BUDGET
from tests.support.tuned import REQUESTS, Asked, Request, read


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    home = tmp_path_factory.mktemp("tuned")
    dataset, events, engine = read(home), packed(), DuckDB(None, home, BUDGET)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(rollups, "MIN_EVENTS_PER_VALUE", 1)
        plan = engine.plan(dataset, layouts.tuned, events.statistics)
    subject = EngineUnderTest(engine, home, 0)
    engine.load(plan, events, subject.watch())
    with engine.session(plan) as session:
        yield Asked(subject, dataset, events, plan, session)


def test_every_kind_of_table_is_read(asked: Asked) -> None:
    supports = [asked.subject.engine.support(t.fill(), asked.plan) for t in asked.dataset.questions.values()]
    kinds = {name.rstrip("0123456789") for support in supports for name in support.tables}
    assert kinds == {"rollup", "cohort", "funnel", "events"}


def test_a_span_that_cuts_weeks_reads_a_rollup_and_events(asked: Asked) -> None:
    weekly = asked.dataset.questions["q7"]
    cut = weekly.fill({"start": date(1999, 1, 6), "end": date(2003, 1, 9)})
    rollup, events = asked.subject.engine.support(cut, asked.plan).tables
    assert (rollup.rstrip("0123456789"), events) == ("rollup", "events")
    inside = weekly.fill({"start": date(1999, 1, 6), "end": date(1999, 1, 9)})
    assert asked.subject.engine.support(inside, asked.plan).tables == ("events",)
    whole = weekly.fill({"start": date(1999, 1, 4), "end": date(2003, 1, 6)})
    assert "events" not in asked.subject.engine.support(whole, asked.plan).tables
    for question in (cut, inside, whole):
        asked.subject.check(asked.session, asked.plan, asked.events, question)


@settings(max_examples=300)
@given(REQUESTS)
def test_tuned_tables(asked: Asked, request: Request) -> None:
    asked.check(request)
