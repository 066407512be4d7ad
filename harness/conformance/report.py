"""Runs the checks of the conformance kit on an engine and reports how each check ended."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Literal, get_args

import msgspec

from rollup_bench.engines.failures import described
from rollup_bench.harness.conformance import checks
from rollup_bench.harness.conformance.support import BuiltIn
from rollup_bench.harness.conformance.tested_engine import EngineUnderTest

End = Literal["passed", "failed", "does not apply"]


class Outcome(msgspec.Struct, frozen=True):
    """A check's name, what the check demands, how it ended, and how many questions were answered right and refused.

    `seen` says why the check failed or does not apply; `notes` lists what the check did not ask or load, and why.
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
        """True if no check failed; a check that does not apply has not failed."""
        return all(outcome.ended != "failed" for outcome in self.outcomes)

    @property
    def total(self) -> dict[str, int]:
        """The number of checks that ended each way, and of questions answered right and refused in all checks."""
        ended = Counter(outcome.ended for outcome in self.outcomes)
        asked = {name: sum(getattr(outcome, name) for outcome in self.outcomes) for name in ("answered", "refused")}
        return {end: ended[end] for end in get_args(End)} | asked


def verified(
    tested: EngineUnderTest, wanted: Sequence[checks.Check] = (), say: Callable[[str], None] = lambda _text: None
) -> Report:
    """Runs the wanted checks, or all checks if none is wanted, and then drops the loads that the checks shared."""
    version, chosen = tested.engine.version, wanted or checks.ALL
    outcomes = []
    with closing(tested):
        for number, check in enumerate(chosen, 1):
            say(f"{tested.engine.name}: {_name(check)}, check {number} of {len(chosen)}")
            outcomes.append(_outcome(check, tested))
    return Report(tested.engine.name, version, outcomes, tested.built_in)


def encoded(report: Report) -> str:
    """Returns the report as JSON text, including the counts of `Report.total`."""
    return msgspec.json.format(msgspec.json.encode(msgspec.to_builtins(report) | {"total": report.total})).decode()


def _outcome(check: checks.Check, tested: EngineUnderTest) -> Outcome:
    began, answered, refused = time.perf_counter(), len(tested.answered), len(tested.refused)
    ended: End = "passed"
    seen = ""
    try:
        check(tested)
    except checks.DoesNotApply as reason:
        ended, seen = "does not apply", str(reason)
    except Exception as error:  # an exception of any type fails the check
        ended, seen = "failed", _text(error)
    return Outcome(
        check=_name(check),
        demands=check.__doc__ or "",
        ended=ended,
        seen=seen,
        answered=len(tested.answered) - answered,
        refused=len(tested.refused) - refused,
        seconds=round(time.perf_counter() - began, 1),
        notes=list(tested.notes),
    )


def _name(check: checks.Check) -> str:
    return check.__name__.replace("_", " ")


def _text(error: Exception) -> str:
    """Returns the message of a failed assertion or the description of any other error, then the error's notes."""
    message = str(error) if isinstance(error, AssertionError) else ""
    return "\n".join([message or described(error), *getattr(error, "__notes__", [])])
