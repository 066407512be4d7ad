"""How time grows with events: a + b (n / a million)^c by least squares, and how far off its parts may be."""

import math
from collections.abc import Sequence
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from rollup_bench.harness.stats import student
from rollup_bench.harness.stats.estimate import LEVEL, midmean
from rollup_bench.harness.stats.percentiles import interval

MILLION = 10**6
PARTS = 3  # of a curve, so that more cells than that are needed
EXPONENTS = np.arange(0.05, 2.005, 0.01)
FLAT = (1.1, 2.0)
"""Times as long, from the fewest events to the most: flat if it may be less than the one and is less than the other."""
WIDE = 0.5
"""Of the interval of c, from which on c is not told."""
_REPLICATES = 1000

Floats = NDArray[np.float64]
Interval = tuple[float, float]


class Curve(msgspec.Struct, frozen=True):
    """Seconds for n events: `a` whatever n is, and `b` for a million, which grow as n to the power of `c`."""

    a: float
    b: float
    c: float

    def __call__(self, events: ArrayLike) -> Floats:
        """Seconds for each number of events."""
        return self.a + self.b * (np.asarray(events) / MILLION) ** self.c


class Growth(msgspec.Struct, frozen=True):
    """A curve with the intervals of its parts, at 99%.

    `times` is how many times as long the most events take as the fewest, on the curve, with its interval; `off` is
    the largest ratio between a cell and the curve: large where it is not the number of events alone that counts.
    """

    curve: Curve
    a: Interval
    b: Interval
    c: Interval
    times: float
    times_between: Interval
    off: float

    @property
    def outcome(self) -> Literal["told", "flat", "not told"]:
        """Whether c is told, and if not whether that is because nothing grows."""
        low, high = self.times_between
        if low < FLAT[0]:
            return "flat" if high < FLAT[1] else "not told"
        return "told" if self.c[1] - self.c[0] <= WIDE else "not told"


def growth(events: Sequence[int], seconds: Sequence[ArrayLike], rng: np.random.Generator) -> Growth:
    """The curve through cells, each given as its events and the seconds of its rounds; more than three cells.

    Least squares are of relative distances, since cells differ by orders of magnitude. The intervals are those of a
    bootstrap: the rounds of each cell are drawn again, and the cell's own distance from the curve is put to either
    side of it, widened for few cells. So they cover the noise, and what the number of events does not explain.
    """
    n, logs = np.asarray(events), [np.log(np.asarray(one)) for one in seconds]
    centres = np.array([float(midmean(one)) for one in logs])
    curve = Curve(*(float(part[0]) for part in _fit(n, np.exp(centres)[None, :])))
    distances = centres - np.log(curve(n))
    noise = np.stack([_drawn_again(one, rng) for one in logs], axis=1)
    sides = rng.choice((-1.0, 1.0), size=noise.shape)
    drawn = np.log(curve(n)) + sides * distances * _widened(len(n)) + noise
    a, b, c = _fit(n, np.exp(drawn))
    least, most = (a + b * (bound / MILLION) ** c for bound in (n.min(), n.max()))
    ends = curve((n.min(), n.max()))
    return Growth(
        curve=curve,
        a=interval(a, LEVEL),
        b=interval(b, LEVEL),
        c=interval(c, LEVEL),
        times=float(ends[1] / ends[0]),
        times_between=interval(most / least, LEVEL),
        off=math.exp(float(np.abs(distances).max())),
    )


def _fit(n: Floats, seconds: Floats) -> tuple[Floats, Floats, Floats]:
    """a, b and c of each row of seconds: for each exponent that may be the best line, neither part negative."""
    grown, weights = (n / MILLION) ** EXPONENTS[:, None], 1 / seconds
    one, other = weights.sum(axis=1, keepdims=True), weights @ grown.T
    squares, both, grown_squares = (
        (weights**2).sum(axis=1, keepdims=True),
        weights**2 @ grown.T,
        weights**2 @ grown.T**2,
    )
    determinant = squares * grown_squares - both**2
    a = (one * grown_squares - other * both) / determinant
    b = (squares * other - both * one) / determinant
    a, b = np.where(b < 0, one / squares, a), np.where(a < 0, other / grown_squares, b)
    a, b = np.maximum(a, 0), np.maximum(b, 0)
    explained = a * one + b * other  # the rest of the number of cells is what is left of the squares
    best = explained.argmax(axis=1)
    row = np.arange(len(seconds))
    return a[row, best], b[row, best], EXPONENTS[best]


def _drawn_again(logs: Floats, rng: np.random.Generator) -> Floats:
    """How the centre of a cell moves when its rounds are drawn again: one deviation a replicate, none of one round."""
    count = len(logs)
    drawn = midmean(logs[rng.integers(count, size=(_REPLICATES, count))])
    return np.asarray((drawn - drawn.mean()) * math.sqrt(count / max(count - 1, 1)))


def _widened(cells: int) -> float:
    """What distances from a curve of three parts are multiplied by, since the curve was drawn towards few cells."""
    left = cells - PARTS
    few, many = (student.quantile((1 + LEVEL) / 2, dof) for dof in (left, math.inf))
    return math.sqrt(cells / left) * few / many
