"""Pages whose boxes show what commands print: every figure of the decision comes from a stored run."""

import re
from pathlib import Path

import pytest

from rollup_bench.errors import RequestError
from rollup_bench.harness.records.findings import Run
from rollup_bench.harness.report.outputs import commands, output
from rollup_bench.harness.report.readme import marks, write
from tests.support import ROOT

DECISION = ROOT / "docs" / "decision.md"
RUN = ROOT / "results" / "vm" / "game-standard.jsonl"


@pytest.mark.parametrize("command", commands(DECISION))
def test_the_decision_shows_what_commands_print(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    begin, end = marks(command)
    shown = DECISION.read_text("utf-8").partition(begin)[2].partition(end)[0]
    assert shown.strip() == output(command), "make readme"


def test_the_decision_has_no_figure_outside_of_its_boxes() -> None:
    boxes = [part for command in commands(DECISION) for part in marks(command)]
    page = re.sub(r"```.*?```|`[^`]*`", "", DECISION.read_text("utf-8"), flags=re.DOTALL)
    for mark in boxes:
        page = page.replace(mark, "")
    assert re.findall(r"\b\d+", re.sub(r"<!--.*?-->", "", page)) == []
    assert len(boxes) >= 2 * 3


def test_the_decision_names_the_run_that_was_measured() -> None:
    header = Run.read(RUN).header
    text = DECISION.read_text("utf-8")
    assert f"--dataset {header.dataset} --rows {header.rows}" in text
    assert f"--profile {header.profile}" in text


def test_a_command_that_fails_is_an_error_and_changes_nothing(tmp_path: Path) -> None:
    command = "rollup-bench show nowhere.jsonl"
    page, (begin, end) = tmp_path / "page.md", marks(command)
    page.write_text(f"{begin}\nold\n{end}\n")
    assert commands(page) == [command]
    with pytest.raises(RequestError, match=r"nowhere\.jsonl: No such file"):
        write(page, {name: output(name) for name in commands(page)})
    assert page.read_text() == f"{begin}\nold\n{end}\n"
