"""Spark over Cassandra: right answers from several ranges of tokens, and one line for what fails in a task."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from rollup_bench.engines.contract import Plan
from rollup_bench.engines.spark_cassandra import token_ranges
from rollup_bench.engines.spark_cassandra.engine import SparkCassandra
from rollup_bench.errors import FailureError
from rollup_bench.harness.records.kinds import RIGHT
from rollup_bench.harness.run import loading, verdicts
from rollup_bench.servers import Server
from rollup_bench.servers.watch import Watch
from rollup_bench.workloads import dataset as datasets
from rollup_bench.workloads.events import Events
from tests.conftest import BUDGET
from tests.support.exported import of_each_kind, sample

FLIGHTS = datasets.read("flights")


@pytest.fixture(scope="module")
def engine(spark_cassandra_server: Server, home: Path) -> Iterator[SparkCassandra]:
    with closing(SparkCassandra(spark_cassandra_server, home, BUDGET)) as opened:
        yield opened


@pytest.fixture(scope="module")
def flights(home: Path) -> Events:
    """About 5,000 flights."""
    return sample("flights", home)[1]


@pytest.fixture(scope="module")
def plan(engine: SparkCassandra, flights: Events, home: Path) -> Iterator[Plan]:
    """The plan of the flights, which are loaded."""
    planned = engine.plan(FLIGHTS, FLIGHTS.layout("raw"), flights.statistics)
    loading.ensure(engine, planned, flights, home, Watch())
    yield planned
    engine.drop(planned)


def test_each_kind_of_question_is_answered_right(
    engine: SparkCassandra, plan: Plan, flights: Events, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(token_ranges, "MAX_ROWS", flights.statistics.rows // 3)
    with engine.session(plan) as session:
        for template in of_each_kind(FLIGHTS.questions.values()):
            question = template.fill()
            assert engine.scan(question, plan).ranges > 1
            verdict = verdicts.check(question, session.ask(question), flights)
            assert verdict.kind in RIGHT, (template.name, verdict.reason)


def test_a_table_that_is_gone_is_an_error_of_the_engine(engine: SparkCassandra, plan: Plan) -> None:
    question = next(iter(FLIGHTS.questions.values())).fill()
    with engine.session(plan) as session:
        engine.drop(plan)
        with pytest.raises(FailureError, match=r"^spark: .*InvalidRequest|^spark: .*does not exist") as failed:
            session.ask(question)
    assert "\n" not in str(failed.value)
    with pytest.raises(FailureError, match="is not complete"), engine.session(plan):
        pass
