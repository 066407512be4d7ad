"""Random questions over the tables that Cassandra plans for questions."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from cassandra import OperationTimedOut
from hypothesis import given
from hypothesis import strategies as st

from rollup_bench.engines.cassandra import loading
from rollup_bench.engines.cassandra.batch_writer import BatchWriter
from rollup_bench.engines.cassandra.engine import Cassandra
from rollup_bench.engines.cassandra.loading import LoadCheckpoint
from rollup_bench.engines.contract import Plan, Session, Where
from rollup_bench.errors import FailureError
from rollup_bench.harness.conformance import strategies
from rollup_bench.harness.conformance.tested_engine import RANDOM, EngineUnderTest, few, packed
from rollup_bench.servers import Server
from rollup_bench.servers.budget import Budget
from rollup_bench.servers.watch import Watch
from rollup_bench.workloads import dataset, layouts
from rollup_bench.workloads.dataset import Dataset
from rollup_bench.workloads.events import Events

DATASET = """
title = "Random events"
[source]
path = "in memory"
[columns]
time = { name = "when" }
subject = "user"
action = "did"
dimensions = ["country", "level", "case"]
measures = ["gold", "huge", "score"]
"""
BODIES = [
    'kind = "aggregate"\ngrain = "day"\nby = ["country"]\nmeasures = ["distinct(user)", "count()", "sum(huge)"]',
    'kind = "aggregate"\nby = ["level"]\nmeasures = ["quantile(score, 0.9)", "mean(gold)"]\nwhere = { did = "$did" }',
    'kind = "aggregate"\ngrain = "month"\nby = ["did"]\nsubtotals = "cube"\n'
    'measures = ["distinct(country)", "max(score)"]',
    'kind = "aggregate"\nby = ["user", "did"]\nmeasures = ["sum(score)", "count()"]\ntop = 3\nwhere = { did = "$did" }',
    'kind = "aggregate"\nmeasures = ["sum(gold)", "max(score)", "count()"]\nwhere = { did = "$did" }',
    'kind = "aggregate"\ngrain = "hour"\nmeasures = ["count()"]\nwhere = { gold = { ge = 0 }, did = "$did" }',
    'kind = "aggregate"\ngrain = "month"\nby = ["country"]\nmeasures = ["distinct(user)", "distinct(did)", "count()"]',
    'kind = "aggregate"\ngrain = "week"\nmeasures = ["distinct(user)", "mean(score)"]\nwhere = { did = "$did" }',
    'kind = "aggregate"\ngrain = "quarter"\nby = ["level"]\nmeasures = ["quantile(gold, 0.5)", "distinct(user)"]',
    'kind = "cohort"\ngrain = "day"\nage = { unit = "day", count = 5 }',
    'kind = "cohort"\ngrain = "day"\nage = { unit = "day", count = 9 }\ncumulative = true',
    'kind = "cohort"\ngrain = "day"\nage = { unit = "day", count = 4 }\nmeasure = "sum(gold)"\ncumulative = true',
    'kind = "cohort"\ngrain = "month"\nage = { unit = "month", count = 6 }\nretention = "unbounded"\nrepeat = true',
    'kind = "cohort"\nby = "country"\nage = { unit = "week", count = 6 }\nmeasure = "sum(huge)"\n'
    'birth = { did = "open" }',
    'kind = "cohort"\nby = "level"\nage = { unit = "hour", count = 8, clock = "elapsed" }\nreturns = { did = "buy" }',
    'kind = "cohort"\ngrain = "week"\nage = { unit = "day", count = 1, width = "$width", clock = "elapsed" }\n'
    "repeat = true",
    'kind = "cohort"\ngrain = "month"\nage = { unit = "week", count = 5 }\nmeasure = "sum(gold)"\n'
    'birth = { score = { ge = "$limit" } }\nreturns = { score = { lt = "$limit" }, did = "buy" }',
    'kind = "aggregate"\nby = ["level"]\nmeasures = ["count()", "max(score)"]\nwhere = { gold = { gt = "$whole" } }',
    'kind = "funnel"\nsteps = [{ did = "open" }, {}, { country = { null = false } }]\n'
    'window = "$window"\nby = ["level"]',
    'kind = "funnel"\nsteps = [{ gold = { le = "$whole" } }, { gold = { ge = 1 } }]\nwindow = 8_000_000\nby = ["did"]',
]
PARAMETERS = {"did": "buy", "width": 30, "limit": 0.5, "whole": 1, "window": 100_000}
"""The parameters other than dates and their defaults."""


@dataclass(repr=False)
class Asked:
    """The dataset's tuned layout, loaded by a load that resumed an interrupted one."""

    subject: EngineUnderTest
    dataset: Dataset
    events: Events
    plan: Plan
    session: Session


def written() -> str:
    """The dataset with its questions, each in a zone of its own."""
    text = DATASET
    for number, body in enumerate(BODIES):
        zone = strategies.ZONES[number % len(strategies.ZONES)]
        text += f'[[questions]]\nname = "q{number}"\nzone = "{zone}"\n{body}\n'
        text += 'until = "$until"\n' if "cohort" in body else ""
        text += "[questions.parameters]\nstart = 1950-01-01\nend = 2030-01-01\n"
        text += "until = 2031-01-01\n" if "cohort" in body else ""
        text += "".join(f"{name} = {value!r}\n" for name, value in PARAMETERS.items() if f"${name}" in body)
    return text


@pytest.fixture(scope="module")
def asked(cassandra_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    home: Path = tmp_path_factory.mktemp("layouts")
    file = home / "random.toml"
    file.write_text(written())
    read, kept = dataset.parse(file), packed()
    engine = Cassandra(cassandra_server, home, Budget(cores=2, memory=3 << 30))
    subject = EngineUnderTest(engine, home, 0)
    plan = engine.plan(read, layouts.tuned, kept.statistics)
    engine.drop(plan)
    said: list[str] = []

    def cut_off(text: str) -> None:
        said.append(text)
        if len(said) == 5:
            raise FailureError(text)

    with pytest.raises(FailureError, match=r"rows, [\d,]+ a second"):
        engine.load(plan, kept, Watch(cut_off))
    assert 0 < len(LoadCheckpoint(engine._driver, plan).rows) < len(plan.tables.tables)
    engine.load(plan, kept, subject.watch())
    with engine.session(plan) as session:
        yield Asked(subject, read, kept, plan, session)
    engine.drop(plan)
    engine.close()


def test_every_question_has_its_own_tables(asked: Asked) -> None:
    assert asked.plan.tables.events is None
    supports = [
        asked.subject.engine.support(template.fill(), asked.plan) for template in asked.dataset.questions.values()
    ]
    assert {s.where for s in supports} == {Where.INGEST, Where.SERVER, Where.CLIENT}
    assert {s.tables[0].rstrip("0123456789") for s in supports if s.where is Where.CLIENT} == {"slices"}


@given(
    st.integers(0, len(BODIES) - 1),
    st.none() | st.lists(st.integers(-10, 12_000), min_size=2, max_size=2, unique=True),
    st.sampled_from([0, 1, 40, 800, 20_000]),
    st.fixed_dictionaries(
        {
            "did": st.sampled_from(["open", "buy", "nothing"]),
            "width": st.integers(1, 500),
            "limit": st.sampled_from([-1.0, -0.0, 0.0, 100.5]),
            "whole": st.sampled_from([-(2**63), -5, 0, 7, 2**63 - 1]),
            "window": st.sampled_from([1, 90_000, 10**9]),
        }
    ),
)
def test_tables_planned_for_questions(
    asked: Asked, number: int, ends: list[int] | None, days: int, others: dict[str, Any]
) -> None:
    template = asked.dataset.questions[f"q{number}"]
    start, end = map(moment, sorted(ends or (-50_000, 22_000)))
    values = others | {"start": start, "end": end, "until": end + timedelta(days=days)}
    question = template.fill({n: v for n, v in values.items() if n in template.parameters})
    asked.subject.check(asked.session, asked.plan, asked.events, question)


def moment(half_days: int) -> datetime:
    """Local midnights and noons, since 1999."""
    return datetime(1999, 1, 1) + timedelta(hours=12 * half_days)


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
