"""The README's tables: of the reports and of the run that are kept here, and of nothing else."""

import re
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from rollup_bench.engines.contract import Where
from rollup_bench.errors import RequestError
from rollup_bench.harness.conformance.report import Outcome, Report
from rollup_bench.harness.conformance.support import BuiltIn
from rollup_bench.harness.records.findings import Run, timings
from rollup_bench.harness.report.grid import milliseconds
from rollup_bench.harness.report.readme import BEGIN, END, markdown, read, write
from rollup_bench.workloads import dataset
from tests.support import ROOT

KEPT = sorted(ROOT.glob("engines/*/verified.json"))


PASSED = Outcome("counts", "", "passed", "", 1, 0, 0.1)
BUILT_IN = [
    BuiltIn(name, "raw", question, "counts and sums", Where.PROCESS, "", ruled=False)
    for name in dataset.offline()
    for question in dataset.read(name).questions
]
WHOLE = Report("mine", "1", [PASSED], BUILT_IN)
PAGE = """before
<!-- written by make readme -->
| question | mine/raw |
| --- | --- |
| counts and sums (60) | in process |

All questions of cdnow, flights, game, asked of mine 1.
<!-- end of what make readme writes -->
after
"""


def kept(folder: Path, report: Report) -> Path:
    path = folder / "verified.json"
    path.write_bytes(msgspec.json.encode(report))
    return path


def test_the_readme_has_the_table_of_the_reports_that_are_kept() -> None:
    shown = (ROOT / "README.md").read_text("utf-8").partition(BEGIN)[2].partition(END)[0]
    assert shown.strip() == markdown([read(path) for path in KEPT]), "make readme"


def test_only_what_is_between_the_marks_is_written(tmp_path: Path) -> None:
    page, report = tmp_path / "page.md", read(kept(tmp_path, WHOLE))
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    write(page, [report])
    assert page.read_text() == PAGE
    page.write_text("no marks\n")
    with pytest.raises(RequestError, match=r"page\.md: no place for the table"):
        write(page, [report])


@pytest.mark.parametrize(
    ("report", "said"),
    [
        (replace(WHOLE, outcomes=[replace(PASSED, ended="failed")]), "mine failed a check: fix it"),
        (replace(WHOLE, built_in=BUILT_IN[1:]), "mine was not asked all of cdnow: run `make all`"),
    ],
)
def test_a_report_that_is_not_whole_promises_nothing(report: Report, said: str, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=rf"verified\.json: {said}"):
        read(kept(tmp_path, report))


def test_what_is_no_report(tmp_path: Path) -> None:
    path = tmp_path / "verified.json"
    path.write_text("{}")
    with pytest.raises(RequestError, match=r"verified\.json is not a report: make one with `rollup-bench verify"):
        read(path)


def test_the_medians_in_the_readme_are_those_of_the_run_that_it_names() -> None:
    found = timings(Run.read(ROOT / "results/vm/flights-standard.jsonl"))
    section = (ROOT / "README.md").read_text("utf-8").partition("## Results of one run")[2].partition("\n## ")[0]
    header, _, *rows = (
        [cell.strip(" *") for cell in line.split("|")[1:-1]] for line in re.findall(r"^\|.*", section, re.M)
    )
    shown = {(row[0].split("`")[1], arm): cell for row in rows for arm, cell in zip(header[1:], row[1:], strict=True)}
    timed = {(cell.question, cell.arm): milliseconds(one.median) for cell, one in found.items() if cell.cache == "hot"}
    assert shown == timed
