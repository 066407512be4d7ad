"""DuckDB answers random questions right from stored roll-ups, activity of cohorts, and entries of funnels."""

from collections.abc import Iterator
from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings

from rollup_bench.engines.duckdb.engine import DuckDB
from rollup_bench.engines.duckdb.rollup import unsupported_reason
from rollup_bench.engines.rollups import Rollup
from rollup_bench.workloads.layouts import Layout
from rollup_bench.workloads.measures import parse
from rollup_bench.workloads.questions import Aggregate, Grain, Span
from tests.conftest import BUDGET
from tests.support.tuned import REQUESTS, Asked, Request, check_cut_weeks, check_kinds, loaded


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    home = tmp_path_factory.mktemp("tuned")
    with loaded(DuckDB(None, home, BUDGET), home) as found:
        yield found


@pytest.fixture(scope="module")
def in_order(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    """Events of a dataset with a column `order`."""
    home = tmp_path_factory.mktemp("ordered")
    with loaded(DuckDB(None, home, BUDGET), home, order=True) as found:
        yield found


def test_every_kind_of_table_is_read(asked: Asked) -> None:
    check_kinds(asked)


def test_a_span_that_cuts_weeks_reads_a_rollup_and_events(asked: Asked) -> None:
    weekly = check_cut_weeks(asked)
    inside = weekly.fill({"start": date(1999, 1, 6), "end": date(1999, 1, 9)})
    assert asked.subject.engine.support(inside, asked.plan).tables == ("events",)
    whole = weekly.fill({"start": date(1999, 1, 4), "end": date(2003, 1, 6)})
    assert "events" not in asked.subject.engine.support(whole, asked.plan).tables
    for question in (inside, whole):
        asked.subject.check(asked.session, asked.plan, asked.events, question)


@pytest.mark.parametrize(("start", "end"), [(date(1, 1, 3), date(1, 3, 9)), (date(9999, 9, 9), date(9999, 12, 28))])
def test_a_span_at_the_ends_of_the_calendar_reads_events(asked: Asked, start: date, end: date) -> None:
    question = asked.dataset.questions["q7"].fill({"start": start, "end": end})
    assert asked.subject.engine.support(question, asked.plan).tables == ("events",)
    asked.subject.check(asked.session, asked.plan, asked.events, question)


def test_a_rollup_by_a_column_has_no_quantiles_of_it() -> None:
    measures = (parse("distinct(gold)"), parse("quantile(gold, 0.5)"))
    by_gold = Rollup(Layout("by gold", Grain.DAY, "UTC", ("gold",), measures))
    span = Span(datetime(2000, 1, 1, tzinfo=UTC), datetime(2000, 1, 2, tzinfo=UTC))
    assert unsupported_reason(Aggregate(span, measures[:1]), by_gold) is None
    assert "quantile(gold, 0.5)" in str(unsupported_reason(Aggregate(span, measures), by_gold))


@settings(max_examples=300)
@given(REQUESTS)
def test_tuned_tables(asked: Asked, request: Request) -> None:
    asked.check(request)


@settings(max_examples=100)
@given(REQUESTS)
def test_tuned_tables_follow_the_order_of_events(in_order: Asked, request: Request) -> None:
    in_order.check(request)
