"""Random questions over Druid's raw events and tuned tables, in segments that ranges of dimensions divide."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rollup_bench.engines.contract import Plan, Session, Where
from rollup_bench.engines.druid import ingest, planning
from rollup_bench.engines.druid.engine import Druid
from rollup_bench.harness.conformance.tested_engine import EngineUnderTest, packed
from rollup_bench.servers import Server
from rollup_bench.servers.budget import Budget
from rollup_bench.workloads import dataset, layouts
from rollup_bench.workloads.dataset import Dataset
from rollup_bench.workloads.events import Events
from tests.servers.test_cassandra_tuned import BODIES, moment, written


@dataclass(repr=False)
class Asked:
    """The dataset's tuned layout with an open session."""

    subject: EngineUnderTest
    dataset: Dataset
    events: Events
    plan: Plan
    session: Session


@pytest.fixture(scope="module")
def asked(druid_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    home = tmp_path_factory.mktemp("layouts")
    (home / "random.toml").write_text(written())
    read, events = dataset.parse(home / "random.toml"), packed()
    engine = Druid(druid_server, home, Budget(cores=2, memory=3 << 30))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(ingest, "LEAST_SEGMENT_ROWS", 20)
        patched.setattr(planning, "MIN_EVENTS_PER_VALUE", 1)
        plan = engine.plan(read, layouts.tuned, events.statistics)
        engine.drop(plan)
        engine.load(plan, events, EngineUnderTest(engine, home, 0).watch())
    with engine.session(plan) as session:
        yield Asked(EngineUnderTest(engine, home, 0), read, events, plan, session)
    engine.drop(plan)
    engine.close()


def test_events_are_divided_by_ranges(asked: Asked) -> None:
    assert '"type": "range"' in asked.plan.text
    supports = [asked.subject.engine.support(t.fill(), asked.plan).where for t in asked.dataset.questions.values()]
    assert {Where.INGEST, Where.SERVER} <= set(supports)


@settings(max_examples=100)
@given(
    st.integers(0, len(BODIES) - 1),
    st.none() | st.lists(st.integers(-10, 12_000), min_size=2, max_size=2, unique=True),
    st.sampled_from([0, 1, 40, 800, 20_000]),
    st.sampled_from(["open", "buy", "nothing"]),
)
def test_tuned_tables(asked: Asked, number: int, ends: list[int] | None, days: int, did: str) -> None:
    template = asked.dataset.questions[f"q{number}"]
    start, end = map(moment, sorted(ends or (-50_000, 22_000)))
    values = {"start": start, "end": end, "until": end + timedelta(days=days), "did": did}
    question = template.fill({n: v for n, v in values.items() if n in template.parameters})
    asked.subject.check(asked.session, asked.plan, asked.events, question)
