"""Parts of the time, such as the hour of the day, that questions and layouts name like columns."""

from collections.abc import Iterator, Mapping
from typing import Any

PARTS = {
    "hour_of_day": "hour",
    "day_of_week": "weekday",
    "day_of_month": "day",
    "week_of_year": "week",
    "month_of_year": "month",
    "quarter_of_year": "quarter",
}
"""The names in questions, and the parts that `workloads.derived.Derived` defines."""


def named(table: Mapping[str, Any]) -> list[str]:
    """The parts of the time by which the table of a question or a layout groups or filters, each once."""
    by = table.get("by")
    names = [*_texts(by if isinstance(by, list) else [by])]
    for filters in (*(table.get(key) for key in ("where", "birth", "returns")), *_list(table.get("steps"))):
        names += _texts(filters if isinstance(filters, dict) else [])
    return list(dict.fromkeys(name for name in names if name in PARTS))


def _texts(values: Any) -> Iterator[str]:
    return (value for value in values if isinstance(value, str))


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
