"""Every engine through every check of the kit; and an answer that nobody holds is freed at once."""

import gc
from pathlib import Path

import pytest
from conftest import conforms

from engines.contract import Engine, Session
from harness.conformance import checks
from harness.conformance.subject import Subject, packed
from harness.readme import read
from workloads.questions import Aggregate, Question

ROOT = Path(__file__).parents[2]
ANSWERS, TURNS = 20, 5


@pytest.mark.parametrize("check", checks.ALL, ids=lambda check: check.__name__)
def test_conformance(engine: Engine, check: checks.Check, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """And what it makes of the built-in questions is what its report says, which is kept for the README."""
    subject = Subject(engine, tmp_path, request.config.getoption("--examples"))
    conforms(check, subject)
    if check is checks.built_in_questions:
        name = f"engines/{engine.name}/verified.json"
        kept, again = read(ROOT / name), f"rollup-bench verify {engine.name} --format json > {name}"
        assert kept.version == engine.version, again
        assert kept.built_in == subject.built_in, again


def test_answers_leave_nothing_to_the_garbage_collector(engine: Engine, tmp_path: Path) -> None:
    """Where it leaves something, it does so every time; a client library's own threads do now and then."""
    question = Aggregate(checks.JUNE, (checks.COUNT,), by=("country",))
    with Subject(engine, tmp_path, 1).loaded(packed()) as plan, engine.session(plan) as session:
        session.ask(question)
        assert min(_garbage(session, question) for _ in range(TURNS)) < ANSWERS


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
