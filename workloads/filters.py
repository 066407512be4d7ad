"""Filters: which events a question is about."""

from collections.abc import Mapping
from enum import StrEnum

import msgspec

Value = str | int | float | bool


class Op(StrEnum):
    """How a column is compared. As in SQL, a NULL satisfies none of them but `null = true`."""

    EQ = "eq"
    NE = "ne"
    LT = "lt"
    LE = "le"
    GT = "gt"
    GE = "ge"
    IN = "in"
    NULL = "null"


class Filter(msgspec.Struct, frozen=True, order=True):
    """One condition; a question's conditions hold all at once. `values` has one value, or any number for `in`."""

    column: str
    op: Op
    values: tuple[Value, ...]

    @property
    def value(self) -> Value:
        """The one value of every operator but `in`."""
        return self.values[0]


def parse(where: Mapping[str, object], key: str = "where") -> tuple[Filter, ...]:
    """Filters from their written form, `{origin = "JFK", dest = ["LAX", "SFO"], dep_delay = {ge = 15}}`.

    ValueError where they are not, with the `key` under which they stand.
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
