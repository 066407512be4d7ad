"""The report of mutation testing: the score, the survivors, and the arguments that match none."""

from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

pytest.importorskip("mutmut", reason="the oldest versions have no mutmut, which needs a newer click")
from experiments import mutants
from experiments.mutants import Result, Survivor, main, report

MODULE = "harness/stats/abba.py"
CHANGED = Survivor(MODULE, "original", "return arm.removesuffix(AGAIN)", "return arm.removesuffix(None)")
ENTRY = """
[[mutants]]
module = "harness/stats/abba.py"
function = "original"
before = "return arm.removesuffix(AGAIN)"
after = ["return arm.removesuffix(None)"]
why = "No arm has a second name."
"""


def reported(
    survivors: list[Survivor], entries: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[int, str]:
    """The exit status and what is printed of a module with ten mutants, of which one timed out."""
    (tmp_path / "equivalent.toml").write_text(entries)
    monkeypatch.setattr(mutants, "EQUIVALENT", tmp_path / "equivalent.toml")
    out = StringIO()
    return report([Result(MODULE, 10, 1, survivors)], Console(file=out, width=80)), out.getvalue()


def test_a_survivor_without_an_argument_is_shown_with_its_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    status, said = reported([CHANGED], "mutants = []", tmp_path, monkeypatch)
    assert status == 1
    assert said.split("\n\n")[1].split("\n") == [
        "harness/stats/abba.py:23 original",
        "- return arm.removesuffix(AGAIN)",
        "+ return arm.removesuffix(None)",
        "  not in equivalent.toml",
        "",
    ]
    assert [line.split() for line in said.splitlines()[1:3]] == [
        [MODULE, "10", "8", "1", "1", "0", "90.0%"],
        ["all", "10", "8", "1", "1", "0", "90.0%"],
    ]


def test_a_survivor_with_an_argument_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    status, said = reported([CHANGED], ENTRY, tmp_path, monkeypatch)
    assert status == 0
    assert "No arm has a second name." in said
    assert said.splitlines()[1].split() == [MODULE, "10", "8", "1", "1", "1", "90.0%"]


def test_an_argument_without_a_survivor_is_to_be_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    status, said = reported([], ENTRY, tmp_path, monkeypatch)
    assert status == 1
    assert "equivalent.toml: no survivor matches an entry; remove it" in said
    assert reported([], ENTRY.replace(MODULE, "harness/run/null.py"), tmp_path, monkeypatch)[0] == 0


def test_a_path_without_a_module_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["harness/none.py"]) == 2
    assert "harness/none.py: no such module; give the beginning of one of workloads/truth" in capsys.readouterr().err


def test_each_argument_is_about_a_line_that_the_code_has() -> None:
    assert [one for one in mutants._arguments() if one.line == 1] == []
