"""The README's tables: of the reports and of the run that are kept here, and of nothing else."""

import re
from pathlib import Path

import msgspec
import pytest

from harness.clock.findings import Run, spreads
from harness.conformance.report import Outcome, Report
from harness.readme import BEGIN, END, markdown, read, write
from harness.tables import milliseconds
from workloads.errors import RequestError

ROOT = Path(__file__).parents[1]
KEPT = sorted(ROOT.glob("engines/*/verified.json"))


def kept(folder: Path, outcome: Outcome) -> Path:
    path = folder / "verified.json"
    path.write_bytes(msgspec.json.encode(Report("mine", "1", [outcome], [])))
    return path


def test_the_readme_has_the_table_of_the_reports_that_are_kept() -> None:
    shown = (ROOT / "README.md").read_text("utf-8").partition(BEGIN)[2].partition(END)[0]
    assert shown.strip() == markdown([read(path) for path in KEPT]), "make readme"


def test_only_what_is_between_the_marks_is_written(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    write(page, [read(path) for path in KEPT])
    assert page.read_text().startswith(f"before\n{BEGIN}\n| question | cassandra/raw |")
    assert re.search(rf" duckdb [\d.]+\.\n{END}\nafter\n$", page.read_text())
    page.write_text("no marks\n")
    with pytest.raises(RequestError, match=r"page\.md: no place for the table"):
        write(page, [])


def test_a_report_with_a_failed_check_promises_nothing(tmp_path: Path) -> None:
    whole = Outcome("counts", "", "passed", "", 1, 0, 0.1)
    assert read(kept(tmp_path, whole)).engine == "mine"
    failed = kept(tmp_path, msgspec.structs.replace(whole, ended="failed"))
    with pytest.raises(RequestError, match=r"verified\.json: mine failed a check"):
        read(failed)
    failed.write_text("{}")
    with pytest.raises(RequestError, match=r"verified\.json is no report: make one with `rollup-bench verify"):
        read(failed)


def test_the_medians_in_the_readme_are_those_of_the_run_that_it_names() -> None:
    found = spreads(Run.read(ROOT / "results/vm/flights-standard.jsonl"))
    section = (ROOT / "README.md").read_text("utf-8").partition("## What one run says")[2].partition("\n## ")[0]
    header, _, *rows = (
        [cell.strip(" *") for cell in line.split("|")[1:-1]] for line in re.findall(r"^\|.*", section, re.M)
    )
    shown = {(row[0].split("`")[1], arm): cell for row in rows for arm, cell in zip(header[1:], row[1:], strict=True)}
    timed = {(cell.question, cell.arm): milliseconds(one.median) for cell, one in found.items() if cell.cache == "hot"}
    assert shown == timed
