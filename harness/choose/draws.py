"""Draws figures from the joint distribution of their errors, so that figures of the same launch vary together.

All random numbers follow from their place alone. The page computes the same numbers and so makes the same choices.
"""

import math
from functools import lru_cache

import msgspec
import numpy as np
from numpy.typing import NDArray

from rollup_bench.harness.stats.estimate import LEVEL, estimate

DRAWS = 1000
SURE = LEVEL
"""The share of draws in which something must be true to be relied on.

A candidate is chosen alone if it is the cheapest in so many draws. Two equal stores are then told apart in two runs of
a hundred, because each of them is the cheapest by chance in one.
"""
Draws = NDArray[np.float64]
"""One value for each draw."""
_SPREADS, _EDGES = 1000, 2000
"""The first columns of the random numbers for spreads, and for figures that are only known to lie between two values.

The columns before them belong to the launches, by their numbers.
"""


class Measured(msgspec.Struct, frozen=True):
    """A positive figure that was measured once in each launch.

    `centre` is the natural logarithm of its estimate. `steps` has the number of each launch, and how far the launch is
    from the centre, scaled so that the root of the sum of their squares is the standard error of the centre. It is
    empty after a single launch, because the error is then unknown.
    """

    centre: float
    steps: tuple[tuple[int, float], ...] = ()

    @classmethod
    def of(cls, launches: dict[int, float]) -> "Measured":
        """Returns the figure with these positive values by launch."""
        logs = {launch: np.log([value]) for launch, value in launches.items()}
        found = estimate(list(logs.values()))
        if len(logs) == 1:
            return cls(_rounded(found.centre))
        apart = {launch: float(log[0]) - found.centre for launch, log in logs.items()}
        scale = found.error / (math.hypot(*apart.values()) or 1.0)
        return cls(_rounded(found.centre), tuple((launch, _rounded(scale * each)) for launch, each in apart.items()))

    @property
    def value(self) -> float:
        """The estimate."""
        return float(np.exp(self.centre))

    @property
    def known(self) -> bool:
        """Whether the error of the estimate is known."""
        return bool(self.steps)

    def draws(self) -> Draws:
        """Returns the figure in each draw; the same in all draws if its error is unknown."""
        return _drawn(self)


def between(low: float, high: float, column: int) -> Draws:
    """Draws a figure that is only known to lie between two values; each logarithm between theirs is equally likely."""
    share = _uniform(_EDGES + column)
    return np.asarray(np.exp(np.log(low) + share * (np.log(high) - np.log(low))))


@lru_cache(maxsize=1024)
def _drawn(figure: Measured) -> Draws:
    if not figure.steps:
        return np.full(DRAWS, figure.value)
    moved = sum(step * normal(launch) for launch, step in figure.steps)
    return np.asarray(np.exp(figure.centre + _spread(len(figure.steps) - 1) * moved))


@lru_cache(maxsize=256)
def normal(column: int) -> Draws:
    """Returns one value of the standard normal distribution for each draw, by the method of Box and Muller."""
    return np.asarray(np.sqrt(-2 * np.log(_uniform(2 * column))) * np.cos(2 * np.pi * _uniform(2 * column + 1)))


@lru_cache(maxsize=64)
def _spread(dof: int) -> Draws:
    """Returns for each draw what makes a normal value one of Student's t with so many degrees of freedom."""
    squares = sum(normal(_SPREADS + number) ** 2 for number in range(dof))
    return np.asarray(np.sqrt(dof / squares))


def _uniform(column: int) -> Draws:
    """Returns for each draw a number between 0 and 1: a hash of the draw and the column (the last step of Murmur 3)."""
    value = np.arange(DRAWS, dtype=np.uint32) * np.uint32(0x9E3779B1) + np.uint32(column * 0x85EBCA77 % 2**32)
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        value = (value ^ (value >> np.uint32(shift))) * np.uint32(factor)
    return ((value ^ (value >> np.uint32(16))).astype(np.float64) + 0.5) / 2**32


def _rounded(value: float) -> float:
    return float(f"{value:.8g}")
