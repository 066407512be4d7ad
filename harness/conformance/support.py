"""Tabulates which kinds of question an engine supports on each layout, and where the engine aggregates the events."""

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
"""Built-in questions: at least one for every pair of a kind and a layout that some engine supports."""
LAYOUTS = (RAW, "roll-up", TUNED)
"""The layouts in the table; `roll-up` is the roll-up of a question's dataset that supports the question best."""


class BuiltIn(msgspec.Struct, frozen=True):
    """An engine's support for a built-in question on a layout.

    `where` says where the engine aggregates the events; None means that the engine refuses the question. `reason`
    explains `where` or the refusal. `ruled` is true if the layout does not store what the question needs, so that no
    engine can answer the question on this layout.
    """

    dataset: str
    layout: str
    question: str
    kind: str
    where: Where | None
    reason: str
    ruled: bool


class SupportTable(NamedTuple):
    """The rows of a table as texts, headings first, and the reasons that the texts cite as [1], [2] and so on."""

    rows: list[list[str]]
    reasons: list[str]


def kind(question: Question) -> str:
    """Returns the kind of a question, a member of KINDS: the hardest thing that the question asks for."""
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
        errors = [measure.error for measure in question.measures if measure.function is function]
        if errors:
            return f"{name}, {'estimated' if all(errors) else 'exact'}"
    if question.top:
        return "top-n"
    return "counts and sums" if question.subtotals == "none" else "subtotals"


def table(built_in: Mapping[str, Sequence[BuiltIn]]) -> SupportTable:
    """Returns a table with a row for each kind of question, and a column for each engine and member of LAYOUTS."""
    best = {engine: _best(supports) for engine, supports in built_in.items()}
    arms = [(engine, layout) for engine in best for layout in LAYOUTS if any(key[1] == layout for key in best[engine])]
    reasons: dict[str, str] = {}
    rows = [["question", *map("/".join, arms)]]
    for name in KINDS:
        cells = [(engine, best[engine].get((name, layout), [])) for engine, layout in arms]
        if most := max(len(supports) for _, supports in cells):
            rows.append([f"{name} ({most})", *(_cell(engine, supports, reasons) for engine, supports in cells)])
    return SupportTable(rows, [f"{example}: {reason}" for reason, example in reasons.items()])


def _best(supports: Iterable[BuiltIn]) -> dict[tuple[str, str], list[BuiltIn]]:
    """Returns the best support of each question on each member of LAYOUTS, by kind of question and member of LAYOUTS.

    Any support is better than a refusal; the best refusals are those on layouts that store what the question needs.
    """
    best: dict[tuple[str, str, str], BuiltIn] = {}
    for support in sorted(supports, key=lambda support: (support.where is None, support.ruled)):
        best.setdefault((support.dataset, support.question, _column(support)), support)
    by_kind: dict[tuple[str, str], list[BuiltIn]] = {}
    for support in best.values():
        by_kind.setdefault((support.kind, _column(support)), []).append(support)
    return by_kind


def _column(support: BuiltIn) -> str:
    return support.layout if support.layout in LAYOUTS else "roll-up"


def _cell(engine: str, supports: Sequence[BuiltIn], reasons: dict[str, str]) -> str:
    """Returns where an engine aggregates the events of some questions, with numbers of questions if this differs.

    After `no`, the text has the number of the commonest reason for refusals; `reasons` gets this reason if it is new.
    """
    outcomes = Counter(support.where or "no" for support in supports)
    texts = [name if len(outcomes) == 1 else f"{name} {outcomes[name]}" for name in (*Where, "no") if name in outcomes]
    refusals = [support for support in supports if support.where is None]
    for reason, _ in Counter(refusal.reason for refusal in refusals).most_common(1):
        first = next(refusal for refusal in refusals if refusal.reason == reason)
        reasons.setdefault(reason, f"{first.question} on {engine}/{first.layout}")
        texts[-1] += f" [{list(reasons).index(reason) + 1}]"
    return ", ".join(texts)
