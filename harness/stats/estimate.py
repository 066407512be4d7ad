"""Estimates times and ratios of times from the rounds of several launches, with intervals and detectable slowdowns."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from rollup_bench.harness.stats import student

Logs = NDArray[np.float64]
LEVEL = 0.99  # the confidence level of all published intervals and claims
POWER = 0.8  # the probability of claiming a slowdown of exactly the smallest detectable size
STOPS = (6, 10)
"""The numbers of launches after which a run may end because its figures are known well enough.

Each of these looks at the figures may err. So that both together err with the probability 1 - level, the first look
gets the share `EARLY` of it, and the last one the rest (Bonferroni). Intervals are therefore valid after whichever look
a run ends. The smaller share makes the intervals of the first look wider, and those of the last look narrower.
"""
EARLY = 0.25
MANY = 8  # from so many launches on, an estimate does without the variance of rounds


class Estimate(msgspec.Struct, frozen=True):
    """A log time or log-ratio with its standard error and degrees of freedom; an unknown error is infinite.

    Intervals and p-values are valid after each of the numbers of launches in `STOPS`, also if the figures decide there
    whether the run ends; `early` says that there are no more launches than at the first look.
    """

    centre: float
    error: float
    dof: float
    early: bool = False

    def interval(self, level: float = LEVEL) -> tuple[float, float]:
        """Returns the confidence interval of the ratio itself, not of its logarithm."""
        reach = self._half_width(level)
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
        return min(1.0, student.two_sided(self.centre / self.error, self.dof) / _share(self.early))

    def within(self, width: float, level: float = LEVEL) -> bool:
        """Whether the ratio is known to ±`width`, which is a fraction: 0.1 is 10%."""
        return self._half_width(level) <= math.log1p(width)

    def detectable(self, floor: float = 0.0, level: float = LEVEL) -> float:
        """Returns the smallest slowdown (1.1 is 10%) that four runs of five claim above a noise log-ratio `floor`.

        The error itself is estimated, which the approximation of noncentral t by Johnson and Welch (1940) allows for.
        """
        reach, unbiased = critical(level, self.dof, self.early), 1 - 1 / (4 * max(self.dof, 1.0))
        beyond = student.quantile(POWER, math.inf) * math.sqrt(1 + reach**2 / (2 * max(self.dof, 1.0))) / unbiased
        return _exp(floor + self.error * (reach + beyond))

    def _half_width(self, level: float) -> float:
        return self.error * critical(level, self.dof, self.early)


class Variances(NamedTuple):
    """Variances of log times or log-ratios: between the true centres of launches, and within launches.

    The centre of a launch of n rounds differs from its true centre with a variance of `within` / n. An estimate of
    `between` is negative if launches differ less than their rounds let expect.
    """

    between: float
    within: float


def critical(level: float, dof: float, early: bool = False) -> float:
    """Returns the half-width of an interval, in standard errors, at the first or at the last look of a run."""
    return student.quantile(1 - _share(early) * (1 - level) / 2, dof)


def _share(early: bool) -> float:
    """Returns which share of the permitted error, 1 - level, belongs to the first look if `early`, else to the last."""
    return EARLY if early else 1 - EARLY


def logarithms(pairs: Sequence[tuple[int, int] | None]) -> Logs:
    """Returns, for each round, the mean of the natural logarithms of an arm's two times; NaN if it was not asked."""
    times = np.array([pair or (np.nan, np.nan) for pair in pairs], dtype=np.float64).reshape(-1, 2)
    return np.asarray(np.log(times).mean(axis=1))


def asked(rounds: Logs) -> Logs:
    """Returns the values of the rounds in which an arm was asked, that is, without NaN."""
    return rounds[~np.isnan(rounds)]


def midmean(values: Logs) -> Logs:
    """Returns the mean of the middle half of the values along the last axis, which ignores outliers."""
    count = values.shape[-1]
    cut = count // 4
    return np.asarray(np.sort(values)[..., cut : count - cut].sum(axis=-1) / (count - 2 * cut))


def paired(launches: Sequence[Mapping[str, Logs]], before: str, after: str) -> list[Logs]:
    """Returns, by launch, the log-ratios of arm `after` to arm `before` in the rounds that have both arms.

    `launches` hold the log time of each round by arm, NaN for a round without the arm. A launch without a common round
    is left out.
    """
    ratios = []
    for logs in launches:
        both = min(len(logs.get(before, ())), len(logs.get(after, ())))
        if both and len(common := asked(logs[after][:both] - logs[before][:both])):
            ratios.append(common)
    return ratios


def estimate(launches: Sequence[Logs]) -> Estimate:
    """Estimates the centre of log times or log-ratios of rounds, given as an array for each launch.

    The centre of a launch is the midmean of its rounds, and the estimate is the mean over launches, whose interval is
    that of Student. Three to seven launches may be alike by chance, so the variance of rounds within launches is added,
    with Satterthwaite's degrees of freedom. This counts the rounds twice, because launches also differ by their rounds.
    For a single launch, only its rounds count. The error is infinite if it is that of a single round.
    """
    centres = np.array([float(midmean(rounds)) for rounds in launches])
    centre, count = float(centres.mean()), len(centres)
    between = float(centres.var(ddof=1)) / count if count > 1 else 0.0
    in_middle_half = [_middle_half(rounds) for rounds in launches]
    if count == 2 or count >= MANY or min(in_middle_half) < 2:
        error, dof = (math.sqrt(between), count - 1.0) if count > 1 else (math.inf, 1.0)
        return Estimate(centre, error, dof, early=count <= STOPS[0])
    within = sum(map(_variance_of_midmean, launches)) / count**2
    dof = _satterthwaite(between, count - 1, within, sum(in_middle_half) - count)
    return Estimate(centre, math.sqrt(between + within), dof, early=count <= STOPS[0])


def variances(launches: Sequence[Logs]) -> Variances:
    """Estimates the variances between and within launches from an array of log-ratios for each launch.

    Launches of fewer than two rounds tell nothing about `within`, which is 0 if there are no others. `between` is
    infinite for fewer than two launches.
    """
    measured = [rounds for rounds in launches if _middle_half(rounds) >= 2]
    within = float(np.mean([len(rounds) * _variance_of_midmean(rounds) for rounds in measured])) if measured else 0.0
    if len(launches) < 2:
        return Variances(math.inf, within)
    seen = float(np.var([midmean(rounds) for rounds in launches], ddof=1))
    return Variances(seen - within * float(np.mean([1 / len(rounds) for rounds in launches])), within)


def difference(after: Estimate, before: Estimate, shift: float = 0.0) -> Estimate:
    """Returns the difference of two independent estimates minus `shift`, with Welch's degrees of freedom."""
    error = math.hypot(after.error, before.error)
    dof = _satterthwaite(after.error**2, after.dof, before.error**2, before.dof)
    return Estimate(after.centre - before.centre - shift, error, dof, after.early or before.early)


def _middle_half(rounds: Logs) -> int:
    """Returns how many rounds the midmean is the mean of."""
    return len(rounds) - 2 * (len(rounds) // 4)


def _variance_of_midmean(rounds: Logs) -> float:
    """Returns the variance of the midmean of independent rounds (Tukey and McLaughlin, 1963); needs two rounds."""
    cut, middle, ordered = len(rounds) // 4, _middle_half(rounds), np.sort(rounds)
    ordered[:cut], ordered[len(rounds) - cut :] = ordered[cut], ordered[len(rounds) - cut - 1]
    deviations = ordered - ordered.sum() / len(rounds)
    return float(deviations @ deviations) / (middle * (middle - 1))


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
