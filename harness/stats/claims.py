"""When a difference may be claimed."""

import math
from collections.abc import Sequence
from typing import Literal

import msgspec
import numpy as np

from rollup_bench.harness.stats.estimate import LEVEL, Estimate

Outcome = Literal["faster", "slower", "no difference seen"]


class Claim(msgspec.Struct, frozen=True):
    """A ratio of times with its interval (None where unknown), what is claimed, what could be detected."""

    ratio: float
    low: float | None
    high: float | None
    outcome: Outcome
    detectable: float | None

    def inverted(self) -> "Claim":
        """The same claim with the two sides exchanged."""
        turned: dict[Outcome, Outcome] = {"faster": "slower", "slower": "faster"}
        low, high = (None if bound is None else 1 / bound for bound in (self.high, self.low))
        return Claim(1 / self.ratio, low, high, turned.get(self.outcome, self.outcome), self.detectable)


def false_discoveries_held(ps: Sequence[float], rate: float = 1 - LEVEL) -> list[bool]:
    """Which of many tests are discoveries, at most `rate` of these false (Benjamini, Hochberg 1995)."""
    order = np.argsort(ps)
    passed = np.asarray(ps)[order] <= rate * np.arange(1, len(ps) + 1) / max(len(ps), 1)
    last = int(np.max(np.nonzero(passed)[0], initial=-1))
    held = set(order[: last + 1].tolist())
    return [place in held for place in range(len(ps))]


def claims(estimates: Sequence[Estimate], floors: Sequence[Estimate | None], level: float = LEVEL) -> list[Claim]:
    """One claim for each log-ratio, all of one family, each beside the A/A ratio that is its noise floor.

    A difference is claimed only if it is a discovery at this level and its interval lies outside the floor's.
    """
    held = false_discoveries_held([one.p for one in estimates], 1 - level)
    return [_claim(one, floor, found, level) for one, floor, found in zip(estimates, floors, held, strict=True)]


def _claim(one: Estimate, floor: Estimate | None, found: bool, level: float) -> Claim:
    low, high = one.interval(level)
    quiet, loud = floor.interval(level) if floor else (1.0, 1.0)
    outcome: Outcome = "no difference seen"
    if found and high < min(quiet, 1.0):
        outcome = "faster"
    if found and low > max(loud, 1.0):
        outcome = "slower"
    reach = max(abs(math.log(bound)) if 0 < bound < math.inf else math.inf for bound in (quiet, loud))
    return Claim(one.ratio, _finite(low), _finite(high), outcome, _finite(one.detectable(reach, level)))


def _finite(value: float) -> float | None:
    return value if 0 < value < math.inf else None
