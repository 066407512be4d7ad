"""Dataset files that tests write."""

import json
from collections.abc import Mapping
from datetime import date, time
from pathlib import Path
from typing import Any


def span(start: str, end: str) -> dict[str, date]:
    """The parameters of a question over a span of dates, as in 2013-06-01."""
    return {"start": date.fromisoformat(start), "end": date.fromisoformat(end)}


SPAN = span("2013-01-01", "2014-01-01")


def aggregate(name: str, *measures: str, **keys: Any) -> dict[str, Any]:
    """An aggregate, over 2013 unless `parameters` are given."""
    return {"name": name, "kind": "aggregate", "measures": list(measures), "parameters": SPAN} | keys


def cohort(name: str, grain: str, count: int, **keys: Any) -> dict[str, Any]:
    """A cohort, over 2013 unless `parameters` are given, whose ages are as many of the grain's buckets."""
    age = {"unit": grain, "count": count}
    return {"name": name, "kind": "cohort", "grain": grain, "age": age, "parameters": SPAN} | keys


def write(folder: Path, *questions: Mapping[str, Any], columns: Mapping[str, Any] | None = None, **keys: Any) -> Path:
    """Write `mine.toml` into a folder and return its path.

    It reads the column `at` as times and `who` as subjects from `data.csv` beside it, unless `columns` and `source`
    say otherwise; `keys` are further keys of the file.
    """
    columns = {"time": {"name": "at"}, "subject": "who"} | dict(columns or {})
    whole = {"title": "Mine", "source": {"path": "data.csv"}, "columns": columns, "questions": list(questions)} | keys
    return write_whole(folder, whole)


def write_whole(folder: Path, whole: Mapping[str, Any]) -> Path:
    """Write these keys and no others to `mine.toml` in a folder and return its path."""
    path = folder / "mine.toml"
    path.write_text("\n".join(f"{key} = {toml(value)}" for key, value in whole.items()), "utf-8")
    return path


def toml(value: Any) -> str:
    """A value in TOML, tables inline."""
    match value:
        case dict():
            return "{" + ", ".join(f"{json.dumps(key)} = {toml(each)}" for key, each in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(toml, value)) + "]"
        case date() | time():
            return value.isoformat()
        case _:
            return json.dumps(value)
