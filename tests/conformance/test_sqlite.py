"""The engine that CONTRIBUTING builds: from the document alone, through every check, beside an installed package."""

import re
from collections.abc import Iterator
from contextlib import closing
from io import StringIO
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from rollup_bench.engines.contract import Engine
from rollup_bench.harness.conformance import checks, report
from rollup_bench.harness.conformance.tested_engine import EngineUnderTest
from rollup_bench.harness.report import kit
from tests.conftest import BUDGET
from tests.support import ROOT
from tests.support.sqlite import EXAMPLE, SQLITE


def documented() -> str:
    """The Python blocks of the chapter on adding an engine, one after the other."""
    chapter = (ROOT / "CONTRIBUTING.md").read_text("utf-8").partition("## Add an engine")[2].partition("\n## ")[0]
    return "".join(re.findall(r"```python\n(.*?)```", chapter, re.S))


@pytest.fixture(scope="module")
def sqlite(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    return SQLITE(None, tmp_path_factory.mktemp("home"), BUDGET)


def test_the_document_builds_the_example() -> None:
    assert documented() == EXAMPLE.read_text("utf-8")
    assert len(EXAMPLE.read_text("utf-8").splitlines()) < 120


@pytest.fixture(scope="module")
def subject(
    sqlite: Engine, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[EngineUnderTest]:
    examples = request.config.getoption("--examples") // 10  # it answers one random question in seven
    with closing(EngineUnderTest(sqlite, tmp_path_factory.mktemp("kit"), examples)) as opened:
        yield opened


@pytest.mark.parametrize("check", checks.ALL, ids=lambda check: check.__name__)
def test_conformance(subject: EngineUnderTest, check: checks.Check) -> None:
    try:
        check(subject)
    except checks.DoesNotApply as reason:
        pytest.skip(str(reason))


def test_a_report_says_what_was_answered_what_refused_and_what_does_not_apply(sqlite: Engine, tmp_path: Path) -> None:
    wanted = [checks.counts, checks.births, checks.random_roll_ups, checks.server_gone, checks.built_in_questions]
    shown = report.verified(EngineUnderTest(sqlite, tmp_path, 1), wanted)
    *others, built_in = shown.outcomes
    assert [(one.ended, one.answered, one.refused) for one in others] == [
        ("passed", 1, 0),
        ("does not apply", 0, 1),
        ("does not apply", 0, 0),
        ("does not apply", 0, 0),
    ]
    assert built_in.answered >= 11  # of the game; of the flights, whose days are New York's, it answers none
    assert built_in.refused > 11
    assert any(note.startswith("flights/raw was not loaded: the engine supports none of 18") for note in built_in.notes)
    assert shown.passed


@pytest.mark.parametrize(("width", "wide"), [(kit.WIDE, True), (80, False)])
def test_a_report_counts_answers_and_refusals_on_any_terminal(
    sqlite: Engine, tmp_path: Path, width: int, wide: bool
) -> None:
    shown = report.verified(EngineUnderTest(sqlite, tmp_path, 1), [checks.counts, checks.births])
    words = StringIO()
    kit.show(shown, Console(file=words, width=width))
    lines = words.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    assert all(heading in lines[2] for heading in ("answered", "refused"))
    assert ("what it demands" in lines[2]) is wide
    assert ("a wider terminal also shows what it demands" in words.getvalue()) is not wide
    told = " ".join(words.getvalue().split())
    refusal = "births does not apply: every question was refused, 1 of 1 because: only aggregates over raw events"
    assert refusal in told
    total = "Checks: 1 passed, 0 failed, 1 do not apply. Questions: 1 answered right, 1 refused (which proves nothing)"
    assert total in told
    assert msgspec.json.decode(report.encoded(shown))["total"] == {
        "passed": 1,
        "failed": 0,
        "does not apply": 1,
        "answered": 1,
        "refused": 1,
    }
