"""Converts parts of a TOML file to typed values; an error names the wrong key and says what to write."""

import re
from typing import Any, TypeVar

import msgspec
from msgspec import inspect

_T = TypeVar("_T")
STEP = re.compile(r"\.([^.\[]+)|\[(\d+)\]")
NAMED = re.compile(r"Object (contains unknown|missing required) field `(.*)`")


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
            return f"{inner} is missing; write {_wanted(_within(node, named[2]))}"
        return f"{inner} is an unknown key; remove it, or write one of {', '.join(_fields(node))}"
    if message.startswith(("Expected", "Invalid enum")):
        return f"{key} is {_shown(raw)}; write {_wanted(node)}"
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
