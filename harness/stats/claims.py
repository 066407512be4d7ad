"""Decides which differences between measured times may be claimed."""

import math
from collections.abc import Sequence
from typing import Literal

import msgspec
import numpy as np
from msgspec.structs import replace

from rollup_bench.harness.stats.estimate import LEVEL, Estimate

Outcome = Literal["faster", "slower", "no difference seen", "drifts"]


class Claim(msgspec.Struct, frozen=True):
    """A ratio of two times, its interval, the outcome, and the smallest detectable slowdown (1.1 is 10%).

    A bound or a slowdown that cannot be estimated is None. With the outcome `drifts` nothing is claimed, since a time
    of the ratio still fell or rose while it was measured.
    """

    ratio: float
    low: float | None
    high: float | None
    outcome: Outcome
    detectable: float | None

    @property
    def told_apart(self) -> bool:
        """Whether a difference is claimed."""
        return self.outcome in ("faster", "slower")

    def inverted(self) -> "Claim":
        """Returns the claim for the inverse ratio: `faster` becomes `slower` and `slower` becomes `faster`."""
        inverse: dict[Outcome, Outcome] = {"faster": "slower", "slower": "faster"}
        low, high = (None if bound is None else 1 / bound for bound in (self.high, self.low))
        return Claim(1 / self.ratio, low, high, inverse.get(self.outcome, self.outcome), self.detectable)


def discoveries(p_values: Sequence[float], rate: float = 1 - LEVEL) -> list[bool]:
    """Tells which tests are discoveries at a false discovery rate of at most `rate` (Benjamini, Hochberg 1995)."""
    order = np.argsort(p_values)
    passed = np.asarray(p_values)[order] <= rate * np.arange(1, len(p_values) + 1) / max(len(p_values), 1)
    last = int(np.max(np.nonzero(passed)[0], initial=-1))
    discovered = set(order[: last + 1].tolist())
    return [place in discovered for place in range(len(p_values))]


def claims(
    estimates: Sequence[Estimate],
    floors: Sequence[Estimate | None],
    drifts: Sequence[bool] | None = None,
    level: float = LEVEL,
) -> list[Claim]:
    """Returns a claim for each estimate; the false discovery rate over all estimates together is at most 1 - `level`.

    `floors` holds the noise floor of each estimate, or None. A difference is claimed only if it is a discovery and its
    interval excludes the ratio 1 and lies outside the interval of the noise floor. `drifts` says of which estimates a
    time still fell or rose; without it, of none.
    """
    discovered = discoveries([estimate.p for estimate in estimates], 1 - level)
    found = [_claim(*arguments, level) for arguments in zip(estimates, floors, discovered, strict=True)]
    unsteady = drifts if drifts is not None else [False] * len(found)
    return [replace(claim, outcome="drifts") if one else claim for claim, one in zip(found, unsteady, strict=True)]


def _claim(estimate: Estimate, floor: Estimate | None, discovered: bool, level: float) -> Claim:
    low, high = estimate.interval(level)
    floor_low, floor_high = floor.interval(level) if floor else (1.0, 1.0)
    outcome: Outcome = "no difference seen"
    if discovered and high < min(floor_low, 1.0):
        outcome = "faster"
    if discovered and low > max(floor_high, 1.0):
        outcome = "slower"
    reach = max(abs(math.log(bound)) if 0 < bound < math.inf else math.inf for bound in (floor_low, floor_high))
    return Claim(estimate.ratio, _finite(low), _finite(high), outcome, _finite(estimate.detectable(reach, level)))


def _finite(value: float) -> float | None:
    return value if 0 < value < math.inf else None
