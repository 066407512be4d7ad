"""What the checks showed, in words and as JSON."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import msgspec
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from engines.mistakes import MistakeError, folder, raised
from harness.conformance import checks, support
from harness.conformance.subject import Subject
from harness.conformance.support import BuiltIn
from harness.report import WIDE
from harness.terminal import spared

End = Literal["passed", "failed", "does not apply"]
_STYLES: dict[End, str] = {"passed": "green", "failed": "bold red", "does not apply": "dim"}
_COUNTED = ("answered", "refused", "seconds")


class Outcome(msgspec.Struct, frozen=True):
    """One check: its name, what it demands, how it ended and what was seen, questions answered and refused, seconds."""

    check: str
    demands: str
    ended: End
    seen: str
    answered: int
    refused: int
    seconds: float


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


def verified(
    subject: Subject, wanted: Sequence[checks.Check] = (), say: Callable[[str], None] = lambda _text: None
) -> Report:
    """Runs the checks, all of them unless some are named."""
    version, outcomes = subject.engine.version, []
    for check in wanted or checks.ALL:
        say(f"{subject.engine.name}: {check.__name__.replace('_', ' ')}")
        outcomes.append(_outcome(check, subject))
    return Report(subject.engine.name, version, outcomes, subject.built_in)


def show(report: Report, console: Console) -> None:
    """The report for people; where the terminal is narrow, without counts."""
    console.print(Text(f"{report.engine} {report.version}", style="bold"))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    wide = console.width >= WIDE
    for heading in ("check", "", *(_COUNTED if wide else ()), "what it demands"):
        table.add_column(heading, justify="right" if heading in _COUNTED else "left")
    for one in report.outcomes:
        counts = [*(f"{number:,}" if number else "" for number in (one.answered, one.refused)), f"{one.seconds:.1f}"]
        ended = Text(one.ended, style=_STYLES[one.ended])
        demands = " ".join([one.demands, *([f"But {one.seen}."] if one.ended == "does not apply" else [])])
        table.add_row(one.check, ended, *(counts if wide else ()), demands)
    console.print(table)
    if not wide:
        spared(_COUNTED, console)
    for seen, names in _findings(report).items():
        console.print(Text.assemble((", ".join(names), "bold red"), ": ", seen))
    if report.passed and report.built_in:
        _show_support(report, console)


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
    began, subject = time.perf_counter(), replace(subject, answered=[], refused=[])
    ended: End = "passed"
    seen = ""
    try:
        check(subject)
    except checks.DoesNotApply as reason:
        ended, seen = "does not apply", str(reason)
    except Exception as error:  # whatever an engine raises is a finding about it
        ended, seen = "failed", _said(error, folder(type(subject.engine)))
    return Outcome(
        check=check.__name__.replace("_", " "),
        demands=check.__doc__ or "",
        ended=ended,
        seen=seen,
        answered=len(subject.answered),
        refused=len(subject.refused),
        seconds=round(time.perf_counter() - began, 1),
    )


def _said(error: BaseException, adapter: Path) -> str:
    """What a check says; of what an engine raises also where. Of several that a random check finds, the first."""
    if isinstance(error, BaseExceptionGroup):
        return f"{_said(error.exceptions[0], adapter)}\n(and {len(error.exceptions) - 1} more)"
    said = str(error) if isinstance(error, AssertionError | MistakeError) else ""
    return "\n".join([said or raised(error, adapter), *getattr(error, "__notes__", [])])
