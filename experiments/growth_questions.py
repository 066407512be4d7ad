"""The questions of `experiments.growth`, whose answers have the same groups for 50,000 events and for millions."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from rollup_bench.workloads.questions import Question
from rollup_bench.workloads.templates import Template, template

Span = Mapping[str, date]
ALL_YEARS: Span = {"start": date(2014, 1, 1), "end": date(2024, 1, 1)}
NO_EVENTS: Span = {"start": date(2004, 1, 1), "end": date(2014, 1, 1)}
"""The ten years before the game.

They end where the game starts, because Cassandra's adapter only reads partitions that the load has filled. The
partition of the first event also covers a time before the game, so this partition is read.
"""
_ASKED: Mapping[str, dict[str, Any]] = {
    "counts": {"grain": "quarter", "by": ["action"], "measures": ["count()", "sum(seconds)", "sum(gold)"]},
    "subtotals": {"by": ["platform", "action", "role"], "subtotals": "rollup", "measures": ["count()", "sum(gold)"]},
    "distinct-players": {"grain": "month", "measures": ["distinct(player)", "count()"]},
    "price-quantiles": {
        "grain": "quarter",
        "measures": ["quantile(gold, 0.5)", "quantile(gold, 0.9)"],
        "where": {"action": "shop"},
    },
    "one-item": {"grain": "year", "measures": ["count()", "sum(gold)"], "where": {"item": "item-0001"}},
    "retention": {
        "kind": "cohort",
        "grain": "month",
        "age": {"unit": "day", "count": 14},
        "birth": {"action": "install"},
        "returns": {"action": "launch"},
        "until": "$until",
        "parameters": {**ALL_YEARS, "until": ALL_YEARS["end"]},
    },
    "funnel": {
        "kind": "funnel",
        "steps": [{"action": "install"}, {"action": "launch"}, {"action": "shop"}],
        "window": 86_400,
        "by": ["country"],
    },
}
QUESTIONS: Mapping[str, Template] = {
    name: template({"name": name, "kind": "aggregate", "parameters": ALL_YEARS} | asked, "UTC")
    for name, asked in _ASKED.items()
}


def over(name: str, span: Span) -> Question:
    """Returns the question `name` over a span; a cohort also observes its subjects until the end of the span."""
    asked = QUESTIONS[name]
    values = {**span, "until": span["end"]}
    return asked.fill({name: value for name, value in values.items() if name in asked.parameters})
