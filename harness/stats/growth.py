"""Fits the curve seconds = a + b (n / a million)^c to times at several numbers n of events, with intervals."""

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
PARTS = 3  # the number of parameters of a curve; a fit needs more points than parameters
EXPONENTS = np.arange(0.05, 2.005, 0.01)
FLAT = (1.1, 2.0)
"""The growth is flat if the interval of `ratio` begins below the first bound and ends below the second."""
WIDE = 0.5  # the exponent c is unknown if its interval is wider than this
_REPLICATES = 1000

Floats = NDArray[np.float64]
Interval = tuple[float, float]


class Curve(msgspec.Struct, frozen=True):
    """Seconds for n events: a constant `a`, plus `b` seconds for a million events that grow with the exponent `c`."""

    a: float
    b: float
    c: float

    def __call__(self, events: ArrayLike) -> Floats:
        """Returns the seconds for each number of events."""
        return self.a + self.b * (np.asarray(events) / MILLION) ** self.c


class Growth(msgspec.Struct, frozen=True):
    """A curve with the 99% intervals of its parameters.

    `ratio` is the curve's time at the largest number of events divided by that at the smallest, with its interval.
    `largest_deviation` is the largest ratio between a measured time and the curve, in either direction; a large one
    shows that the time depends on more than the number of events.
    """

    curve: Curve
    a: Interval
    b: Interval
    c: Interval
    ratio: float
    ratio_interval: Interval
    largest_deviation: float

    @property
    def outcome(self) -> Literal["known", "flat", "unknown"]:
        """`flat` if the time hardly grows, `known` if it grows with an exponent c that is known, and else `unknown`."""
        low, high = self.ratio_interval
        if low < FLAT[0]:
            return "flat" if high < FLAT[1] else "unknown"
        return "known" if self.c[1] - self.c[0] <= WIDE else "unknown"


def growth(events: Sequence[int], seconds: Sequence[ArrayLike], rng: np.random.Generator) -> Growth:
    """Fits a curve to more than three points; each point has a number of events and the seconds of its rounds.

    The fit minimises relative squared errors, because times differ by orders of magnitude. The intervals come from a
    bootstrap that draws each point's rounds with replacement and gives each point's residual a random sign. Residuals
    are widened, most for few points. The intervals therefore cover the noise of times and the misfit of the curve.
    """
    n, logs = np.asarray(events), [np.log(np.asarray(rounds)) for rounds in seconds]
    centres = np.array([float(midmean(rounds)) for rounds in logs])
    curve = Curve(*(float(part[0]) for part in _fit(n, np.exp(centres)[None, :])))
    residuals = centres - np.log(curve(n))
    noise = np.stack([_bootstrap_deviations(rounds, rng) for rounds in logs], axis=1)
    signs = rng.choice((-1.0, 1.0), size=noise.shape)
    drawn = np.log(curve(n)) + signs * residuals * _widening(len(n)) + noise
    a, b, c = _fit(n, np.exp(drawn))
    least, most = (a + b * (bound / MILLION) ** c for bound in (n.min(), n.max()))
    ends = curve((n.min(), n.max()))
    return Growth(
        curve=curve,
        a=interval(a, LEVEL),
        b=interval(b, LEVEL),
        c=interval(c, LEVEL),
        ratio=float(ends[1] / ends[0]),
        ratio_interval=interval(most / least, LEVEL),
        largest_deviation=math.exp(float(np.abs(residuals).max())),
    )


def _fit(n: Floats, seconds: Floats) -> tuple[Floats, Floats, Floats]:
    """Fits each row of seconds: tries exponents c with their best non-negative a and b; returns the best a, b and c."""
    grown, weights = (n / MILLION) ** EXPONENTS[:, None], 1 / seconds
    total, grown_total = weights.sum(axis=1, keepdims=True), weights @ grown.T
    squares, products = (weights**2).sum(axis=1, keepdims=True), weights**2 @ grown.T
    grown_squares = weights**2 @ grown.T**2
    determinant = squares * grown_squares - products**2
    a = (total * grown_squares - grown_total * products) / determinant
    b = (squares * grown_total - products * total) / determinant
    a, b = np.where(b < 0, total / squares, a), np.where(a < 0, grown_total / grown_squares, b)
    a, b = np.maximum(a, 0), np.maximum(b, 0)
    explained = a * total + b * grown_total  # the number of points minus `explained` is the residual sum of squares
    best = explained.argmax(axis=1)
    row = np.arange(len(seconds))
    return a[row, best], b[row, best], EXPONENTS[best]


def _bootstrap_deviations(logs: Floats, rng: np.random.Generator) -> Floats:
    """Draws a point's rounds with replacement; returns each draw's midmean minus the draws' mean, 0 for one round."""
    count = len(logs)
    drawn = midmean(logs[rng.integers(count, size=(_REPLICATES, count))])
    return np.asarray((drawn - drawn.mean()) * math.sqrt(count / max(count - 1, 1)))


def _widening(points: int) -> float:
    """Returns the factor for residuals, which are too small because the curve was fitted to the same few points."""
    degrees = points - PARTS
    few, many = (student.quantile((1 + LEVEL) / 2, dof) for dof in (degrees, math.inf))
    return math.sqrt(points / degrees) * few / many
