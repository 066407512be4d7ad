"""The states that ClickHouse stores in roll-ups and merges: numbers, sets, and sketches of a known error.

Sets of distinct values and the counts of values, from which quantiles follow, are exact. `uniqCombined64(k)` counts
distinct values by HyperLogLog with 2^k registers, whose relative standard error is 1.04 / sqrt(2^k). ClickHouse's
documents say that `quantileGK(n, at)` has an error in rank of at most 1 / n; here it counts as 2 / n for merged states.
"""

from math import ceil
from typing import NamedTuple

from rollup_bench.engines.clickhouse.sql import literal
from rollup_bench.workloads.measures import Function, Measure
from rollup_bench.workloads.rule import Part, State

SIGMAS = 4
CONFIDENCE = 0.9999
"""The probability that an estimate is within its bound: that of four standard deviations."""
REGISTERS = range(12, 21)
"""The k of the sketches that count distinct values."""
MOST_ACCURATE = 5_000
"""The most accurate sketch of quantiles: its size is proportional to this number."""
ANY_FRACTION = 0.5
"""States of quantiles are the same for every fraction, but their type names one."""
LESS = 1 - 2.0**-50
"""Exact quantiles have this share of their fraction.

`quantileExactWeighted` rounds the product of fraction and count up, and the product may be a little too large.
`quantileExact` takes the next value where the product is an integer.
"""


class Form(NamedTuple):
    """An aggregate function with its parameters, the further arguments that it takes, and the error of its results."""

    name: str
    parameters: str = ""
    arguments: str = ""
    error: float = 0.0

    def of(self, value: str) -> str:
        """The result for the values of an expression."""
        return f"{self.name}{self.parameters}({value}{self.arguments})"

    def state(self, value: str) -> str:
        """The state for the values of an expression."""
        return f"{self.name}State{self.parameters}({value}{self.arguments})"

    def merged(self, states: str, kind: str, wanted: "Form") -> str:
        """The result of the function `wanted` for the states in a column, whose values are of a type.

        The type of a state names the fraction of a quantile although the state does not depend on it, so a state passes
        through a text to become one of another fraction.
        """
        if self == wanted:
            return f"{self.name}Merge{self.parameters}({states})"
        merged = f"{self.name}MergeState{self.parameters}({states})"
        return f"finalizeAggregation(CAST(CAST({merged}, 'String'), {literal(wanted.type(kind))}))"

    def type(self, kind: str) -> str:
        """The type of the state for values of a type."""
        weights = ", UInt8" if self.arguments else ""
        return f"AggregateFunction({self.name}{self.parameters}, {kind}{weights})"


def form(part: Part, tolerated: float, at: float = ANY_FRACTION) -> Form:
    """The function with the smallest states whose error is tolerated; the exact one if there is no other."""
    if part is Part.DISTINCT:
        return next((one for one in map(_registers, REGISTERS) if one.error <= tolerated), Form("uniqExact"))
    accuracy = ceil(2 / tolerated) if tolerated else MOST_ACCURATE + 1
    if accuracy <= MOST_ACCURATE:
        return Form("quantileGK", f"({accuracy}, {at!r})", "", 2 / accuracy)
    return Form("quantileExactWeighted", f"({at * LESS!r})", ", 1")


def measured(measure: Measure) -> Form:
    """The function that computes a distinct count or a quantile from events; quantiles are exact at the same cost."""
    if measure.function is Function.QUANTILE:
        return Form("quantileExact", f"({(measure.at or ANY_FRACTION) * LESS!r})")
    return form(Part.DISTINCT, measure.error)


def merged(measure: Measure, stored: State, column: str, kind: str) -> str:
    """The SQL of a distinct count or a quantile of values of a type, from the states in a column."""
    wanted = form(stored.part, stored.error, measure.at or ANY_FRACTION)
    return form(stored.part, stored.error).merged(column, kind, wanted)


def _registers(k: int) -> Form:
    return Form("uniqCombined64", f"({k})", "", SIGMAS * 1.04 / 2 ** (k / 2))
