"""What the checks showed, in words and as JSON."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Literal

import msgspec
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from rollup_bench.engines.mistakes import MistakeError, folder, raised
from rollup_bench.harness.cli.terminal import spared
from rollup_bench.harness.conformance import checks, support
from rollup_bench.harness.conformance.subject import Subject
from rollup_bench.harness.conformance.support import BuiltIn
from rollup_bench.harness.report.first_look import WIDE

End = Literal["passed", "failed", "does not apply"]
_STYLES: dict[End, str] = {"passed": "green", "failed": "bold red", "does not apply": "dim"}
_COUNTED = ("answered", "refused", "seconds")
_WORDS = "what it demands"


class Outcome(msgspec.Struct, frozen=True):
    """One check: its name, what it demands, how it ended, and how many questions were answered right and refused.

    `seen` says why a check failed or does not apply; `notes` say what a check left out.
    """

    check: str
    demands: str
    ended: End
    seen: str
    answered: int
    refused: int
    seconds: float
    notes: list[str] = []


class Report(msgspec.Struct, frozen=True):
    """All checks of one engine, and what it made of the built-in questions as far as they were asked."""

    engine: str
    version: str
    outcomes: list[Outcome]
    built_in: list[BuiltIn]

    @property
    def passed(self) -> bool:
        """Whether no check failed."""
        return all(one.ended != "failed" for one in self.outcomes)

    @property
    def total(self) -> dict[str, int]:
        """How many checks ended in each way, and how many questions were answered right and refused in all of them."""
        ended = Counter(one.ended for one in self.outcomes)
        asked = {name: sum(getattr(one, name) for one in self.outcomes) for name in ("answered", "refused")}
        return {end: ended[end] for end in _STYLES} | asked


def verified(
    subject: Subject, wanted: Sequence[checks.Check] = (), say: Callable[[str], None] = lambda _text: None
) -> Report:
    """Runs the checks, all of them unless some are named, and drops the loads that they share."""
    version, chosen = subject.engine.version, wanted or checks.ALL
    outcomes = []
    with closing(subject):
        for number, check in enumerate(chosen, 1):
            say(f"{subject.engine.name}: {_name(check)}, check {number} of {len(chosen)}")
            outcomes.append(_outcome(check, subject))
    return Report(subject.engine.name, version, outcomes, subject.built_in)


def encoded(report: Report) -> str:
    """The report as JSON, with the total of its checks."""
    return msgspec.json.format(msgspec.json.encode(msgspec.to_builtins(report) | {"total": report.total})).decode()


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


def _outcome(check: checks.Check, subject: Subject) -> Outcome:
    began, answered, refused = time.perf_counter(), len(subject.answered), len(subject.refused)
    ended: End = "passed"
    seen = ""
    try:
        check(subject)
    except checks.DoesNotApply as reason:
        ended, seen = "does not apply", str(reason)
    except Exception as error:  # whatever an engine raises is a finding about it
        ended, seen = "failed", _said(error, folder(type(subject.engine)))
    return Outcome(
        check=_name(check),
        demands=check.__doc__ or "",
        ended=ended,
        seen=seen,
        answered=len(subject.answered) - answered,
        refused=len(subject.refused) - refused,
        seconds=round(time.perf_counter() - began, 1),
        notes=list(subject.notes),
    )


def _name(check: checks.Check) -> str:
    return check.__name__.replace("_", " ")


def _said(error: BaseException, adapter: Path) -> str:
    """What a check says; of what an engine raises also where."""
    said = str(error) if isinstance(error, AssertionError | MistakeError) else ""
    return "\n".join([said or raised(error, adapter), *getattr(error, "__notes__", [])])
