"""Runs the checks of the conformance kit on an engine, and says how each ended."""

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
        return {end: ended[end] for end in get_args(End)} | asked


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


def _outcome(check: checks.Check, subject: Subject) -> Outcome:
    began, answered, refused = time.perf_counter(), len(subject.answered), len(subject.refused)
    ended: End = "passed"
    seen = ""
    try:
        check(subject)
    except checks.DoesNotApply as reason:
        ended, seen = "does not apply", str(reason)
    except Exception as error:  # whatever an engine raises is a finding about it
        ended, seen = "failed", _said(error)
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


def _said(error: Exception) -> str:
    """The words of a check; the type, text and place of an error that an engine raised."""
    said = str(error) if isinstance(error, AssertionError) else ""
    return "\n".join([said or described(error), *getattr(error, "__notes__", [])])
