"""Decides how much to measure: the rounds of a launch, how often each arm is asked in them, and when a run may end."""

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from statistics import median_low

import msgspec
import numpy as np

from rollup_bench.harness.stats.abba import AGAIN
from rollup_bench.harness.stats.claims import claims
from rollup_bench.harness.stats.estimate import (
    LEVEL,
    MANY,
    STOPS,
    Logs,
    Variances,
    critical,
    midmean,
    paired,
    variances,
)
from rollup_bench.harness.stats.moderation import estimates
from rollup_bench.harness.stats.noise import Key, Measured, floors

Seconds = Mapping[Key, Mapping[str, float]]
"""For each question, by arm, the seconds of one request, without second names of A/A controls."""
Pair = tuple[Key, str, str]
"""Two arms at a question."""

WIDTH = 0.06
"""How exactly a ratio must be known: to ±6%. A slowdown of 10% is then found in four runs of five."""
WALL = 0.1
"""How exactly a ratio of wall times must be known if a run ends early; a ratio of processor times as `WIDTH` says."""
ENOUGH = 0.85  # the share of pairs that must be told apart or known before a run ends early
RARELY = 8  # in the first two launches, an arm is asked at least in every eighth round
_SLOW = 4  # an arm that takes this many times as long as the median arm is slow


class Share(msgspec.Struct, frozen=True):
    """How many rounds a question has in a launch; by arm, in every how many-th of them it is asked (1: in all)."""

    rounds: int
    every: Mapping[str, int]


class Limits(msgspec.Struct, frozen=True):
    """What bounds a launch: the fewest and the most rounds of a question, and the seconds of all rounds together.

    `fixed` is the seconds of a launch that do not depend on its rounds: loads, restarts, warm-up, requests alone.
    `launches` is the most launches of the run.
    """

    least: int
    most: int
    seconds: float
    fixed: float = 0.0
    launches: int = STOPS[-1]


def finished(wall: Measured, processor: Measured) -> bool:
    """Returns whether a run may end after the launches so far.

    It may end after a number of launches in `STOPS` if enough pairs of arms are told apart, or known to ±10% in wall
    time and to ±6% in processor time. The intervals of `Estimate` allow for these looks. A run of one arm has no pairs,
    so it performs all launches.
    """
    launches = max(map(len, wall.values()), default=0)
    if launches not in STOPS:
        return False
    pairs = sum(1 for measured in (wall, processor) for _ in _pairs(measured))
    return pairs > 0 and pairs - len(unknown(wall, WALL)) - len(unknown(processor, WIDTH)) >= ENOUGH * pairs


def unknown(measured: Measured, width: float) -> set[Pair]:
    """Returns the pairs of arms that are neither told apart nor known to ±`width`, a fraction."""
    pairs, noise = list(_pairs(measured)), floors(measured)
    ratios = estimates([paired(measured[key], versus, arm) for key, arm, versus in pairs])
    found = zip(pairs, ratios, claims(ratios, [noise.get(key) for key, *_ in pairs]), strict=True)
    return {pair for pair, ratio, claim in found if not claim.told_apart and not ratio.within(width)}


def shares(earlier: Measured, seconds: Seconds, limits: Limits) -> dict[Key, Share]:
    """Returns the share of each question in the next launch.

    In the first two launches, and without pairs, all arms are asked equally often, except for slow ones if the seconds
    do not suffice. Then the variances between and within launches are estimated, and the run is planned so that it ends
    soonest: more launches with fewer rounds, or fewer launches with more. Pairs that are far apart need fewer rounds; a
    run of too few launches to end early gets the most. If the rounds take too long, the arms that need the most seconds
    get fewer.
    """
    launches = max(map(len, earlier.values()), default=0)
    pairs = [pair for pair in _pairs(earlier) if _asked(pair, seconds)]
    if launches < 2 or not pairs:
        return _equal_shares(seconds, limits)
    known = {(key, arm, versus): _known(paired(earlier[key], versus, arm)) for key, arm, versus in pairs}
    plans: dict[int, dict[Pair, float]] = {
        total: {pair: _rounds(*each, total, limits) for pair, each in known.items()}
        for total in STOPS
        if launches < total <= limits.launches
    }
    best = min(plans, key=lambda total: _price(total, plans[total], seconds, limits), default=0)
    needed = plans.get(best, dict.fromkeys(known, math.inf))
    return _fitting(_by_arm(needed, seconds, limits), seconds, limits)


def _pairs(measured: Measured) -> Iterator[Pair]:
    """Yields every two arms of each question that share a round, without second names of A/A controls."""
    for key, launches in measured.items():
        arms = dict.fromkeys(arm for logs in launches for arm in logs if not arm.endswith(AGAIN))
        yield from ((key, arm, versus) for arm, versus in combinations(arms, 2) if paired(launches, versus, arm))


def _asked(pair: Pair, seconds: Seconds) -> bool:
    """Whether the next launch asks both arms of a pair."""
    key, *arms = pair
    return all(arm in seconds.get(key, {}) for arm in arms)


def _known(ratios: Sequence[Logs]) -> tuple[Variances, float]:
    """Returns what is known of a pair: its variances, and its log-ratio without a sign."""
    return variances(ratios), abs(float(np.mean([midmean(rounds) for rounds in ratios])))


def _rounds(spread: Variances, apart: float, launches: int, limits: Limits) -> float:
    """Returns the rounds of each launch with which a pair is known well enough after so many `launches`.

    That is to ±6%, or to half the log-ratio of arms that are far apart. The variance of the estimate is
    (between + within / rounds) / launches, in which `estimate` counts the rounds twice for fewer than `MANY` launches.
    The plan assumes that each ratio is estimated by itself, so a run is planned with more rounds than intervals from
    all ratios of the run (`moderation`) need. Returns infinity if no number of rounds suffices.
    """
    half_width = max(math.log1p(WIDTH), apart / 2)
    wanted = launches * (half_width / critical(LEVEL, launches - 1, launches == STOPS[0])) ** 2
    within = spread.within * (1 if launches >= MANY else 2)
    between = max(spread.between, 0.0)
    return max(within / (wanted - between), limits.least) if wanted > between else math.inf


def _price(launches: int, needed: Mapping[Pair, float], seconds: Seconds, limits: Limits) -> tuple[int, float]:
    """Returns how many pairs a plan leaves unknown, and the seconds of all its launches; less is better."""
    failing = sum(rounds > limits.most for rounds in needed.values())
    rounds = _by_arm(needed, seconds, limits)
    return failing, launches * (limits.fixed + _seconds(rounds, seconds))


def _by_arm(needed: Mapping[Pair, float], seconds: Seconds, limits: Limits) -> dict[Key, dict[str, float]]:
    """Returns the rounds that each arm of each question takes part in: the most that any of its pairs needs."""
    rounds = {key: dict.fromkeys(arms, float(limits.least)) for key, arms in seconds.items()}
    for (key, *arms), number in needed.items():
        for arm in arms:
            rounds[key][arm] = min(max(rounds[key][arm], number), limits.most)
    return rounds


def _seconds(rounds: Mapping[Key, Mapping[str, float]], seconds: Seconds) -> float:
    """Returns the seconds of all rounds."""
    asked = ({arm: number * seconds[key][arm] for arm, number in arms.items()} for key, arms in rounds.items())
    return sum(map(_with_control, asked))


def _fitting(rounds: Mapping[Key, Mapping[str, float]], seconds: Seconds, limits: Limits) -> dict[Key, Share]:
    """Returns shares with these rounds; if they would take too long, no arm of a question takes more than its part."""
    one = {
        (key, arm): _with_control(times) * each / sum(times.values())
        for key, times in seconds.items()
        for arm, each in times.items()
    }
    part = _part([rounds[key][arm] * each for (key, arm), each in one.items()], limits.seconds)
    fitting = {
        key: {arm: max(min(number, part / one[key, arm]), limits.least) for arm, number in arms.items()}
        for key, arms in rounds.items()
    }
    found = {}
    for key, arms in fitting.items():
        most = math.ceil(max(arms.values(), default=limits.least))
        found[key] = Share(most, {arm: _seldom(most / number) for arm, number in arms.items()})
    return found


def _part(seconds: Sequence[float], limit: float) -> float:
    """Returns the most seconds that each may take so that all take at most `limit`; infinity if they take less."""
    for number, each in enumerate(sorted(seconds)):
        if each * (len(seconds) - number) > limit:
            return limit / (len(seconds) - number)
        limit -= each
    return math.inf


def _seldom(ratio: float) -> int:
    """Returns the power of two that is nearest to `ratio`, which is at least 1."""
    return 1 << round(math.log2(ratio))


def intervals(seconds: Mapping[str, float], most: int) -> dict[str, int]:
    """Returns, by arm, in every how many-th round it is asked: a power of two, at most `most`.

    It is the smallest for which the arm takes at most four times as long as the median arm.
    """
    typical = median_low(seconds.values()) if seconds else 0.0
    return {arm: _power_of_two(each / (_SLOW * typical), most) for arm, each in seconds.items()}


def _equal_shares(seconds: Seconds, limits: Limits) -> dict[Key, Share]:
    """Returns shares that ask all arms in all rounds, and slow arms less often if that would take too long."""
    rarely = 1
    while True:
        every = {key: intervals(times, rarely) for key, times in seconds.items()}
        round_seconds = sum(
            _with_control({arm: each / every[key][arm] for arm, each in times.items()})
            for key, times in seconds.items()
        )
        rounds = min(limits.most, int(limits.seconds / max(round_seconds, 1e-9)))
        if rounds >= limits.most or rarely >= RARELY:
            return {key: Share(max(rounds, limits.least), every[key]) for key in seconds}
        rarely *= 2


def _with_control(seconds: Mapping[str, float]) -> float:
    """Returns the seconds of rounds by arm, in which every arm is asked twice, and one under a second name too."""
    return 2 * sum(seconds.values()) * (len(seconds) + 1) / max(len(seconds), 1)


def _power_of_two(least: float, most: int) -> int:
    """Returns the smallest power of two that is at least `least`, or `most` if that is smaller."""
    power = 1
    while power < least and power < most:
        power *= 2
    return power
