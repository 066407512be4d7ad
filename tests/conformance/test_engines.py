"""Every engine through every check of the kit; and an answer that nobody holds is freed at once."""

import gc
from pathlib import Path

import pytest
from conftest import conforms

from engines.contract import Engine, Session
from harness.conformance import checks
from harness.conformance.subject import Subject, packed
from workloads.questions import Aggregate, Question

ANSWERS, TURNS = 20, 5


@pytest.mark.parametrize("check", checks.ALL, ids=lambda check: check.__name__)
def test_conformance(engine: Engine, check: checks.Check, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    conforms(check, Subject(engine, tmp_path, request.config.getoption("--examples")))


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
