"""Writes tables into a page: what engines support, which stores are chosen, and the figures of a stored run.

`python -m rollup_bench.harness.report.readme PAGE.md RUN.jsonl [REPORT.json...]` replaces the text between the marks of
each section that the page has. Reports are those of the conformance kit.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from rollup_bench.errors import RequestError
from rollup_bench.harness.conformance import support
from rollup_bench.harness.conformance.report import Report
from rollup_bench.harness.records.findings import Run
from rollup_bench.harness.report import readme_run
from rollup_bench.harness.report.terminal import ended
from rollup_bench.workloads import dataset


def marks(section: str) -> tuple[str, str]:
    """Returns the lines before and after the text of a section."""
    return f"<!-- {section}, written by make readme -->", f"<!-- end of {section} -->"


def read(path: Path) -> Report:
    """Reads a report from a file; RequestError if the report is invalid, has a failed check, or lacks a question."""
    try:
        report = msgspec.json.decode(path.read_bytes(), type=Report)
    except (OSError, msgspec.MsgspecError) as error:
        remedy = "make one with `rollup-bench verify ENGINE --format json`"
        raise RequestError(f"{path} is not a report: {remedy} ({error})") from None
    if not report.passed:
        raise RequestError(f"{path}: {report.engine} failed a check: fix it, then run `verify` again")
    asked = {(support.dataset, support.question) for support in report.built_in}
    questions = {(name, question) for name in dataset.offline() for question in dataset.read(name).questions}
    if missing := ", ".join(sorted({name for name, _ in questions - asked})):
        raise RequestError(f"{path}: {report.engine} was not asked all of {missing}: run `make all` and `verify` again")
    return report


def markdown(reports: Sequence[Report]) -> str:
    """Returns as Markdown the support table, the numbered reasons for refusals, and the datasets and engines."""
    rows, reasons = support.table({report.engine: report.built_in for report in reports})
    notes = [f"{number}. {reason}" for number, reason in enumerate(reasons, 1)]
    engines = [f"{report.engine} {report.version}" for report in reports]
    caption = f"All questions of {', '.join(dataset.offline())}, asked of {', '.join(engines)}."
    return "\n".join([readme_run.table(rows), "", *notes, *[""] * bool(notes), caption])


def sections(page: Path, run: Path, reports: Sequence[Path]) -> dict[str, str]:
    """Returns the text of each section that a page has."""
    measured, whole = Run.read(run), page.read_text("utf-8")
    texts: dict[str, Callable[[], str]] = {
        "choices": lambda: readme_run.choices(measured, str(run)),
        "stores": lambda: readme_run.stores(measured),
        "results": lambda: readme_run.results(measured),
        "support": lambda: markdown([read(path) for path in reports]),
    }
    return {section: text() for section, text in texts.items() if marks(section)[0] in whole}


def write(page: Path, texts: Mapping[str, str]) -> None:
    """Writes the text of each section between its marks in a page; RequestError if the page lacks these lines."""
    whole = page.read_text("utf-8")
    for section, text in texts.items():
        begin, end = marks(section)
        before, _, rest = whole.partition(begin)
        _, found, after = rest.partition(end)
        if not found:
            raise RequestError(f"{page}: no place for {section}: add the lines `{begin}` and `{end}`")
        whole = f"{before}{begin}\n{text}\n{end}{after}"
    page.write_text(whole, "utf-8")


def main() -> None:
    """Writes all sections of the page that the command line names first, from the run and the reports named next."""
    page, run, *reports = map(Path, sys.argv[1:])
    ended(lambda: write(page, sections(page, run, reports)))


if __name__ == "__main__":
    main()
