"""Filters: conditions on columns, which select the events of a question."""

from collections.abc import Mapping
from enum import StrEnum

import msgspec

Value = str | int | float | bool


class Op(StrEnum):
    """The comparisons of filters; as in SQL, a NULL satisfies no comparison except `null = true`."""

    EQ = "eq"
    NE = "ne"
    LT = "lt"
    LE = "le"
    GT = "gt"
    GE = "ge"
    IN = "in"
    NULL = "null"


_SIGNS = {Op.EQ: "=", Op.NE: "≠", Op.LT: "<", Op.LE: "≤", Op.GT: ">", Op.GE: "≥"}


class Filter(msgspec.Struct, frozen=True, order=True):
    """A comparison of a column with values: one value or more for `in`, exactly one for every other comparison."""

    column: str
    op: Op
    values: tuple[Value, ...]

    @property
    def value(self) -> Value:
        """The single value of a comparison other than `in`."""
        return self.values[0]

    def __str__(self) -> str:
        if self.op is Op.NULL:
            return f"{self.column} is {'NULL' if self.value else 'not NULL'}"
        return f"{self.column} {_SIGNS.get(self.op, self.op)} {', '.join(map(str, self.values))}"


def parse(where: Mapping[str, object], key: str = "where") -> tuple[Filter, ...]:
    """The filters of a TOML table such as `{origin = "JFK", dest = ["LAX", "SFO"], dep_delay = {ge = 15}}`.

    ValueError if a filter is wrong; the error's text begins with `key`, the table's name in the dataset file.
    """
    return tuple(f for column, condition in where.items() for f in _conditions(f"{key}.{column}", column, condition))


def _conditions(key: str, column: str, condition: object) -> list[Filter]:
    if isinstance(condition, Mapping):
        return [_filter(key, column, str(op), value) for op, value in condition.items()]
    return [_filter(key, column, "in" if isinstance(condition, list) else "eq", condition)]


def _filter(key: str, column: str, op: str, value: object) -> Filter:
    if op not in list(Op):
        raise ValueError(f"{key}.{op} is not a comparison; write one of {', '.join(Op)}")
    values = tuple(value) if isinstance(value, list) and op == Op.IN else (value,)
    if not values or not all(isinstance(v, Value) for v in values):
        wanted = f"{'a list with at least one of: ' if op == Op.IN else ''}a text in quotes, a number, true or false"
        raise ValueError(f"{key}.{op} has a wrong value; write {wanted}")
    if any(isinstance(v, int) and not -(2**63) <= v < 2**63 for v in values):
        raise ValueError(f"{key}.{op} is an integer of more than 64 bits; write a smaller number")
    if op == Op.NULL and not isinstance(value, bool):
        raise ValueError(f"{key}.null is `{value}`; write true or false")
    return Filter(column, Op(op), values)
