"""The states that Spark stores in roll-ups and merges: numbers, exact lists of values, and sketches of a known error.

HLL sketches of 2^size registers count distinct values with a relative standard error of 1.04 / sqrt(2^size) if merged.
KLL sketches with k = size have an error in rank below 2.296 / k^0.9723 with a probability of 0.99, which is 2.58
standard deviations. Both error formulas are from datasketches.apache.org.
"""

from typing import NamedTuple

from rollup_bench.workloads.rule import Part

SIGMAS = 4
CONFIDENCE = 0.9999
"""The probability that an estimate is within its bound: that of four standard deviations."""
SIZES = {Part.DISTINCT: range(4, 22), Part.QUANTILE: [2**n for n in range(3, 16)]}
LESS = 1 - 2.0**-50
"""Exact quantiles have this share of their fraction.

The product of fraction and count is rounded up to the place of a value, and may be a little too large.
"""


class Form(NamedTuple):
    """How a state of a part is stored: as all its values if `size` is 0, else as a sketch of a size."""

    part: Part
    kind: str
    size: int = 0

    @property
    def error(self) -> float:
        """The error bound of results."""
        return _error(self.part, self.size) if self.size else 0.0

    @property
    def type(self) -> str:
        """The type of the column that stores the state."""
        return "BINARY" if self.size else f"ARRAY<{self.kind}>"

    def state(self, value: str) -> str:
        """The state of the values of an expression."""
        if not self.size:
            return f"collect_set({value})" if self.part is Part.DISTINCT else f"array_sort(collect_list({value}))"
        if self.part is Part.DISTINCT:
            return f"hll_sketch_agg({_hashed(value, self.kind)}, {self.size})"
        return f"kll_sketch_agg_{self.kind.lower()}({value}, {self.size})"

    def merged(self, states: str, at: float | None) -> str:
        """The distinct count, or the quantile `at`, of the states in a column."""
        if self.size and self.part is Part.DISTINCT:
            return self.estimate(f"hll_union_agg({states})", at)
        if self.size:
            return self.estimate(f"kll_merge_agg_{self.kind.lower()}({states}, {self.size})", at)
        values = f"flatten(collect_list({states}))"
        return f"cardinality(array_distinct({values}))" if at is None else placed(f"array_sort({values})", at)

    def estimate(self, sketch: str, at: float | None) -> str:
        """The distinct count, or the quantile `at`, of a sketch."""
        if self.part is Part.DISTINCT:
            return f"hll_sketch_estimate({sketch})"
        kind = self.kind.lower()
        return f"if(kll_sketch_get_n_{kind}({sketch}) = 0, NULL, kll_sketch_get_quantile_{kind}({sketch}, {at!r}D))"


def form(part: Part, tolerated: float, kind: str) -> Form:
    """The smallest sketch whose error is tolerated, for values of a type; all values if there is none."""
    return Form(part, kind, next((size for size in SIZES[part] if _error(part, size) <= tolerated), 0))


def placed(values: str, at: float) -> str:
    """The quantile of a sorted array; NULL if it is empty."""
    place = f"CAST(ceil(cardinality({values}) * {at * LESS!r}D) AS INT)"
    return f"try_element_at({values}, greatest({place}, 1))"


def _hashed(value: str, kind: str) -> str:
    """A number for each value of a type: sketches leave out the empty text, and take no DOUBLE."""
    if kind == "BIGINT":
        return value
    return f"if({value} IS NULL, NULL, xxhash64({f'{value} + 0D' if kind == 'DOUBLE' else value}))"


def _error(part: Part, size: int) -> float:
    return float(SIGMAS * 1.04 / 2 ** (size / 2) if part is Part.DISTINCT else SIGMAS / 2.58 * 2.296 / size**0.9723)
