"""The sizes of Druid's sketches whose errors stay within what a question tolerates.

HLL sketches of 2^size registers count distinct values with a relative standard error of 1.04 / sqrt(2^size) if merged.
Classic quantiles sketches with k = size have an error in rank below 1.576 / k^0.9726 with a probability of 0.99, which
is 2.58 standard deviations. Both error formulas are from datasketches.apache.org.
"""

from rollup_bench.workloads.rule import Part

SIGMAS = 4
CONFIDENCE = 0.9999
"""The probability that an error is within its bound: that of four standard deviations."""
SIZES = {Part.DISTINCT: range(4, 22), Part.QUANTILE: [2**n for n in range(4, 16)]}


def size(part: Part, tolerated: float) -> int | None:
    """The size (log2 of registers, or k) of the smallest sketch with a tolerated error; None if no size suffices."""
    return next((size for size in SIZES[part] if _error(part, size) <= tolerated), None)


def error(part: Part, tolerated: float) -> float:
    """The error bound, four standard deviations, of the smallest sketch that suffices, or else of the largest one."""
    return _error(part, size(part, tolerated) or SIZES[part][-1])


def _error(part: Part, size: int) -> float:
    return float(SIGMAS * 1.04 / 2 ** (size / 2) if part is Part.DISTINCT else SIGMAS / 2.58 * 1.576 / size**0.9726)
