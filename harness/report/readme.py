"""The table of what each engine supports, in a page: of the reports of the conformance kit that are kept.

`python -m rollup_bench.harness.report.readme README.md REPORT.json...` writes it between the two lines that mark its
place.
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
    """A report that is kept. RequestError where it is none, where a check failed or a question was not asked."""
    try:
        report = msgspec.json.decode(path.read_bytes(), type=Report)
    except (OSError, msgspec.MsgspecError) as error:
        known = "make one with `rollup-bench verify ENGINE --format json`"
        raise RequestError(f"{path} is no report: {known} ({error})") from None
    if not report.passed:
        raise RequestError(f"{path}: {report.engine} failed a check: verify it again once that is mended")
    asked = {(one.dataset, one.question) for one in report.built_in}
    if missing := [
        name for name in dataset.built_in() if any((name, one) not in asked for one in dataset.read(name).questions)
    ]:
        raise RequestError(
            f"{path}: {report.engine} was not asked all of {', '.join(missing)}: make all, and verify it again"
        )
    return report


def markdown(reports: Sequence[Report]) -> str:
    """The table, the reasons that its numbers stand for, and of what it was made."""
    rows, reasons = support.table({report.engine: report.built_in for report in reports})
    heading, *rest = (f"| {' | '.join(row)} |" for row in rows)
    notes = [f"{number}. {reason}" for number, reason in enumerate(reasons, 1)]
    engines = [f"{report.engine} {report.version}" for report in reports]
    made = f"All questions of {', '.join(dataset.built_in())}, asked of {', '.join(engines)}."
    return "\n".join([heading, f"|{' --- |' * len(rows[0])}", *rest, "", *notes, *[""] * bool(notes), made])


def write(page: Path, reports: Sequence[Report]) -> None:
    """Puts the table between the marks of the page; RequestError where it has none."""
    before, begin, rest = page.read_text("utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise RequestError(f"{page}: no place for the table, which is between `{BEGIN}` and `{END}`")
    page.write_text(f"{before}{begin}\n{markdown(reports)}\n{end}{after}", "utf-8")


def main() -> None:
    """The page, then the reports."""
    page, *files = map(Path, sys.argv[1:])
    ended(lambda: write(page, [read(file) for file in files]))


if __name__ == "__main__":
    main()
