"""Random questions are drawn until enough were answered; the report says where too few were."""

from collections.abc import Callable
from pathlib import Path

import pytest

from rollup_bench.engines.contract import Engine, Plan, Support, unsupported
from rollup_bench.engines.duckdb.engine import DuckDB
from rollup_bench.harness.conformance import checks, report
from rollup_bench.harness.conformance.report import Outcome
from rollup_bench.harness.conformance.scripted_events import COUNT
from rollup_bench.harness.conformance.tested_engine import EngineUnderTest
from rollup_bench.harness.report.terminal import printed
from rollup_bench.workloads.questions import Aggregate, Question
from tests.conftest import BUDGET
from tests.support.sqlite import SQLITE


def counts_only(engine: Engine, question: Question, plan: Plan) -> Support:
    """Only plain counts are supported."""
    plain = isinstance(question, Aggregate) and question.measures == (COUNT,)
    return SQLITE.support(engine, question, plan) if plain else unsupported("it only counts")


def nothing(_engine: Engine, _question: Question, _plan: Plan) -> Support:
    """No question is supported."""
    return unsupported("it answers nothing")


def outcome(kind: type[Engine], home: Path, check: checks.Check, examples: int) -> Outcome:
    (found,) = report.verified(EngineUnderTest(kind(None, home, BUDGET), home, examples), [check]).outcomes
    return found


def limited(support: Callable[[Engine, Question, Plan], Support]) -> type[Engine]:
    """SQLite with less support."""
    return type("Limited", (SQLITE,), {"support": support})


def test_refused_questions_do_not_count(tmp_path: Path) -> None:
    found = outcome(DuckDB, tmp_path, checks.random_roll_ups, 20)
    assert (found.ended, found.answered, found.notes) == ("passed", 20, [])
    assert found.refused > 0


def test_too_few_answers_are_reported(tmp_path: Path) -> None:
    found = outcome(limited(counts_only), tmp_path, checks.random_questions, 30)
    assert found.ended == "passed"
    assert 0 < found.answered < 30
    assert found.answered + found.refused == 300
    assert found.notes == [f"on raw {found.answered} of 300 random questions were answered"]


def test_a_check_without_an_answer_does_not_apply(tmp_path: Path) -> None:
    found = outcome(limited(nothing), tmp_path, checks.random_questions, 30)
    assert (found.ended, found.answered, found.refused) == ("does not apply", 0, 300)
    assert "on raw 0 of 300 random questions were answered" in found.seen


def test_progress_is_a_line_for_each_check_where_standard_error_is_no_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    subject = EngineUnderTest(SQLITE(None, tmp_path, BUDGET), tmp_path, 1)
    report.verified(subject, [checks.counts, checks.nulls], printed(lambda _: None))
    assert capsys.readouterr() == ("", "sqlite: counts, check 1 of 2\nsqlite: nulls, check 2 of 2\n")
