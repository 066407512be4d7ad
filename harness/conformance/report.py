"""Runs the checks of the conformance kit on an engine and reports how each ended."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Literal, get_args

import msgspec

from rollup_bench.engines.failures import described
from rollup_bench.harness.conformance import checks
from rollup_bench.harness.conformance.support import BuiltIn
from rollup_bench.harness.conformance.tested_engine import Subject

End = Literal["passed", "failed", "does not apply"]


class Outcome(msgspec.Struct, frozen=True):
    """One check: its name, what it demands, how it ended, and how many questions were answered right and refused.

    `seen` says why the check failed or does not apply; `notes` list what it left out.
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
    """The outcomes of all checks on one engine, and its support for the built-in questions."""

    engine: str
    version: str
    outcomes: list[Outcome]
    built_in: list[BuiltIn]

    @property
    def passed(self) -> bool:
        """Returns whether no check failed."""
        return all(outcome.ended != "failed" for outcome in self.outcomes)

    @property
    def total(self) -> dict[str, int]:
        """Counts the checks by how they ended, and the questions answered right and refused in all checks."""
        ended = Counter(outcome.ended for outcome in self.outcomes)
        asked = {name: sum(getattr(outcome, name) for outcome in self.outcomes) for name in ("answered", "refused")}
        return {end: ended[end] for end in get_args(End)} | asked


def verified(
    subject: Subject, wanted: Sequence[checks.Check] = (), say: Callable[[str], None] = lambda _text: None
) -> Report:
    """Runs the wanted checks, or all if none is named, and then drops the loads that they shared."""
    version, chosen = subject.engine.version, wanted or checks.ALL
    outcomes = []
    with closing(subject):
        for number, check in enumerate(chosen, 1):
            say(f"{subject.engine.name}: {_name(check)}, check {number} of {len(chosen)}")
            outcomes.append(_outcome(check, subject))
    return Report(subject.engine.name, version, outcomes, subject.built_in)


def encoded(report: Report) -> str:
    """Returns the report as JSON text, with `total` added."""
    return msgspec.json.format(msgspec.json.encode(msgspec.to_builtins(report) | {"total": report.total})).decode()


def _outcome(check: checks.Check, subject: Subject) -> Outcome:
    began, answered, refused = time.perf_counter(), len(subject.answered), len(subject.refused)
    ended: End = "passed"
    seen = ""
    try:
        check(subject)
    except checks.DoesNotApply as reason:
        ended, seen = "does not apply", str(reason)
    except Exception as error:  # any exception of the engine fails the check
        ended, seen = "failed", _text(error)
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


def _text(error: Exception) -> str:
    """Returns the message of a failed assertion, or the type, text and source line of any other error."""
    message = str(error) if isinstance(error, AssertionError) else ""
    return "\n".join([message or described(error), *getattr(error, "__notes__", [])])
