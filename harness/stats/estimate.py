"""What paired rounds say of a ratio: its centre, its uncertainty, what it could have detected."""

import math
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from rollup_bench.harness.stats import student

Logs = NDArray[np.float64]
LEVEL = 0.99
POWER = 0.8
_REPLICATES = 1000


class Estimate(msgspec.Struct, frozen=True):
    """A log-ratio with its standard error and degrees of freedom; an unknown error is infinite."""

    centre: float
    error: float
    dof: float

    def interval(self, level: float = LEVEL) -> tuple[float, float]:
        """Where the ratio lies, as a ratio (not its logarithm), at this level of confidence."""
        reach = self._reach((1 + level) / 2)
        return _exp(self.centre - reach), _exp(self.centre + reach)

    @property
    def ratio(self) -> float:
        """The ratio at the centre."""
        return math.exp(self.centre)

    @property
    def p(self) -> float:
        """How probable a log-ratio so far from 0 is where nothing differs."""
        if self.error == 0:
            return float(self.centre == 0)
        return student.two_sided(self.centre / self.error, self.dof)

    def detectable(self, floor: float = 0.0, level: float = LEVEL) -> float:
        """The smallest slowdown (1.1 is 10%) found in four runs of five; the noise floor is a log-ratio."""
        return _exp(floor + self._reach((1 + level) / 2) + self._reach(POWER))

    def _reach(self, probability: float) -> float:
        return self.error * student.quantile(probability, self.dof)


def logarithms(pairs: Sequence[tuple[int, int]]) -> Logs:
    """One number a round: the mean of the logarithms of its two times, in nanoseconds."""
    return np.asarray(np.log(np.asarray(pairs)).mean(axis=1))


def midmean(values: Logs) -> Logs:
    """The mean of the middle half along the last axis: a hiccup does not move it, small noises average out."""
    cut = values.shape[-1] // 4
    return np.asarray(np.sort(values)[..., cut : values.shape[-1] - cut].mean(axis=-1))


def estimate(launches: Sequence[Logs], rng: np.random.Generator, replicates: int = _REPLICATES) -> Estimate:
    """The log-ratio over all launches, each given as the log-ratios of its rounds (two or more for an error).

    Hierarchical bootstrap: launches are drawn with replacement, then rounds within each. Few launches
    understate their own spread, so their deviations are widened by n / (n - 1) in variance, and the interval is
    Student's with Satterthwaite's degrees of freedom. One launch tells nothing of how launches differ: then
    rounds alone count.
    """
    centres = np.array([float(midmean(rounds)) for rounds in launches])
    centre, count = float(centres.mean()), len(centres)
    kept = [len(rounds) - 2 * (len(rounds) // 4) for rounds in launches]
    if min(kept) < 2:
        return Estimate(centre, math.inf, 1.0)
    noise = np.stack([_within(rounds, rng, replicates) for rounds in launches])
    drawn = rng.integers(count, size=(count, replicates))
    deviations = (centres - centre) * math.sqrt(count / max(count - 1, 1))
    totals = (deviations[drawn] + noise[drawn, rng.integers(replicates, size=drawn.shape)]).mean(axis=0)
    between, within = float(deviations @ deviations) / count**2, float(noise.var()) / count
    return Estimate(centre, float(totals.std()), _satterthwaite(between, count - 1, within, sum(kept) - count))


def within_share(launches: int, level: float = LEVEL) -> float:
    """How narrow the rounds of one launch must be for the whole to be of width 1 about, where launches do not differ.

    More launches narrow it; but then their spread is added, with few degrees of freedom, and as it is in the median.
    """
    if launches == 1:
        return 1.0
    dof = launches - 1
    spread = (1 - 2 / (9 * dof)) ** 3  # the median of chi squared over its degrees of freedom
    few, many = (student.quantile((1 + level) / 2, one) for one in ((1 + spread) ** 2 * dof / spread**2, math.inf))
    return math.sqrt(launches / (1 + spread)) * many / few


def difference(after: Estimate, before: Estimate, shift: float = 0.0) -> Estimate:
    """What changed between two estimates made apart, less a shift common to all (Welch)."""
    error = math.hypot(after.error, before.error)
    dof = _satterthwaite(after.error**2, after.dof, before.error**2, before.dof)
    return Estimate(after.centre - before.centre - shift, error, dof)


def _within(rounds: Logs, rng: np.random.Generator, replicates: int) -> Logs:
    """How the centre of a launch moves when its rounds are drawn again: one deviation a replicate."""
    drawn = midmean(rounds[rng.integers(len(rounds), size=(replicates, len(rounds)))])
    return np.asarray(drawn - drawn.mean())


def _satterthwaite(one: float, dof_one: float, other: float, dof_other: float) -> float:
    """Degrees of freedom of the sum of two independent variances."""
    if not 0 < one + other < math.inf:
        return 1.0
    terms = ((one, dof_one), (other, dof_other))
    return (one + other) ** 2 / sum(variance**2 / dof for variance, dof in terms if variance > 0)


def _exp(value: float) -> float:
    """As `math.exp`, infinite where it overflows."""
    try:
        return math.exp(value)
    except OverflowError:
        return math.inf
