"""ClickHouse answers random questions right from stored roll-ups, activity of cohorts, and entries of funnels."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings

from rollup_bench.engines.clickhouse.engine import ClickHouse
from tests.conftest import BUDGET
from tests.support.tuned import REQUESTS, Asked, Request, check_cut_weeks, check_exact_states, check_kinds, loaded


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
    check_exact_states(ClickHouse(None, tmp_path, BUDGET), tmp_path, "exact")


@settings(max_examples=100)
@given(REQUESTS)
def test_tuned_tables(asked: Asked, request: Request) -> None:
    asked.check(request)


@settings(max_examples=100)
@given(REQUESTS)
def test_tuned_tables_follow_the_order_of_events(in_order: Asked, request: Request) -> None:
    in_order.check(request)
