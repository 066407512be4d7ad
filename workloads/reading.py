"""Converts parts of a TOML file to typed values; an error names the wrong key and says what to write."""

import re
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec import inspect

from rollup_bench.errors import RequestError

_T = TypeVar("_T")
STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]")
HINTS = {
    "subject": 'the name of a column in quotes, as in subject = "user"',
    "action": 'the name of a column in quotes, as in action = "event"',
    "id": 'the name of a column in quotes, as in id = "number"',
    "zone": 'a time zone in quotes, as in zone = "Europe/Paris"',
    "by": 'names of dimensions, as in by = ["country"] (for a cohort only one, by = "country")',
    "measures": 'measures, as in measures = ["count()", "sum(price)"]',
    "columns.measures": 'names of columns, as in measures = ["price"]',
    "dimensions": 'names of columns, as in dimensions = ["country"]',
    "order": 'the name of a column of integers in quotes, as in order = "number"',
    "row_number": 'a name for the new column in quotes, as in row_number = "number"',
    "of": 'the name of a column in quotes, as in of = "time"',
    "window": "a whole number of seconds, at least 1, as in window = 86400 for a day",
    "steps[]": 'a table of conditions, as in steps = [{ action = "view" }, { action = "buy" }]',
    "where": 'a table of conditions, as in where = { action = "buy" }',
    "birth": 'a table of conditions, as in birth = { action = "install" }',
    "returns": 'a table of conditions, as in returns = { action = "buy" }',
    "edges": "numbers in ascending order, as in edges = [0, 10, 100]",
    "rename": 'new names with those in the files, as in rename = { amount = "value" }',
    "thousands": '''"," or "." or " " or "'", as in thousands = ","''',
    "signs": 'the sign of each column, as in signs = { price = "$" }',
    "null": 'texts that stand for NULL, as in null = ["NA", ""]',
    "draw": "for each drawn parameter its values, as in draw = { n = [5, 10, 20] }",
    "dashboards": 'for each dashboard its questions, as in morning = ["carriers"] under [dashboards]',
    "weights": "for each question a number above 0, as in weights = { carriers = 3, routes = 1 }",
    "labels": 'for each dimension its values with their labels, as in carrier = { AA = "American" } under [labels]',
    "url": 'an address or a list of addresses, as in url = "https://example.org/events.csv"',
    "sha256": "64 hexadecimal digits in lower case, in quotes",
    "source": 'where the events are, as in path = "events.csv" under [source]',
    "columns": 'what the columns are, as in time = { name = "at" } and subject = "user" under [columns]',
}
"""What to write for the value of a key, where its type alone would not tell."""
NAMED = re.compile(r"Object (contains unknown|missing required) field `(.*)`")


@contextmanager
def blamed(path: Path, remedy: str) -> Iterator[None]:
    """Turns errors of the block, which reads the TOML file at `path`, into a RequestError that names the file.

    `remedy` says what to give if there is no file that can be read.
    """
    try:
        yield
    except OSError as error:
        raise RequestError(f"{path}: {error.strerror}; {remedy}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RequestError(f"{path} is not TOML in UTF-8: {error}; correct the file there") from None
    except ValueError as error:
        raise RequestError(f"{path}: {error}") from None


def read(raw: object, kind: type[_T], key: str = "") -> _T:
    """Converts `raw`, the value of `key` in a TOML file, to type `kind`; ValueError names the key that does not fit."""
    try:
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at `$")
        steps = [name or int(place) for name, place in STEP.findall(path.rstrip("`"))]
        raise ValueError(_message(message, key, steps, raw, inspect.type_info(kind))) from None


def _message(message: str, key: str, steps: list[str | int], raw: Any, node: inspect.Type) -> str:
    """msgspec's error `message` in plain words; `steps` are the keys and indexes to the wrong part of `raw`."""
    for step in steps:
        raw, node = raw[step], _within(node, step)
        key += f"[{step}]" if isinstance(step, int) else f".{step}" if key else step
    if named := NAMED.fullmatch(message):
        inner = f"{key}.{named[2]}" if key else named[2]
        if named[1] == "missing required":
            return f"{inner} is missing; write {_hint(inner, _within(node, named[2]))}"
        return f"{inner} is an unknown key; remove it, or write one of {', '.join(_fields(node))}"
    if message.startswith(("Expected", "Invalid enum")):
        return f"{key} is {_shown(raw)}; write {_hint(key, node)}"
    return f"{key}: {message}" if key else message


def _within(node: inspect.Type, step: str | int) -> inspect.Type:
    """The type of the value of key `step` in a table of type `node`, or of the items in a list; AnyType if unknown."""
    for kind in _kinds(node):
        if isinstance(kind, inspect.StructType) and step in _fields(kind):
            return next(field.type for field in kind.fields if field.encode_name == step)
        if isinstance(kind, inspect.ListType | inspect.VarTupleType):
            return kind.item_type
    return inspect.AnyType()


def _kinds(node: inspect.Type) -> tuple[inspect.Type, ...]:
    kinds = node.types if isinstance(node, inspect.UnionType) else (node,)
    return tuple(kind for kind in kinds if not isinstance(kind, inspect.NoneType))


def _fields(node: inspect.Type) -> list[str]:
    return [f.encode_name for kind in _kinds(node) if isinstance(kind, inspect.StructType) for f in kind.fields]


def _hint(key: str, node: inspect.Type) -> str:
    """What to write for the value of a key, which has a type."""
    last = re.sub(r"\[\d+\]", "[]", key.rpartition(".")[2])
    return HINTS.get(key) or HINTS.get(last) or _wanted(node)


def _wanted(node: inspect.Type) -> str:
    return " or ".join(_named(kind) for kind in _kinds(node))


def _named(kind: inspect.Type) -> str:
    match kind:
        case inspect.EnumType():
            return f"one of {', '.join(kind.cls)}"
        case inspect.LiteralType():
            return f"one of {', '.join(map(str, kind.values))}"
        case inspect.StructType():
            return f"a table of {', '.join(_fields(kind))}"
        case inspect.ListType() | inspect.VarTupleType():
            item = _wanted(kind.item_type).removeprefix("a ").removesuffix(" in quotes")
            return f"a list of at least one {item}" if kind.min_length else f"a list of {item}s"
        case inspect.IntType() | inspect.FloatType():
            whole = "a whole number" if isinstance(kind, inspect.IntType) else "a number"
            bounds = {"of at least": kind.ge, "of at most": kind.le, "below": kind.lt}
            return " ".join([whole, " and ".join(f"{said} {n}" for said, n in bounds.items() if n is not None)]).strip()
    return {inspect.StrType: "a text in quotes", inspect.BoolType: "true or false", inspect.DateType: "a date"}.get(
        type(kind), "a table"
    )


def _shown(value: object) -> str:
    lists = "a list" if value else "an empty list"
    shown = {dict: "a table", list: lists, bool: f"`{str(value).lower()}`", str: f"the text `{value}`"}.get(
        type(value), f"`{value}`"
    )
    return shown if len(shown) < 60 else f"{shown[:60]}...`"
