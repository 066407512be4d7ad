"""Filters: conditions that select the events of a question."""

from collections.abc import Mapping
from enum import StrEnum

import msgspec

Value = str | int | float | bool


class Op(StrEnum):
    """The comparisons. As in SQL, a NULL satisfies no condition except `null = true`."""

    EQ = "eq"
    NE = "ne"
    LT = "lt"
    LE = "le"
    GT = "gt"
    GE = "ge"
    IN = "in"
    NULL = "null"


class Filter(msgspec.Struct, frozen=True, order=True):
    """One condition; events must satisfy all conditions of a question. Only `in` has more than one value."""

    column: str
    op: Op
    values: tuple[Value, ...]

    @property
    def value(self) -> Value:
        """The value, for every comparison except `in`."""
        return self.values[0]


def parse(where: Mapping[str, object], key: str = "where") -> tuple[Filter, ...]:
    """The filters of a table such as `{origin = "JFK", dest = ["LAX", "SFO"], dep_delay = {ge = 15}}`.

    ValueError if one is wrong; its text begins with `key`, the table's name in the file.
    """
    return tuple(f for column, condition in where.items() for f in _conditions(f"{key}.{column}", column, condition))


def _conditions(key: str, column: str, condition: object) -> list[Filter]:
    if isinstance(condition, Mapping):
        return [_filter(key, column, str(op), value) for op, value in condition.items()]
    return [_filter(key, column, "in" if isinstance(condition, list) else "eq", condition)]


def _filter(key: str, column: str, op: str, value: object) -> Filter:
    if op not in list(Op):
        raise ValueError(f"{key}.{op} is not a comparison; there are {', '.join(Op)}")
    values = tuple(value) if isinstance(value, list) and op == Op.IN else (value,)
    if not values or not all(isinstance(v, Value) for v in values):
        raise ValueError(f"{key}.{op} takes {'a list of values' if op == Op.IN else 'a text, a number, true or false'}")
    if any(isinstance(v, int) and not -(2**63) <= v < 2**63 for v in values):
        raise ValueError(f"{key}.{op} is an integer of more than 64 bits")
    if op == Op.NULL and not isinstance(value, bool):
        raise ValueError(f"{key}.null takes true or false")
    return Filter(column, Op(op), values)
