"""Decides how much to measure: how many rounds a launch has, how often each arm is asked, and when a run ends."""

from collections.abc import Mapping, Sequence
from statistics import median_low

import msgspec

from rollup_bench.harness.stats.estimate import Logs

Key = tuple[str, str]
"""A question and its cache state."""
Measured = Mapping[Key, Sequence[Mapping[str, Logs]]]
"""By question, for each launch, the log time of each round by arm; NaN for a round in which the arm was not asked.

The second name of an A/A control is an arm of its own. Processor time is given as a single value for each launch.
"""
Seconds = Mapping[Key, Mapping[str, float]]
"""For each question, by arm, the seconds of one request, without second names of A/A controls."""
_SLOW = 4  # an arm that takes this many times as long as the median arm is slow
RARELY = 8  # a slow arm is asked at least in every eighth round


class Limits(msgspec.Struct, frozen=True):
    """What bounds a launch: the fewest and the most rounds of a question, and the seconds of all rounds together.

    `fixed` is the seconds of a launch that do not depend on its rounds: loads, restarts, warm-up, requests alone.
    """

    least: int
    most: int
    seconds: float
    fixed: float = 0.0


class Share(msgspec.Struct, frozen=True):
    """How many rounds a question has in a launch; by arm, in every how many-th of them it is asked (1: in all)."""

    rounds: int
    every: Mapping[str, int]


def intervals(seconds: Mapping[str, float], most: int) -> dict[str, int]:
    """Returns, by arm, in every how many-th round it is asked: a power of two, at most `most`.

    It is the smallest for which the arm takes at most four times as long as the median arm.
    """
    typical = median_low(seconds.values()) if seconds else 0.0
    return {arm: _power_of_two(each / (_SLOW * typical), most) for arm, each in seconds.items()}


def shares(earlier: Measured, seconds: Seconds, limits: Limits) -> dict[Key, Share]:
    """Returns the share of each question in the next launch; `earlier` has the launches so far.

    Slow arms are asked less often only if the rounds take too long otherwise.
    """
    rarely = 1
    while True:
        every = {key: intervals(times, rarely) for key, times in seconds.items()}
        round_seconds = sum(_round_seconds(times, every[key]) for key, times in seconds.items())
        rounds = min(limits.most, int(limits.seconds / max(round_seconds, 1e-9)))
        if rounds >= limits.most or rarely >= RARELY:
            return {key: Share(max(rounds, limits.least), every[key]) for key in seconds}
        rarely *= 2


def finished(wall: Measured, processor: Measured) -> bool:
    """Returns whether the launches so far suffice, so that a run needs no more of them."""
    return False


def _round_seconds(times: Mapping[str, float], every: Mapping[str, int]) -> float:
    """Returns the seconds of a round: every arm is asked twice, and one of them under a second name too."""
    return 2 * sum(each / every[arm] for arm, each in times.items()) * (len(times) + 1) / max(len(times), 1)


def _power_of_two(least: float, most: int) -> int:
    """Returns the smallest power of two that is at least `least`, or `most` if that is smaller."""
    power = 1
    while power < least and power < most:
        power *= 2
    return power
