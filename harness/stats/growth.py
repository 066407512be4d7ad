"""Fits the curve seconds = a + b (n / a million)^c to times at several numbers n of events, where `a` is measured."""

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from rollup_bench.harness.stats import student
from rollup_bench.harness.stats.percentiles import interval

MILLION = 10**6
LEVEL = 0.95  # the confidence level of the intervals of b and c
PARTS = 2  # the number of fitted parameters, b and c; a fit needs more sizes than parameters
EXPONENTS = np.round(np.arange(-0.5, 2.505, 0.01), 2)
SHARE = 2.0  # an exponent is told only if the growing part at the largest size exceeds the fixed cost this many times
MISFIT = 1.25  # a curve does not fit if a time is off by more than this factor
_REPLICATES = 1000

Floats = NDArray[np.float64]
Interval = tuple[float, float]


class Curve(msgspec.Struct, frozen=True):
    """Seconds for n events: the fixed cost `a`, plus `b` seconds for a million events that grow with exponent `c`."""

    a: float
    b: float
    c: float

    def __call__(self, events: ArrayLike) -> Floats:
        """Returns the seconds for each number of events."""
        return self.a + self.b * (np.asarray(events) / MILLION) ** self.c


class Outcome(NamedTuple):
    """What is known of an exponent: `known`, `fixed` (the fixed cost hides it) or `unknown`; with the reason."""

    kind: Literal["known", "fixed", "unknown"]
    reason: str = ""


class Growth(msgspec.Struct, frozen=True):
    """A curve with the 95% intervals of `b` and `c`.

    `growing` is the measured time at the largest size without the fixed cost, in seconds. `largest_deviation` is the
    largest ratio between a measured time and the curve, in either direction.
    """

    curve: Curve
    b: Interval
    c: Interval
    growing: float
    largest_deviation: float

    @property
    def half_width(self) -> float:
        """Half the width of the interval of the exponent."""
        return (self.c[1] - self.c[0]) / 2

    def outcome(self, limit: float) -> Outcome:
        """Returns what is known of the exponent; `limit` is the largest half-width of a known one."""
        if self.growing <= SHARE * self.curve.a:
            return Outcome("fixed", f"the growing part is at most {SHARE:g} times the fixed cost")
        if self.largest_deviation > MISFIT:
            return Outcome("unknown", f"no curve fits: a time is off by a factor of {self.largest_deviation:.2f}")
        if self.half_width > limit:
            return Outcome("unknown", f"the exponent is known to ±{self.half_width:.2f} only, not to ±{limit:g}")
        return Outcome("known")


def growth(events: Sequence[int], seconds: Sequence[ArrayLike], fixed: ArrayLike, rng: np.random.Generator) -> Growth:
    """Fits a curve to more than two sizes, given by their numbers of events and the seconds of each load.

    `fixed` are seconds of requests about no events; `a` is their geometric mean. The fit minimises relative squared
    errors, because times differ by orders of magnitude. The intervals come from a bootstrap that draws the values of
    `fixed` and the loads of each size with replacement, and gives each size's residual a random sign. Residuals are
    widened, most for few sizes. The intervals therefore cover the noise of times and the misfit of the curve.
    """
    n, logs, logs_fixed = np.asarray(events), [np.log(np.asarray(loads)) for loads in seconds], np.log(fixed)
    centres, a = np.array([loads.mean() for loads in logs]), math.exp(logs_fixed.mean())
    b, c = _fit(n, np.exp(centres)[None, :], np.array([a]))
    curve = Curve(a, float(b[0]), float(c[0]))
    residuals = centres - np.log(curve(n))
    noise = np.stack([_bootstrap_deviations(loads, rng) for loads in logs], axis=1)
    signs = rng.choice((-1.0, 1.0), size=noise.shape)
    drawn = np.log(curve(n)) + signs * residuals * _widening(len(n)) + noise
    b, c = _fit(n, np.exp(drawn), a * np.exp(_bootstrap_deviations(logs_fixed, rng)))
    return Growth(
        curve=curve,
        b=interval(b, LEVEL),
        c=interval(c, LEVEL),
        growing=math.exp(centres[n.argmax()]) - a,
        largest_deviation=math.exp(float(np.abs(residuals).max())),
    )


def _fit(n: Floats, seconds: Floats, a: Floats) -> tuple[Floats, Floats]:
    """Fits each row of seconds with its fixed cost: tries all exponents with their best `b` of at least 0."""
    grown, weights = (n / MILLION) ** EXPONENTS[:, None], 1 / seconds**2
    products = (weights * (seconds - a[:, None])) @ grown.T
    squares = weights @ grown.T**2
    b = np.maximum(products / squares, 0)
    best = (b * products).argmax(axis=1)  # the squares that are left are a constant minus b * products
    row = np.arange(len(seconds))
    return b[row, best], EXPONENTS[best]


def _bootstrap_deviations(logs: Floats, rng: np.random.Generator) -> Floats:
    """Draws values with replacement; returns each draw's mean minus the mean of all values, 0 for a single value."""
    count = len(logs)
    drawn = logs[rng.integers(count, size=(_REPLICATES, count))].mean(axis=1)
    return np.asarray((drawn - logs.mean()) * math.sqrt(count / max(count - 1, 1)))


def _widening(sizes: int) -> float:
    """Returns the factor for residuals, which are too small because the curve was fitted to the same few sizes."""
    degrees = sizes - PARTS
    few, many = (student.quantile((1 + LEVEL) / 2, dof) for dof in (degrees, math.inf))
    return math.sqrt(sizes / degrees) * few / many
