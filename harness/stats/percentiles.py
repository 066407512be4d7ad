"""The times of one arm: the median with its interval, the maximum, and the percentiles with enough samples."""

import math
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from rollup_bench.harness.stats.estimate import LEVEL, difference, estimate

BEYOND = 10  # a percentile is published only if at least this many samples, or episodes of a queue, lie above it
PERCENTILES = (0.5, 0.75, 0.9, 0.95, 0.99, 0.999)


class Percentiles(msgspec.Struct, frozen=True):
    """The number of samples; in seconds, the median, its interval, the maximum, and the percentiles by name (p95).

    The median is estimated by the mean, over launches, of the midmeans of the logarithms. A bound that cannot be
    estimated is 0 or infinite. `detectable` is the smallest slowdown (1.1 is 10%) that a comparison with an equally
    exact run finds in four runs of five; None if it cannot be estimated.
    """

    samples: int
    median: float
    low: float
    high: float
    maximum: float
    percentiles: dict[str, float]
    detectable: float | None = None


def percentiles(launches: Sequence[NDArray[np.float64]]) -> Percentiles:
    """Summarises the positive times (seconds) of all launches, given as an array for each launch."""
    everything, centre = np.concatenate(launches), estimate([np.log(launch) for launch in launches])
    low, high = centre.interval()
    detectable = difference(centre, centre).detectable()
    return Percentiles(
        samples=len(everything),
        median=centre.ratio,
        low=low,
        high=high,
        maximum=float(everything.max()),
        percentiles={
            _name(p): float(np.quantile(everything, p))
            for p in PERCENTILES
            if round(len(everything) * (1 - p), 6) >= BEYOND  # rounded, as 100 * (1 - 0.9) is below 10 in floats
        },
        detectable=detectable if detectable < math.inf else None,
    )


def median_interval(samples: ArrayLike, level: float = LEVEL) -> tuple[float, float, float]:
    """Returns the low bound, the median and the high bound of independent samples, which may be of any sign.

    The bounds are the samples between which the true median lies with at least this probability, or the extreme
    samples if there are too few.
    """
    ordered = np.sort(np.asarray(samples))
    count, below, outside = len(ordered), 0, 0.0
    while below < count // 2 and (outside := outside + 2 * math.comb(count, below) / 2**count) <= 1 - level:
        below += 1
    rank = max(below - 1, 0)
    return float(ordered[rank]), float(np.median(ordered)), float(ordered[count - 1 - rank])


def interval(values: ArrayLike, level: float) -> tuple[float, float]:
    """Returns the two quantiles that enclose the middle `level` (0.99 for 99%) of the values."""
    low, high = np.quantile(np.asarray(values), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def queue_percentiles(values: ArrayLike) -> dict[str, float]:
    """Returns percentiles of times in order of arrival, each only if ten separate episodes lie above it.

    Requests that wait behind one another are slow together, so adjacent values above a percentile are one episode.
    """
    array = np.asarray(values)
    quantiles = {p: float(np.quantile(array, p)) for p in PERCENTILES if len(array)}
    return {_name(p): value for p, value in quantiles.items() if episodes(array > value) >= BEYOND}


def _name(quantile: float) -> str:
    """Formats 0.5 as p50 and 0.999 as p99.9."""
    return f"p{100 * quantile:g}"


def episodes(beyond: NDArray[np.bool_]) -> int:
    """Returns how many separate series of True there are."""
    return int(np.count_nonzero(np.diff(beyond.astype(np.int8), prepend=0) == 1))
