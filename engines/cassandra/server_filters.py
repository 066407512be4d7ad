"""Conditions on events that Cassandra applies while it reads a partition, so that fewer rows reach the client."""

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from rollup_bench.engines.sql import COMPARISONS, quoted
from rollup_bench.workloads.filters import Filter, Op, Value

EQUALITIES = (Op.EQ, Op.IN)
BOUNDS = ((Op.GE, Op.GT), (Op.LE, Op.LT))
"""The comparisons that bound a column from below, and those that bound it from above."""


class Condition(NamedTuple):
    """The conditions of a WHERE clause, each after an AND, and the values of its parameters."""

    text: str
    values: tuple[Value, ...]


@lru_cache(maxsize=1024)
def condition(filters: tuple[Filter, ...], doubles: frozenset[str]) -> Condition:
    """The condition for the filters that CQL has; `doubles` names the columns of doubles.

    All events that match the filters match the condition. Others may match too, so the client applies all filters
    again: CQL has no `<>` and no `IS NULL`, permits one equality or two bounds of a column, and sorts -0.0 before 0.0.
    """
    parts, values = list[str](), list[Value]()
    for chosen in _chosen(filters):
        bound = _doubles(chosen) if chosen.column in doubles else chosen.values
        comparison = f"IN ({', '.join('?' * len(bound))})" if len(bound) > 1 else f"{COMPARISONS.get(chosen.op, '=')} ?"
        parts.append(f" AND {quoted(chosen.column)} {comparison}")
        values += bound
    return Condition("".join([*parts, " ALLOW FILTERING"]) if parts else "", tuple(values))


def _chosen(filters: tuple[Filter, ...]) -> Iterator[Filter]:
    """Of each column the first equality, else the first bound from below and the first from above."""
    for column in dict.fromkeys(f.column for f in filters):
        of_column = [f for f in filters if f.column == column]
        equality = next((f for f in of_column if f.op in EQUALITIES), None)
        bounds = (next((f for f in of_column if f.op in side), None) for side in BOUNDS)
        yield from filter(None, [equality] if equality else bounds)


def _doubles(chosen: Filter) -> tuple[float, ...]:
    """The values of a filter as doubles; 0 becomes both zeros, or as a bound the zero beyond which no zero lies."""
    numbers = tuple(map(float, chosen.values))
    if 0 not in numbers:
        return numbers
    if chosen.op in EQUALITIES:
        return (*filter(None, numbers), 0.0, -0.0)
    return (-0.0 if chosen.op in BOUNDS[0] else 0.0,)
