"""The times of one arm: the median with its interval, the maximum, and the percentiles with enough samples."""

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

BEYOND = 10  # a percentile is published only if at least this many samples, or episodes of a queue, lie above it
_REPLICATES = 400
PERCENTILES = (0.5, 0.75, 0.9, 0.95, 0.99, 0.999)


class Percentiles(msgspec.Struct, frozen=True):
    """The number of samples; in seconds, the median, its interval, the maximum, and the percentiles by name (p95)."""

    samples: int
    median: float
    low: float
    high: float
    maximum: float
    percentiles: dict[str, float]


def percentiles(launches: Sequence[ArrayLike], rng: np.random.Generator, level: float = 0.99) -> Percentiles:
    """Summarises the times (seconds) of all launches; the interval of the median comes from a hierarchical bootstrap.

    The bootstrap draws launches with replacement, and then samples with replacement within each launch.
    """
    arrays = [np.asarray(launch) for launch in launches]
    everything = np.concatenate(arrays)
    low, high = interval([_bootstrap_median(arrays, rng) for _ in range(_REPLICATES)], level)
    return Percentiles(
        samples=len(everything),
        median=float(np.median(everything)),
        low=low,
        high=high,
        maximum=float(everything.max()),
        percentiles={
            _name(p): float(np.quantile(everything, p))
            for p in PERCENTILES
            if round(len(everything) * (1 - p), 6) >= BEYOND  # rounded, as 100 * (1 - 0.9) is below 10 in floats
        },
    )


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
    return {_name(p): value for p, value in quantiles.items() if _episodes(array > value) >= BEYOND}


def _name(quantile: float) -> str:
    """Formats 0.5 as p50 and 0.999 as p99.9."""
    return f"p{100 * quantile:g}"


def _episodes(beyond: NDArray[np.bool_]) -> int:
    return int(np.count_nonzero(np.diff(beyond.astype(np.int8), prepend=0) == 1))


def _bootstrap_median(launches: Sequence[NDArray[np.float64]], rng: np.random.Generator) -> float:
    drawn = [launches[i] for i in rng.integers(len(launches), size=len(launches))]
    return float(np.median(np.concatenate([rng.choice(launch, len(launch)) for launch in drawn])))
