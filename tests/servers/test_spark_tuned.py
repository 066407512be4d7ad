"""Spark answers random questions right from stored roll-ups, activity of cohorts, and entries of funnels."""

from collections.abc import Iterator

import pytest
from hypothesis import given, settings

from rollup_bench.engines.spark.engine import Spark
from rollup_bench.servers import Server
from tests.conftest import BUDGET
from tests.support.tuned import REQUESTS, Asked, Request, check_cut_weeks, check_kinds, loaded


@pytest.fixture(scope="module")
def asked(spark_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    home = tmp_path_factory.mktemp("tuned")
    engine = Spark(spark_server, home, BUDGET)
    with loaded(engine, home) as found:
        yield found
    engine.drop(found.plan)


def test_every_kind_of_table_is_read(asked: Asked) -> None:
    check_kinds(asked)


def test_a_span_that_cuts_weeks_reads_a_rollup_and_events(asked: Asked) -> None:
    check_cut_weeks(asked)


@settings(max_examples=20)
@given(REQUESTS)
def test_tuned_tables(asked: Asked, request: Request) -> None:
    asked.check(request)
