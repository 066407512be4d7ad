"""Writes the table of what each engine supports into a page, from stored reports of the conformance kit.

`python -m rollup_bench.harness.report.readme README.md REPORT.json...` replaces what is between BEGIN and END.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from rollup_bench.errors import RequestError
from rollup_bench.harness.conformance import support
from rollup_bench.harness.conformance.report import Report
from rollup_bench.harness.report.terminal import ended
from rollup_bench.workloads import dataset

BEGIN, END = "<!-- written by make readme -->", "<!-- end of what make readme writes -->"


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
    heading, *rest = (f"| {' | '.join(row)} |" for row in rows)
    notes = [f"{number}. {reason}" for number, reason in enumerate(reasons, 1)]
    engines = [f"{report.engine} {report.version}" for report in reports]
    caption = f"All questions of {', '.join(dataset.offline())}, asked of {', '.join(engines)}."
    return "\n".join([heading, f"|{' --- |' * len(rows[0])}", *rest, "", *notes, *[""] * bool(notes), caption])


def write(page: Path, reports: Sequence[Report]) -> None:
    """Writes the table between the lines BEGIN and END of a page; RequestError if the page lacks these lines."""
    before, begin, rest = page.read_text("utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise RequestError(f"{page}: no place for the table: add the lines `{BEGIN}` and `{END}`")
    page.write_text(f"{before}{begin}\n{markdown(reports)}\n{end}{after}", "utf-8")


def main() -> None:
    """Writes the table into the page that the command line names first, from the reports that it names next."""
    page, *files = map(Path, sys.argv[1:])
    ended(lambda: write(page, [read(file) for file in files]))


if __name__ == "__main__":
    main()
