"""The README's tables: of the reports and of the run that are stored here, and of nothing else."""

from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from rollup_bench.engines.contract import Where
from rollup_bench.errors import RequestError
from rollup_bench.harness.conformance.report import Outcome, Report
from rollup_bench.harness.conformance.support import BuiltIn
from rollup_bench.harness.report.readme import markdown, marks, read, sections, write
from rollup_bench.workloads import dataset
from tests.support import ROOT

STORED_REPORTS = sorted(ROOT.glob("engines/*/verified.json"))
STORED = {
    "README.md": ("flights-standard", STORED_REPORTS, {"choices", "results", "support"}),
    "docs/ten-million.md": ("game-tuned", [], {"stores", "results"}),
    "engines/spark_cassandra/README.md": ("spark-cassandra", [], {"results"}),
}
PASSED = Outcome("counts", "", "passed", "", 1, 0, 0.1)
BUILT_IN = [
    BuiltIn(name, "raw", question, "counts and sums", Where.PROCESS, "", ruled=False)
    for name in dataset.offline()
    for question in dataset.read(name).questions
]
WHOLE = Report("mine", "1", [PASSED], BUILT_IN)
TABLE = """| question | mine/raw |
| --- | --- |
| counts and sums (60) | in process |

All questions of cdnow, flights, game, asked of mine 1."""


def stored(folder: Path, report: Report) -> Path:
    path = folder / "verified.json"
    path.write_bytes(msgspec.json.encode(report))
    return path


@pytest.mark.parametrize("page", STORED)
def test_a_page_shows_the_stored_run_and_the_stored_reports(page: str) -> None:
    (run, reports, wanted), shown = STORED[page], (ROOT / page).read_text("utf-8")
    written = sections(ROOT / page, Path("results/vm", f"{run}.jsonl"), reports)
    assert written.keys() == wanted
    for section, text in written.items():
        begin, end = marks(section)
        assert shown.partition(begin)[2].partition(end)[0].strip() == text, f"{section}: make readme"


def test_the_table_of_a_report(tmp_path: Path) -> None:
    assert markdown([read(stored(tmp_path, WHOLE))]) == TABLE


def test_only_what_is_between_the_marks_is_written(tmp_path: Path) -> None:
    page, (begin, end) = tmp_path / "page.md", marks("one")
    page.write_text(f"before\n{begin}\nold\n{end}\nafter\n")
    write(page, {"one": "new"})
    assert page.read_text() == f"before\n{begin}\nnew\n{end}\nafter\n"
    with pytest.raises(RequestError, match=r"page\.md: no place for two: add the lines"):
        write(page, {"one": "newer", "two": "text"})
    assert page.read_text() == f"before\n{begin}\nnew\n{end}\nafter\n", (
        "a page that lacks a section is not half-written"
    )


@pytest.mark.parametrize(
    ("report", "said"),
    [
        (replace(WHOLE, outcomes=[replace(PASSED, ended="failed")]), "mine failed a check: fix it"),
        (replace(WHOLE, built_in=BUILT_IN[1:]), "mine was not asked all of cdnow: run `make all`"),
    ],
)
def test_a_report_that_is_not_whole_promises_nothing(report: Report, said: str, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=rf"verified\.json: {said}"):
        read(stored(tmp_path, report))


def test_what_is_no_report(tmp_path: Path) -> None:
    path = tmp_path / "verified.json"
    path.write_text("{}")
    with pytest.raises(RequestError, match=r"verified\.json is not a report: make one with `rollup-bench verify"):
        read(path)
