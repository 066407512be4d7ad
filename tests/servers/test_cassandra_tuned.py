"""Random questions over the tables that Cassandra plans for questions."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest
from cassandra import OperationTimedOut
from hypothesis import given

from rollup_bench.engines.cassandra import loading
from rollup_bench.engines.cassandra.batch_writer import BatchWriter
from rollup_bench.engines.cassandra.engine import Cassandra
from rollup_bench.engines.cassandra.loading import LoadCheckpoint
from rollup_bench.engines.contract import Where
from rollup_bench.errors import FailureError
from rollup_bench.harness.conformance.tested_engine import RANDOM, EngineUnderTest, few, packed
from rollup_bench.servers import Server
from rollup_bench.servers.budget import Budget
from rollup_bench.servers.watch import Watch
from rollup_bench.workloads import layouts
from tests.support.tuned import REQUESTS, Asked, Request, read


@pytest.fixture(scope="module")
def asked(cassandra_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    home: Path = tmp_path_factory.mktemp("layouts")
    dataset, kept = read(home), packed()
    engine = Cassandra(cassandra_server, home, Budget(cores=2, memory=3 << 30))
    subject = EngineUnderTest(engine, home, 0)
    plan = engine.plan(dataset, layouts.tuned, kept.statistics)
    engine.drop(plan)
    said: list[str] = []

    def cut_off(text: str) -> None:
        said.append(text)
        if len(said) == 5:
            raise FailureError(text)

    with pytest.raises(FailureError, match=r"rows \(\d+%\), [\d,]+ a second"):
        engine.load(plan, kept, Watch(cut_off))
    assert 0 < len(LoadCheckpoint(engine._driver, plan).rows) < len(plan.tables.tables)
    engine.load(plan, kept, subject.watch())
    with engine.session(plan) as session:
        yield Asked(subject, dataset, kept, plan, session)
    engine.drop(plan)
    engine.close()


def test_every_question_has_its_own_tables(asked: Asked) -> None:
    assert asked.plan.tables.events is None
    supports = [
        asked.subject.engine.support(template.fill(), asked.plan) for template in asked.dataset.questions.values()
    ]
    assert {s.where for s in supports} == {Where.INGEST, Where.CLIENT}
    assert {s.tables[0].rstrip("0123456789") for s in supports if s.where is Where.CLIENT} == {"slices"}


@given(REQUESTS)
def test_tables_planned_for_questions(asked: Asked, request: Request) -> None:
    asked.check(request)


class Unsure:
    """A session in which each batch arrives, but the first attempt reports a timeout."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self.seen: list[object] = []

    def execute_async(self, batch: object) -> Any:
        future = self._session.execute_async(batch)
        if any(batch is one for one in self.seen):
            return future
        self.seen.append(batch)
        future.result()
        return self

    def add_callbacks(self, _arrived: object, failed: Callable[[Exception], None]) -> None:
        failed(OperationTimedOut())


def test_a_repeated_write_counts_once(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    sessions: list[Unsure] = []

    def unsure(session: Any, watch: Watch) -> BatchWriter:
        sessions.append(Unsure(session))
        return BatchWriter(cast("Any", sessions[-1]), watch)

    monkeypatch.setattr(loading, "BatchWriter", unsure)
    engine = asked.subject.engine
    kept = few([{"when": datetime(2013, 1, day, tzinfo=UTC), "user": "u"} for day in range(1, 29)])
    plan = engine.plan(RANDOM, layouts.raw, kept.statistics)
    engine.drop(plan)
    assert engine.load(plan, kept, Watch(seconds=300)).rows == 28 == engine.rows(plan)
    assert sessions[0].seen
    engine.drop(plan)


def test_a_load_fails_if_rows_before_its_checkpoint_are_missing(asked: Asked) -> None:
    engine = cast("Cassandra", asked.subject.engine)
    kept = few([{"when": datetime(2013, 1, day, tzinfo=UTC), "user": "u"} for day in range(1, 29)])
    plan = engine.plan(RANDOM, layouts.raw, kept.statistics)
    engine.drop(plan)
    LoadCheckpoint(engine._driver, plan).save("events", 28)
    with pytest.raises(FailureError, match="cassandra stored 0 of 28 rows"):
        engine.load(plan, kept, Watch(seconds=300))
    assert engine.load(plan, kept, Watch(seconds=300)).rows == 28
    engine.drop(plan)
