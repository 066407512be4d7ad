"""Prints the report of the conformance kit in the terminal."""

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from rollup_bench.harness.conformance import support
from rollup_bench.harness.conformance.report import End, Report
from rollup_bench.harness.report.terminal import say_omitted

WIDE = 100
"""The terminal width, in characters, from which the table shows what each check demands."""
_STYLES: dict[End, str] = {"passed": "green", "failed": "bold red", "does not apply": "dim"}
_COUNTED = ("answered", "refused", "seconds")
_DEMANDS = "what it demands"


def show(report: Report, console: Console) -> None:
    """Prints the report; on a terminal narrower than WIDE, without what each check demands."""
    console.print(Text(f"{report.engine} {report.version}", style="bold"))
    wide = console.width >= WIDE
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("check", "", *_COUNTED, *([_DEMANDS] if wide else [])):
        table.add_column(heading, justify="right" if heading in _COUNTED else "left")
    for outcome in report.outcomes:
        counts = f"{outcome.answered:,}", f"{outcome.refused:,}", f"{outcome.seconds:.1f}"
        ended = Text(outcome.ended, style=_STYLES[outcome.ended])
        table.add_row(outcome.check, ended, *counts, *([outcome.demands] if wide else []))
    console.print(table)
    if not wide:
        say_omitted([_DEMANDS], console)
    for line in _lines(report):
        console.print(line)
    if report.passed and report.built_in:
        _show_support(report, console)
    console.print(_total(report))


def _lines(report: Report) -> list[Text]:
    """Returns lines on failed checks, then on checks that do not apply, then on what other checks did not ask."""
    failed: dict[str, list[str]] = {}
    idle, notes = [], []
    for outcome in report.outcomes:
        if outcome.ended == "failed":
            failed.setdefault(outcome.seen, []).append(outcome.check)
        if outcome.ended == "does not apply":
            idle.append(Text(f"{outcome.check} does not apply: {outcome.seen}"))
        else:
            notes += [Text(f"{outcome.check}: {note}") for note in outcome.notes]
    failures = [Text.assemble((", ".join(checks), "bold red"), ": ", seen) for seen, checks in failed.items()]
    return [*failures, *idle, *notes]


def _total(report: Report) -> Text:
    total = report.total
    ended = f"{total['passed']} passed, {total['failed']} failed, {total['does not apply']} do not apply"
    asked = f"{total['answered']:,} answered right, {total['refused']:,} refused (which proves nothing)"
    return Text(f"Checks: {ended}. Questions: {asked}.")


def _show_support(report: Report, console: Console) -> None:
    (heading, *rows), reasons = support.table({report.engine: report.built_in})
    datasets = ", ".join(sorted({question.dataset for question in report.built_in}))
    console.print(
        f"Where the engine aggregates the events for each kind of question of {datasets}, with counts of questions."
    )
    console.print("`roll-up` is whichever roll-up of the dataset supports the question best.")
    table = Table(*heading, box=box.SIMPLE_HEAD, pad_edge=False)
    for row in rows:
        table.add_row(*map(Text, row))
    console.print(table)
    for number, reason in enumerate(reasons, 1):
        console.print(Text(f"{number}. {reason}"))
