"""Random questions over the roll-ups, cohorts and entries of funnels that ClickHouse stores for questions."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings

from rollup_bench.engines.clickhouse.engine import ClickHouse
from rollup_bench.harness.conformance.tested_engine import RANDOM, EngineUnderTest, packed
from rollup_bench.workloads.layouts import Layout
from rollup_bench.workloads.measures import parse
from rollup_bench.workloads.questions import Aggregate, Grain, Span
from tests.conftest import BUDGET
from tests.support.tuned import REQUESTS, Asked, Request, check_cut_weeks, check_kinds, loaded


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    home = tmp_path_factory.mktemp("tuned")
    with loaded(ClickHouse(None, home, BUDGET), home) as found:
        yield found


@pytest.fixture(scope="module")
def in_order(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    """Events of a dataset with a column `order`."""
    home = tmp_path_factory.mktemp("ordered")
    with loaded(ClickHouse(None, home, BUDGET), home, order=True) as found:
        yield found


def test_every_kind_of_table_is_read(asked: Asked) -> None:
    check_kinds(asked)


def test_a_span_that_cuts_weeks_reads_a_rollup_and_events(asked: Asked) -> None:
    check_cut_weeks(asked)


def test_a_declared_rollup_merges_exact_states(tmp_path: Path) -> None:
    """Of distinct values and of quantiles, which other engines do not merge."""
    measures = tuple(map(parse, ("distinct(user)", "quantile(huge, 0.5)", "quantile(score, 0.5, error=0.02)")))
    layout = Layout("exact", Grain.DAY, "UTC", ("case",), measures)
    asked = (*measures, parse("quantile(huge, 0.9)"), parse("quantile(score, 0.1, error=0.02)"))
    span = Span(datetime(1960, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC))
    events, engine = packed(), ClickHouse(None, tmp_path, BUDGET)
    subject = EngineUnderTest(engine, tmp_path, 0)
    plan = engine.plan(RANDOM, layout, events.statistics)
    engine.load(plan, events, subject.watch())
    with engine.session(plan) as session:
        for grain in (Grain.DAY, Grain.YEAR, Grain.ALL):
            for by in ((), ("case",)):
                subject.check(session, plan, events, Aggregate(span, asked, grain, by=by))
    assert len(subject.answered) == 6


@settings(max_examples=100)
@given(REQUESTS)
def test_tuned_tables(asked: Asked, request: Request) -> None:
    asked.check(request)


@settings(max_examples=100)
@given(REQUESTS)
def test_tuned_tables_follow_the_order_of_events(in_order: Asked, request: Request) -> None:
    in_order.check(request)
