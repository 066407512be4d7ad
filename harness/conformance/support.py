"""Which kinds of question an engine supports, on which layout, and where they run: a table of what it was asked."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from rollup_bench.engines.contract import Where
from rollup_bench.workloads.layouts import RAW, TUNED
from rollup_bench.workloads.measures import Function
from rollup_bench.workloads.questions import Aggregate, Cohort, Funnel, Question

KINDS = (
    "counts and sums",
    "subtotals",
    "top-n",
    "distinct, exact",
    "distinct, estimated",
    "quantiles, exact",
    "quantiles, estimated",
    "cohorts by time",
    "cohorts by a dimension",
    "cohorts, unbounded or cumulative",
    "cohorts, estimated",
    "funnels",
)
SAMPLE = (
    "game/revenue-by-hour",
    "game/rollup-of-a-day",
    "game/business-cube",
    "game/best-sellers",
    "game/daily-players",
    "game/daily-players-estimated",
    "game/prices-paid",
    "game/durations-estimated",
    "game/retention-by-month",
    "game/retention-by-country",
    "game/still-there",
    "game/first-day-purchase",
    "cdnow/customers-by-month",
)
"""Built-in questions, at least one of each kind on each layout on which an engine answers that kind."""
LAYOUTS = (RAW, "roll-up", TUNED)
"""A question is on `roll-up` what the best of the declared roll-ups makes of it."""


class BuiltIn(msgspec.Struct, frozen=True):
    """A built-in question asked on a layout: answered right `where` its events are aggregated, or refused (None).

    `reason` says why, or of an answer what is worth knowing. `ruled` where the layout does not keep what the question
    needs, whatever the engine.
    """

    dataset: str
    layout: str
    question: str
    kind: str
    where: Where | None
    reason: str
    ruled: bool


class SupportTable(NamedTuple):
    """Rows of cells, the heading first; and the reasons that the numbers in cells stand for, from 1."""

    rows: list[list[str]]
    reasons: list[str]


def kind(question: Question) -> str:
    """The hardest thing that a question asks for, as KINDS names it."""
    match question:
        case Aggregate():
            return _aggregate(question)
        case Funnel():
            return "funnels"
        case Cohort() if question.error:
            return "cohorts, estimated"
        case Cohort() if question.cumulative or question.retention == "unbounded":
            return "cohorts, unbounded or cumulative"
        case Cohort():
            return "cohorts by a dimension" if question.by else "cohorts by time"


def _aggregate(question: Aggregate) -> str:
    for function, name in ((Function.QUANTILE, "quantiles"), (Function.DISTINCT, "distinct")):
        errors = [one.error for one in question.measures if one.function is function]
        if errors:
            return f"{name}, {'estimated' if all(errors) else 'exact'}"
    if question.top:
        return "top-n"
    return "counts and sums" if question.subtotals == "none" else "subtotals"


def table(asked: Mapping[str, Sequence[BuiltIn]]) -> SupportTable:
    """A row for each kind of question and a column for each layout, of what each engine was asked."""
    found = {engine: _places(lines) for engine, lines in asked.items()}
    arms = [(one, layout) for one, places in found.items() for layout in LAYOUTS if any(p[1] == layout for p in places)]
    reasons: dict[str, str] = {}
    rows = [["question", *map("/".join, arms)]]
    for name in KINDS:
        cells = [(engine, found[engine].get((name, layout), [])) for engine, layout in arms]
        if most := max(len(lines) for _, lines in cells):
            rows.append([f"{name} ({most})", *(_cell(engine, lines, reasons) for engine, lines in cells)])
    return SupportTable(rows, [f"{where}: {reason}" for reason, where in reasons.items()])


def _places(asked: Iterable[BuiltIn]) -> dict[tuple[str, str], list[BuiltIn]]:
    """By kind and one of LAYOUTS, what each question met there at best.

    It was answered; or else was refused for the engine's own reason, which says more than the rule's.
    """
    best: dict[tuple[str, str, str], BuiltIn] = {}
    for one in sorted(asked, key=lambda one: (one.where is None, one.ruled)):
        best.setdefault((one.dataset, one.question, _layout(one)), one)
    found: dict[tuple[str, str], list[BuiltIn]] = {}
    for one in best.values():
        found.setdefault((one.kind, _layout(one)), []).append(one)
    return found


def _layout(one: BuiltIn) -> str:
    return one.layout if one.layout in LAYOUTS else "roll-up"


def _cell(engine: str, asked: Sequence[BuiltIn], reasons: dict[str, str]) -> str:
    """Where questions run, and how many where not all do the same; a number for the commonest reason of a no.

    `reasons` gains those that are new, each with the question and the arm of which it was said first.
    """
    outcomes = Counter(one.where or "no" for one in asked)
    said = [name if len(outcomes) == 1 else f"{name} {outcomes[name]}" for name in (*Where, "no") if name in outcomes]
    against = [one for one in asked if one.where is None]
    for reason, _ in Counter(one.reason for one in against).most_common(1):
        first = next(one for one in against if one.reason == reason)
        reasons.setdefault(reason, f"{first.question} on {engine}/{first.layout}")
        said[-1] += f" [{list(reasons).index(reason) + 1}]"
    return ", ".join(said)
