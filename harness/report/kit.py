"""The report of the conformance kit as a person reads it."""

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from rollup_bench.harness.conformance import support
from rollup_bench.harness.conformance.report import End, Report
from rollup_bench.harness.report.terminal import spared

WIDE = 100
"""Columns of a terminal that has room for what each check demands."""
_STYLES: dict[End, str] = {"passed": "green", "failed": "bold red", "does not apply": "dim"}
_COUNTED = ("answered", "refused", "seconds")
_WORDS = "what it demands"


def show(report: Report, console: Console) -> None:
    """The report for people; on a narrow terminal without what each check demands."""
    console.print(Text(f"{report.engine} {report.version}", style="bold"))
    wide = console.width >= WIDE
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("check", "", *_COUNTED, *([_WORDS] if wide else [])):
        table.add_column(heading, justify="right" if heading in _COUNTED else "left")
    for one in report.outcomes:
        counts = f"{one.answered:,}", f"{one.refused:,}", f"{one.seconds:.1f}"
        ended = Text(one.ended, style=_STYLES[one.ended])
        table.add_row(one.check, ended, *counts, *([one.demands] if wide else []))
    console.print(table)
    if not wide:
        spared([_WORDS], console)
    for line in _lines(report):
        console.print(line)
    if report.passed and report.built_in:
        _show_support(report, console)
    console.print(_total(report))


def _lines(report: Report) -> list[Text]:
    """What failed, what does not apply and why, and what was left out."""
    failed = [Text.assemble((", ".join(names), "bold red"), ": ", seen) for seen, names in _findings(report).items()]
    idle = [Text(f"{one.check} does not apply: {one.seen}") for one in report.outcomes if one.ended == "does not apply"]
    notes = [
        Text(f"{one.check}: {note}") for one in report.outcomes if one.ended != "does not apply" for note in one.notes
    ]
    return [*failed, *idle, *notes]


def _total(report: Report) -> Text:
    total = report.total
    ended = f"{total['passed']} passed, {total['failed']} failed, {total['does not apply']} do not apply"
    asked = f"{total['answered']:,} answered right, {total['refused']:,} refused (which proves nothing)"
    return Text(f"Checks: {ended}. Questions: {asked}.")


def _show_support(report: Report, console: Console) -> None:
    (heading, *rows), reasons = support.table({report.engine: report.built_in})
    datasets = ", ".join(sorted({one.dataset for one in report.built_in}))
    console.print(
        f"Where the questions of {datasets} run, by kind and how many they are; `roll-up` is the best of each."
    )
    table = Table(*heading, box=box.SIMPLE_HEAD, pad_edge=False)
    for row in rows:
        table.add_row(*map(Text, row))
    console.print(table)
    for number, reason in enumerate(reasons, 1):
        console.print(Text(f"{number}. {reason}"))


def _findings(report: Report) -> dict[str, list[str]]:
    """What was seen, with the checks that failed by it."""
    found: dict[str, list[str]] = {}
    for one in report.outcomes:
        if one.ended == "failed":
            found.setdefault(one.seen, []).append(one.check)
    return found
