"""Estimates the ratios of a run together.

A few launches do not show how much launches vary. So the variance of each ratio is averaged with the variance expected
from all ratios of the run, which weighs more if their variances are alike (the moderated t of G. Smyth, 2004,
Statistical Applications in Genetics and Molecular Biology 3, article 3).
"""

import math
from collections.abc import Sequence

import numpy as np

from rollup_bench.harness.stats.estimate import STOPS, Estimate, Logs, estimate, midmean, variances

LEAST = STOPS[0]  # with fewer launches, a ratio is estimated by itself
FAMILY = 30  # fewer ratios do not show whether their variances are alike
_UNLIKE = 3.0  # a variance of more than this many times the expected one is not averaged with it
_DEGREES = np.geomspace(0.05, 2000.0, 500)


def estimates(ratios: Sequence[Sequence[Logs]]) -> list[Estimate]:
    """Estimates log-ratios from their rounds, given as an array for each launch of each ratio.

    The variance over launches is expected to be that of the rounds, which is known, and a common part. It is averaged
    with the variance seen; the weight of what is expected, in degrees of freedom, follows from how much the variances
    seen deviate from it. A ratio of fewer than 6 launches, and each of fewer than 30 ratios, is estimated by itself
    (`estimate`), and so is a ratio whose variance is more than three times the expected one. `estimate` adds the
    variance of the rounds at 6 and 7 launches.
    """
    found = [estimate(launches) for launches in ratios]
    places = [place for place, launches in enumerate(ratios) if len(launches) >= LEAST]
    if len(places) < FAMILY:
        return found
    counts = np.array([len(ratios[place]) for place in places])
    seen = np.array([np.var([midmean(rounds) for rounds in ratios[place]], ddof=1) for place in places])
    between = np.array([variances(ratios[place]).between for place in places])
    expected = max(float(between.mean()), 0.0) + seen - between
    usable = (seen > 0) & (expected > 0)
    if usable.sum() < FAMILY:
        return found
    weight, scale = _prior(seen[usable] / expected[usable], counts[usable] - 1.0)
    expected *= scale
    moderated = (weight * expected + (counts - 1) * seen) / (weight + counts - 1)
    for i in np.flatnonzero(usable & (seen <= _UNLIKE * expected)):
        place, error = places[i], math.sqrt(moderated[i] / counts[i])
        found[place] = Estimate(found[place].centre, error, weight + counts[i] - 1, found[place].early)
    return found


def _prior(ratios: Logs, dof: Logs) -> tuple[float, float]:
    """Fits a scaled F distribution to variances seen over expected; returns its degrees of freedom and its scale.

    The mean and the variance of the logarithms are matched, as Smyth does.
    """
    logs = np.log(ratios) - _log_bias(dof)
    spread = float(logs.var(ddof=1)) - float(_log_variance(dof).mean())
    weight = float(np.interp(-spread, -_log_variance(_DEGREES), _DEGREES))
    return weight, math.exp(float(logs.mean()) + float(_log_bias(np.array([weight]))[0]))


def _log_bias(dof: Logs) -> Logs:
    """Returns the mean of log(chi-square / dof): the digamma function, by differences of the log gamma function."""
    half = dof / 2
    step = half / 100
    return (_log_gamma(half + step) - _log_gamma(half - step)) / (2 * step) - np.log(half)


def _log_variance(dof: Logs) -> Logs:
    """Returns the variance of log(chi-square): the trigamma function, by differences of the log gamma function."""
    half = dof / 2
    step = half / 100
    return (_log_gamma(half + step) - 2 * _log_gamma(half) + _log_gamma(half - step)) / step**2


def _log_gamma(values: Logs) -> Logs:
    return np.array([math.lgamma(value) for value in values])
