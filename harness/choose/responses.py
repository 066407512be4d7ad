"""What is known of the p95 of response times under load, for any part of the questions of a mix."""

import math
from collections.abc import Collection, Sequence
from itertools import chain, islice, repeat

import msgspec
import numpy as np

from rollup_bench.harness.records.findings import Run
from rollup_bench.harness.records.lines import ClosedLoop, OpenLoop
from rollup_bench.harness.run import loops
from rollup_bench.harness.run.profiles import OBJECTIVE, PROFILES
from rollup_bench.harness.stats import histograms
from rollup_bench.harness.stats.percentiles import episodes
from rollup_bench.workloads.mixes import Mix

SHARE, NORMAL = 0.95, 2.326
"""The percentile that is bounded, and the standard errors beyond which one normal value in a hundred lies."""
_WIDTH = 1.05  # the ratio of the ends of a bucket of response times


class Loop(msgspec.Struct, frozen=True):
    """An open loop: how many responses of each question fell into each bucket; no buckets if it was not sustained.

    A bucket has the number n if its longest time is 1.05 ** n milliseconds. Requests that wait behind one another are
    slow together: `together` is how many of the slowest 5% follow one another on average, which counts as one response.
    """

    rate: float
    buckets: dict[str, dict[int, int]] = {}
    together: float = 1.0

    def p95(self, questions: Collection[str]) -> tuple[float, float]:
        """Returns between which seconds the p95 of these questions' responses lies, each bound with 99% confidence.

        The bounds are order statistics, whose ranks follow from the normal approximation of the binomial distribution,
        with a variance that is larger by the number of responses that are slow together.
        A bound that the number of responses does not give is 0 or infinite, and so is one of a rate that was not
        sustained.
        """
        if not self.buckets:
            return math.inf, math.inf
        counts: dict[int, int] = {}
        for question in questions:
            for bucket, count in self.buckets.get(question, {}).items():
                counts[bucket] = counts.get(bucket, 0) + count
        total = sum(counts.values())
        reach = _reach(total, self.together)
        low, high = math.floor(total * SHARE - reach), math.ceil(total * SHARE + reach) + 1
        return _ranked(counts, low, 0.0) / _WIDTH, _ranked(counts, high, math.inf)


class UnderLoad(msgspec.Struct, frozen=True):
    """The open loops of a mix or of a question on one arm, in increasing order of rates."""

    loops: list[Loop] = []
    slow: bool = False  # whether even a single client is known to wait longer than the objective of the run
    objective: float = OBJECTIVE  # seconds
    most: float | None = None  # the most right answers a second to clients that wait for each answer; None if unknown

    def p95(self, questions: Collection[str], rate: float) -> tuple[float, float]:
        """Returns between which seconds the p95 of these questions lies at the lowest measured rate that is not lower.

        Requests of other questions and a higher rate only make responses slower, so that the upper bound also holds for
        these questions alone at `rate`. It is infinite if no loop tells it. Of loops at one rate, the slowest counts.
        """
        sufficient = [loop for loop in self.loops if loop.rate >= rate]
        lowest = min((loop.rate for loop in sufficient), default=0.0)
        bounds = [loop.p95(questions) for loop in sufficient if loop.rate == lowest]
        return max(bounds, key=lambda bound: bound[1], default=(0.0, math.inf))

    def exceeds(self, questions: Collection[str], rate: float) -> float:
        """Returns the seconds that the p95 of all the mix's questions is known to exceed at `rate`; 0 if none are.

        Only loops at `rate` or below count: at a higher rate, responses are slower.
        """
        known = [loop.p95(questions)[0] for loop in self.loops if loop.rate <= rate]
        return max([*known, self.objective if self.slow else 0.0])

    def misses(self, questions: Collection[str], rate: float, seconds: float) -> bool:
        """Whether the p95 of all the mix's questions is known to exceed `seconds` at `rate` requests a second."""
        known = self.exceeds(questions, rate)
        return known > seconds or (self.slow and seconds <= self.objective)

    def rates(self, questions: Collection[str], seconds: float) -> tuple[float, float]:
        """Returns the highest rate known to meet a p95 of `seconds`, and the next that was tried; 0 if none met it."""
        met = max((loop.rate for loop in self.loops if self.p95(questions, loop.rate)[1] <= seconds), default=0.0)
        return met, min((loop.rate for loop in self.loops if loop.rate > met), default=math.inf)

    @property
    def sustained(self) -> tuple[float, float]:
        """The highest rate that was sustained, and the lowest that was not; 0 and infinite without such rates."""
        missed = min((loop.rate for loop in self.loops if not loop.buckets), default=math.inf)
        return max((loop.rate for loop in self.loops if loop.rate < missed), default=0.0), missed


def under_load(run: Run, mix: Mix, arm: str) -> UnderLoad | None:
    """Returns the open loops of a mix on an arm; None if it was not put under load."""
    closed, opened = loops.of_arm(run.lines, mix.name, arm)
    if not closed:
        return None
    order = _order(run, mix)
    found = [loop for line in sorted(opened, key=lambda line: line.rate) if (loop := _loop(line, order))]
    objective = opened[0].objective if opened else OBJECTIVE
    slow = not opened and any(_is_slow(line, objective) for line in closed)
    return UnderLoad(found, slow, objective, loops.most(closed))


def _is_slow(line: ClosedLoop, objective: float) -> bool:
    """Whether the p95 of one client exceeds the objective, with 99% confidence: an order statistic that bounds it."""
    if line.clients != 1 or not line.right:
        return False
    sure = SHARE - _reach(line.right) / line.right
    return sure > 0 and histograms.percentile(line.service, sure) > objective


def _order(run: Run, mix: Mix) -> list[str]:
    """Returns the questions of the requests that clients send in turn, as `load_test` draws them."""
    load = PROFILES[run.header.profile].load if run.header.profile in PROFILES else None
    blocks = mix.blocks({question: repeat(question) for question in mix.weights}, run.header.seed)
    different = load.different if load else mix.length
    return list(chain.from_iterable(islice(blocks, math.ceil(different / mix.length))))


def _loop(line: OpenLoop, order: Sequence[str]) -> Loop | None:
    """Returns an open loop as buckets of response times; None if its outcome is not known."""
    result = loops.read(line)
    if result.outcome in loops.MISSED:
        return Loop(line.rate)
    if result.outcome != "sustained":
        return None
    buckets: dict[str, dict[int, int]] = {}
    responses = loops.responses(line)
    slowest = responses > np.quantile(responses, SHARE)
    together = float(slowest.sum()) / max(episodes(slowest), 1)
    for number, time in enumerate(responses):
        counts = buckets.setdefault(order[number % len(order)], {})
        bucket = math.ceil(math.log(max(time, 1.0) / 1000) / math.log(_WIDTH))
        counts[bucket] = counts.get(bucket, 0) + 1
    return Loop(line.rate, buckets, round(max(together, 1.0), 3))


def _reach(total: int, together: float = 1.0) -> float:
    """By how many ranks the p95 of `total` responses may be too low or too high, each with 99% confidence."""
    return NORMAL * math.sqrt(total * SHARE * (1 - SHARE) * together)


def _ranked(counts: dict[int, int], rank: int, missing: float) -> float:
    """Returns the longest seconds of the bucket with the value of this rank, counted from 1; else `missing`."""
    below = 0
    for bucket in sorted(counts):
        below += counts[bucket]
        if below >= rank > 0:
            return float(_WIDTH**bucket) / 1000
    return missing
