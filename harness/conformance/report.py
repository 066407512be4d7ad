"""What the checks showed, in words and as JSON."""

import time
import traceback
from collections.abc import Callable, Sequence

import msgspec
from rich import box
from rich.console import Console
from rich.table import Table

from harness.conformance import checks
from harness.conformance.subject import Subject


class Outcome(msgspec.Struct, frozen=True):
    """One check: its name, what it demands, whether that was so, what was seen where not, seconds."""

    check: str
    demands: str
    passed: bool
    seen: str
    seconds: float


class Report(msgspec.Struct, frozen=True):
    """All checks of one engine."""

    engine: str
    version: str
    outcomes: list[Outcome]

    @property
    def passed(self) -> bool:
        """Whether every check was."""
        return all(o.passed for o in self.outcomes)


def verified(
    subject: Subject, wanted: Sequence[checks.Check] = (), say: Callable[[str], None] = lambda _text: None
) -> Report:
    """Runs the checks, all of them unless some are named."""
    version, outcomes = subject.engine.version, []
    for check in wanted or checks.ALL:
        say(f"{subject.engine.name}: {check.__name__.replace('_', ' ')}")
        outcomes.append(_outcome(check, subject))
    return Report(subject.engine.name, version, outcomes)


def show(report: Report, console: Console) -> None:
    """The report for people."""
    console.print(f"[bold]{report.engine} {report.version}[/bold]")
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("check", "", "what it demands", "seconds"):
        table.add_column(heading, justify="right" if heading == "seconds" else "left")
    for outcome in report.outcomes:
        mark = "[green]passed[/green]" if outcome.passed else "[bold red]failed[/bold red]"
        table.add_row(outcome.check, mark, outcome.demands, f"{outcome.seconds:.1f}")
    console.print(table)
    for outcome in report.outcomes:
        if not outcome.passed:
            console.print(f"[bold red]{outcome.check}[/bold red]: {outcome.seen}", markup=True, highlight=False)


def _outcome(check: checks.Check, subject: Subject) -> Outcome:
    began = time.perf_counter()
    seen = ""
    try:
        check(subject)
    except Exception as error:  # whatever an engine raises is a finding about it
        seen = _said(error)
    name = check.__name__.replace("_", " ")
    return Outcome(name, check.__doc__ or "", not seen, seen, time.perf_counter() - began)


def _said(error: BaseException) -> str:
    """What a check says; of what an engine raises also where. Of several that a random check finds, the first."""
    if isinstance(error, BaseExceptionGroup):
        return f"{_said(error.exceptions[0])}\n(and {len(error.exceptions) - 1} more)"
    if isinstance(error, AssertionError):
        return str(error)
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({place.filename}:{place.lineno})"
