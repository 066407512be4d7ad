"""The times of one arm: median with its interval, maximum, and the percentiles that the samples can carry."""

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

BEYOND = 10
_REPLICATES = 400
PERCENTILES = (0.5, 0.75, 0.9, 0.95, 0.99, 0.999)


class Percentiles(msgspec.Struct, frozen=True):
    """Seconds: the median, its interval, the maximum, and by name each percentile with ten samples beyond."""

    samples: int
    median: float
    low: float
    high: float
    maximum: float
    percentiles: dict[str, float]


def percentiles(launches: Sequence[ArrayLike], rng: np.random.Generator, level: float = 0.99) -> Percentiles:
    """Of the seconds of each launch; the interval comes from drawing launches, then samples within them."""
    arrays = [np.asarray(launch) for launch in launches]
    everything = np.concatenate(arrays)
    low, high = interval([_median_drawn_again(arrays, rng) for _ in range(_REPLICATES)], level)
    return Percentiles(
        samples=len(everything),
        median=float(np.median(everything)),
        low=low,
        high=high,
        maximum=float(everything.max()),
        percentiles={
            name(p): float(np.quantile(everything, p))
            for p in PERCENTILES
            if round(len(everything) * (1 - p), 6) >= BEYOND  # 100 * (1 - 0.9) is less than 10 in floats
        },
    )


def interval(values: ArrayLike, level: float) -> tuple[float, float]:
    """The quantiles between which this share of the values lies, with as many below as above."""
    low, high = np.quantile(np.asarray(values), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def in_sequence(values: ArrayLike) -> dict[str, float]:
    """The percentiles of a queue's responses in order of arrival, where ten separate episodes lie beyond.

    Requests that waited behind one another were slow together: neighbours beyond a percentile are one.
    """
    array = np.asarray(values)
    found = {p: float(np.quantile(array, p)) for p in PERCENTILES if len(array)}
    return {name(p): value for p, value in found.items() if _episodes(array > value) >= BEYOND}


def name(percentile: float) -> str:
    """p50, p99, p99.9."""
    return f"p{100 * percentile:g}"


def _episodes(beyond: NDArray[np.bool_]) -> int:
    return int(np.count_nonzero(np.diff(beyond.astype(np.int8), prepend=0) == 1))


def _median_drawn_again(launches: Sequence[NDArray[np.float64]], rng: np.random.Generator) -> float:
    drawn = [launches[i] for i in rng.integers(len(launches), size=len(launches))]
    return float(np.median(np.concatenate([rng.choice(launch, len(launch)) for launch in drawn])))
