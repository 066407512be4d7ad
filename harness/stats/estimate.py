"""Estimates a ratio of two times from rounds: the ratio, its uncertainty and the smallest detectable slowdown."""

import math
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from rollup_bench.harness.stats import student

Logs = NDArray[np.float64]
LEVEL = 0.99  # the confidence level of all published intervals and claims
POWER = 0.8  # the probability of claiming a slowdown of exactly the smallest detectable size
_REPLICATES = 1000


class Estimate(msgspec.Struct, frozen=True):
    """A log-ratio with its standard error and degrees of freedom; the error is infinite if it is unknown."""

    centre: float
    error: float
    dof: float

    def interval(self, level: float = LEVEL) -> tuple[float, float]:
        """Returns the confidence interval of the ratio itself, not of its logarithm."""
        reach = self._reach((1 + level) / 2)
        return _exp(self.centre - reach), _exp(self.centre + reach)

    @property
    def ratio(self) -> float:
        """The estimated ratio."""
        return math.exp(self.centre)

    @property
    def p(self) -> float:
        """The p-value of the two-sided test that the true log-ratio is 0."""
        if self.error == 0:
            return float(self.centre == 0)
        return student.two_sided(self.centre / self.error, self.dof)

    def detectable(self, floor: float = 0.0, level: float = LEVEL) -> float:
        """Returns the smallest slowdown (1.1 is 10%) that four runs of five claim above a noise log-ratio `floor`."""
        return _exp(floor + self._reach((1 + level) / 2) + self._reach(POWER))

    def _reach(self, probability: float) -> float:
        return self.error * student.quantile(probability, self.dof)


def logarithms(pairs: Sequence[tuple[int, int] | None]) -> Logs:
    """Returns, for each round, the mean of the natural logarithms of an arm's two times; NaN if it was not asked."""
    return np.asarray(np.log([pair or (np.nan, np.nan) for pair in pairs]).mean(axis=1))


def asked(rounds: Logs) -> Logs:
    """Returns the values of the rounds in which an arm was asked, that is, without NaN."""
    return rounds[~np.isnan(rounds)]


def midmean(values: Logs) -> Logs:
    """Returns the mean of the middle half of the values along the last axis, which ignores outliers."""
    cut = values.shape[-1] // 4
    return np.asarray(np.sort(values)[..., cut : values.shape[-1] - cut].mean(axis=-1))


def estimate(launches: Sequence[Logs], rng: np.random.Generator, replicates: int = _REPLICATES) -> Estimate:
    """Estimates the log-ratio over all launches from the log-ratios of each launch's rounds.

    The error is that of a hierarchical bootstrap, which draws launches with replacement and then rounds within each.
    The variance between n launches is multiplied by n / (n - 1), because few launches underestimate it. The
    interval uses Student's t with Satterthwaite's degrees of freedom. A single launch has no variance between launches,
    so only its rounds count. The error is infinite if a launch has fewer than two rounds.
    """
    centres = np.array([float(midmean(rounds)) for rounds in launches])
    centre, count = float(centres.mean()), len(centres)
    in_middle_half = [len(rounds) - 2 * (len(rounds) // 4) for rounds in launches]
    if min(in_middle_half) < 2:
        return Estimate(centre, math.inf, 1.0)
    noise = np.stack([_bootstrap_deviations(rounds, rng, replicates) for rounds in launches])
    drawn = rng.integers(count, size=(count, replicates))
    deviations = (centres - centre) * math.sqrt(count / max(count - 1, 1))
    totals = (deviations[drawn] + noise[drawn, rng.integers(replicates, size=drawn.shape)]).mean(axis=0)
    between, within = float(deviations @ deviations) / count**2, float(noise.var()) / count
    dof = _satterthwaite(between, count - 1, within, sum(in_middle_half) - count)
    return Estimate(centre, float(totals.std()), dof)


def launch_width(launches: int, level: float = LEVEL) -> float:
    """Returns the interval width that each launch alone needs so that all launches together have a width of about 1.

    The true ratio is assumed to be the same in all launches, and the estimated variance between launches, which widens
    the combined interval, to be the median of its distribution.
    """
    if launches == 1:
        return 1.0
    dof = launches - 1
    variance = (1 - 2 / (9 * dof)) ** 3  # the median of chi squared divided by its degrees of freedom
    combined_dof = (1 + variance) ** 2 * dof / variance**2
    few, many = (student.quantile((1 + level) / 2, dof) for dof in (combined_dof, math.inf))
    return math.sqrt(launches / (1 + variance)) * many / few


def difference(after: Estimate, before: Estimate, shift: float = 0.0) -> Estimate:
    """Returns the difference of two independent estimates minus `shift`, with Welch's degrees of freedom."""
    error = math.hypot(after.error, before.error)
    dof = _satterthwaite(after.error**2, after.dof, before.error**2, before.dof)
    return Estimate(after.centre - before.centre - shift, error, dof)


def _bootstrap_deviations(rounds: Logs, rng: np.random.Generator, replicates: int) -> Logs:
    """Draws a launch's rounds with replacement `replicates` times; returns each midmean minus their mean."""
    drawn = midmean(rounds[rng.integers(len(rounds), size=(replicates, len(rounds)))])
    return np.asarray(drawn - drawn.mean())


def _satterthwaite(variance: float, dof: float, other_variance: float, other_dof: float) -> float:
    """Returns the degrees of freedom of the sum of two independent variances."""
    total = variance + other_variance
    if not 0 < total < math.inf:
        return 1.0
    terms = ((variance, dof), (other_variance, other_dof))
    return total**2 / sum(part**2 / part_dof for part, part_dof in terms if part > 0)


def _exp(value: float) -> float:
    """Returns `math.exp(value)`, or infinity where that overflows."""
    try:
        return math.exp(value)
    except OverflowError:
        return math.inf
