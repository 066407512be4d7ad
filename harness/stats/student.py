"""Student's t distribution for any positive degrees of freedom."""

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

_NORMAL = 2000.0  # above these degrees of freedom, t and normal distribution agree to four digits


@lru_cache(maxsize=512)
def _cumulative(dof: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Returns angles, and the cumulative distribution of t at each angle, where t is sqrt(dof) * tan(angle).

    The density at an angle is proportional to cos(angle) ** (dof - 1).
    """
    angles = np.linspace(-math.pi / 2, math.pi / 2, 40_001)
    density = np.maximum(np.cos(angles), 0.0) ** (dof - 1)
    below = np.concatenate([[0.0], np.cumsum(density[1:] + density[:-1])])
    return angles, below / below[-1]


def _rounded(dof: float) -> float:
    """Rounds degrees of freedom down to one decimal, within 1 to 2000, so that few distributions are cached."""
    return max(math.floor(min(dof, _NORMAL) * 10) / 10, 1.0)


def quantile(probability: float, dof: float) -> float:
    """Returns the t below which a value lies with this probability; degrees of freedom under 1 count as 1."""
    dof = _rounded(dof)
    angles, below = _cumulative(dof)
    return math.sqrt(dof) * math.tan(float(np.interp(probability, below, angles)))


def two_sided(t: float, dof: float) -> float:
    """Returns the probability of a value of Student's t at least as far from 0 as `t`."""
    dof = _rounded(dof)
    angles, below = _cumulative(dof)
    return 2 * float(np.interp(-math.atan(abs(t) / math.sqrt(dof)), angles, below))
