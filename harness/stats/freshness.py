"""How long events take to become visible, from when they were due until answers contain them."""

from dataclasses import dataclass
from math import ceil

import numpy as np
import numpy.typing as npt

Seconds = npt.NDArray[np.float64]
GROWS = 1.25
"""Lags grow if they are shown to be so many times as long in the last third of a stream as in the middle third."""


@dataclass(frozen=True)
class Glance:
    """A right answer: it was asked and done at these instants, in seconds, and has the first `low` to `high` events."""

    asked: float
    done: float
    low: int
    high: int


@dataclass(frozen=True)
class Lags:
    """Between which seconds the lag of each event lies, in the order of the stream.

    An event becomes visible after the last answer without it was asked, and before the first right answer with it was
    done. `most` is infinite for an event that no answer has.
    """

    least: Seconds
    most: Seconds

    def quantile(self, share: float) -> tuple[float, float]:
        """Between which seconds the quantile of the lags lies.

        The bounds are the quantiles of the lower and of the upper bounds: the order of the events may differ between
        them, but the k-th smallest lag is at least the k-th smallest lower bound, and at most the k-th upper one.
        """
        rank = max(ceil(share * len(self.least)), 1) - 1
        return float(np.partition(self.least, rank)[rank]), float(np.partition(self.most, rank)[rank])

    @property
    def grow(self) -> bool:
        """Whether the median lag is shown to be larger at the end of the stream than in the middle."""
        third = len(self.least) // 3
        middle, end = (Lags(self.least[part], self.most[part]) for part in (slice(third, -third), slice(-third, None)))
        return third > 0 and end.quantile(0.5)[0] > GROWS * middle.quantile(0.5)[1]


def lags(glances: list[Glance], due: Seconds) -> Lags:
    """The lags of the events that were `due` at these instants; answers that lost events again are left out before."""
    numbers = np.arange(len(due))
    by_end = sorted(glances, key=lambda one: one.done)
    reached = np.maximum.accumulate([0, *(one.low for one in by_end)])
    ends = np.array([0.0, *(one.done for one in by_end), np.inf])
    most = ends[np.searchsorted(reached, numbers + 1)] - due
    by_start = sorted(glances, key=lambda one: one.asked)
    missing = np.minimum.accumulate([one.high for one in reversed(by_start)])[::-1]
    starts = np.array([-np.inf, *(one.asked for one in by_start)])
    least = starts[np.searchsorted(missing, numbers, "right")] - due
    return Lags(np.clip(least, 0.0, np.maximum(most, 0.0)), most)
