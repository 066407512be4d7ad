"""Every engine passes every check of the kit; and an answer that nobody holds is freed at once."""

import gc
from collections.abc import Iterator
from contextlib import closing

import pytest

from rollup_bench.engines import folder
from rollup_bench.engines.contract import Engine, Session
from rollup_bench.harness.conformance import checks
from rollup_bench.harness.conformance.scripted_events import COUNT, JUNE
from rollup_bench.harness.conformance.support import LAYOUTS, SAMPLE, BuiltIn
from rollup_bench.harness.conformance.tested_engine import EngineUnderTest, packed
from rollup_bench.harness.report.readme import read
from rollup_bench.workloads.questions import Aggregate, Question
from tests.support import ROOT

ANSWERS, TURNS = 20, 5
NOT_APPLICABLE = {(engine, "server_gone") for engine in ("clickhouse", "duckdb")} | {
    (engine, "cached_answers") for engine in ("clickhouse", "duckdb", "duckdb-served", "cassandra", "spark")
}
"""The checks that are about something that an engine does not have."""
FEWER = {"cassandra": 100, "clickhouse": 100, "druid": 100, "spark": 20}
"""The most random examples of engines that take long to answer; `verify` asks more."""


@pytest.fixture(scope="module")
def subject(
    engine: Engine, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[EngineUnderTest]:
    """One for all checks of an engine, so that they share loads."""
    options = request.config.getoption
    examples = min(options("--examples"), FEWER.get(engine.name, options("--examples")))
    with closing(EngineUnderTest(engine, tmp_path_factory.mktemp("kit"), examples, options("--whole"))) as opened:
        yield opened


def test_answers_leave_nothing_to_the_garbage_collector(subject: EngineUnderTest) -> None:
    """Where it leaves something, it does so every time; a client library's own threads do now and then."""
    question = Aggregate(JUNE, (COUNT,), by=("country",))
    with subject.engine.session(subject.shared(packed())) as session:
        session.ask(question)
        assert any(_garbage(session, question) < ANSWERS for _ in range(TURNS))


@pytest.mark.parametrize("check", checks.ALL, ids=lambda check: check.__name__)
def test_conformance(subject: EngineUnderTest, check: checks.Check) -> None:
    try:
        check(subject)
    except checks.DoesNotApply as reason:
        if (subject.engine.name, check.__name__) not in NOT_APPLICABLE:
            pytest.fail(str(reason))
        pytest.skip(str(reason))


def test_the_stored_report_says_what_the_engine_says(subject: EngineUnderTest) -> None:
    """The README shows the stored report: which of the built-in questions the locked version supports, and where."""
    if not subject.built_in:
        checks.built_in_questions(subject)
    name = f"engines/{folder(subject.engine.name).name}/verified.json"
    stored, again = read(ROOT / name), f"rollup-bench verify {subject.engine.name} --format json > {name}"
    assert stored.version == subject.engine.version, again
    assert stored.built_in == subject.built_in, again


def test_the_sample_has_each_kind_of_question_wherever_an_engine_answers_it() -> None:
    stored = [one for path in ROOT.glob("engines/*/verified.json") for one in read(path).built_in if one.where]
    answered = {(one.kind, _layout(one)) for one in stored}
    assert len(answered) > len(LAYOUTS)
    assert answered == {(one.kind, _layout(one)) for one in stored if f"{one.dataset}/{one.question}" in SAMPLE}


def _layout(one: BuiltIn) -> str:
    return one.layout if one.layout in LAYOUTS else "roll-up"


def _garbage(session: Session, question: Question) -> int:
    """How many objects some answers leave."""
    gc.collect()
    gc.disable()
    try:
        for _ in range(ANSWERS):
            session.ask(question)
        return gc.collect()
    finally:
        gc.enable()
