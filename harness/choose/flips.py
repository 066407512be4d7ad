"""What would change a choice: for each need and price, the value beyond which another candidate is chosen."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from rollup_bench.harness.choose.candidates import Candidate
from rollup_bench.harness.choose.draws import Draws
from rollup_bench.harness.choose.needs import Prices, changed
from rollup_bench.harness.choose.rule import Decision, Rule
from rollup_bench.harness.stats.estimate import LEVEL
from rollup_bench.harness.stats.percentiles import interval

BOUNDS = ("p95_ms", "disk_gb", "load_seconds")
_AMOUNTS = ("rate", "unforeseen", "events_a_day", *Prices.__struct_fields__)
_MOST = {"unforeseen": 1.0}  # all other needs and prices have no largest value
_STEP = 1e6  # how many times a need or price is increased to see how prices of candidates depend on it
_FLAT = 1e-7  # prices that move apart by a smaller part of the price depend equally on a need
FAR = 100.0
"""Values further from that of the needs than this factor are left out."""
_BEYOND = 1e-3  # how far beyond a bound, relative to it, the next choice is looked up


class Flip(msgspec.Struct, frozen=True):
    """The value of a need or price beyond which `chosen` is chosen instead; an empty list means nothing known serves.

    `low` and `high` bound the value with 99% confidence; None for a bound that was not found.
    """

    need: str
    up: bool  # whether the choice changes above the value; else below it
    value: float
    low: float | None
    high: float | None
    chosen: list[str]
    now: float | None = None  # the value of the needs; None if they have none


def flips(rule: Rule, decision: Decision) -> list[Flip]:
    """Returns what would replace the chosen candidate; the value that is nearest to that of the needs comes first.

    Returns nothing if several candidates cannot be told apart: any of them may be chosen already.
    """
    if len(decision.chosen) != 1:
        return []
    by_name = {one.name: one for one in rule.candidates()}
    best, *rivals = (by_name[offer.name] for offer in decision.offers)
    search = _Search(rule, best, rivals)
    amounts = [flip for name in _AMOUNTS for flip in search.amount(name)]
    weights = [flip for question in rule.ask for flip in search.weight(question)]
    found = [*amounts, *weights, *(flip for name in BOUNDS for flip in search.bound(name))]
    known = rule.needs.numbers | rule.ask
    return sorted((msgspec.structs.replace(flip, now=known[flip.need]) for flip in found), key=_distance)


@dataclass(frozen=True)
class _Search:
    """Looks for what would replace the candidate `best`, given the `rivals` that meet all needs, too."""

    rule: Rule
    best: Candidate
    rivals: list[Candidate]

    def amount(self, name: str) -> Iterator[Flip]:
        """Yields the flips of a need or price on which the prices of candidates depend linearly."""
        needs = self.rule.needs
        now = getattr(needs.prices if name in Prices.__struct_fields__ else needs, name)
        if now is None or (name == "unforeseen" and self._asks_a_measured_mix):
            return
        step = now * _STEP or _STEP
        if name in _MOST:
            step = _MOST[name] / 4 if now < _MOST[name] / 2 else -_MOST[name] / 4
        found = list(self._crossings(name, now, step, self._rule(name, now + step)))
        above = [flip for flip in found if flip.up]
        above += self._rate_limit() if name == "rate" else []
        yield from (flip for flip in found if not flip.up)
        yield from sorted(above, key=lambda flip: flip.value)[:1]

    def weight(self, question: str) -> Iterator[Flip]:
        """Yields the flips of a question's weight."""
        ask = self.rule.ask
        if len(ask) > 1 and not self._asks_a_measured_mix:
            step = ask[question] / 4
            heavier = self._rule("ask", {**ask, question: ask[question] + step})
            yield from self._crossings(question, ask[question], step, heavier)

    def bound(self, name: str) -> Iterator[Flip]:
        """Yields below which bound of a need the best candidate fails, and above which bound a cheaper one serves."""
        if tight := self._limit(name, self.best):
            beyond = self._rule(name, tight[1] * (1 - _BEYOND)).choose()
            yield Flip(name, False, *tight, beyond.chosen)
        if getattr(self.rule.needs, name) is not None:
            free = self._rule(name, None)
            cheaper = free.choose().chosen
            if cheaper and cheaper[0] != self.best.name:
                loose = self._limit(name, next(one for one in free.candidates() if one.name == cheaper[0]))
                if loose:
                    yield Flip(name, True, *loose, cheaper)

    @property
    def _asks_a_measured_mix(self) -> bool:
        """Whether the choice rests on the speed of the mix under load, which is unknown of every other mix."""
        return self.rule.needs.p95_ms is not None or self.rule.needs.prices.cluster_hour is not None

    def _rule(self, name: str, value: Any) -> Rule:
        return Rule(self.rule.evidence, changed(self.rule.needs, {name: value}))

    def _crossings(self, name: str, now: float, step: float, other: Rule) -> Iterator[Flip]:
        """Yields the nearest value above `now`, and below it, at which a rival costs as much as the best candidate.

        `other` is the rule with the value `now + step`.
        """
        before, after = self._before, self._totals(other)
        rivals = [rival.name for rival in self.rivals if rival.name in after]
        if not rivals or self.best.name not in after:
            return
        apart = np.array([before[rival] - before[self.best.name] for rival in rivals])
        moved = np.array([after[rival] - after[self.best.name] for rival in rivals]) - apart
        with np.errstate(divide="ignore", invalid="ignore"):
            places = np.where(np.abs(moved) > _FLAT * after[self.best.name], now - step * apart / moved, math.nan)
        for up in (True, False):
            valid = (
                (places > now if up else places < now) & (places >= 0) & (places < _MOST.get(name, math.inf) - _BEYOND)
            )
            nearest = np.where(valid, places if up else -places, math.inf)
            found = _flip(name, up, nearest, rivals)
            yield from (flip for flip in found if not now or 1 / FAR < flip.value / now < FAR)

    @cached_property
    def _before(self) -> dict[str, Draws]:
        return self._totals(self.rule)

    def _totals(self, rule: Rule) -> dict[str, Draws]:
        """Returns, by candidate, a price that depends linearly on each amount and on each weight of a question."""
        pricing, weights = rule.pricing, sum(rule.ask.values())
        return {one.name: weights * pricing.total(one) for one in self._in(rule)}

    def _in(self, rule: Rule) -> list[Candidate]:
        """Returns the best candidate and its rivals as candidates of another rule, where a pair may share otherwise."""
        same = [self.best, *self.rivals]
        if rule.ask == self.rule.ask and bool(rule.needs.unforeseen) == bool(self.rule.needs.unforeseen):
            return same
        wanted = {one.name for one in same}
        return [one for one in rule.candidates() if one.name in wanted and not one.fails and not one.unknown]

    def _rate_limit(self) -> list[Flip]:
        """Returns the rate beyond which the best candidate has too few cores, or is not known to meet the p95."""
        rule, found = self.rule, list[tuple[float, float | None, float | None]]()
        if rule.needs.prices.cluster_hour is None:
            cores, seconds = rule.evidence.cores, rule.pricing.part_seconds
            left = [(cores - rule.loading_cores(part)) / seconds(part) for part in self.best.parts]
            low, high = interval(np.min(left, axis=0), LEVEL)
            found.append((low, low, high))
        if rule.needs.p95_ms is not None:
            met, missed = min(rule.pricing.speed.capacity(part) for part in self.best.parts)
            found.append((met, met, missed if math.isfinite(missed) else None))
        if not found:
            return []
        limit = min(found)
        beyond = (limit[2] or limit[0]) * (1 + _BEYOND)
        return [Flip("rate", True, *limit, self._rule("rate", beyond).choose().chosen)]

    def _limit(self, name: str, candidate: Candidate) -> tuple[float, float, float] | None:
        """Returns the least value of a need that a candidate meets, and its 99% interval; None if unknown."""
        if name == "disk_gb":
            return (self.rule.disk_gb(candidate),) * 3
        if name == "load_seconds":
            loads = self.rule.load_seconds(candidate)
            known = all(part.store.load and part.store.load.known for part in candidate.parts)
            low, high = interval(loads, LEVEL)
            return (high, low, high) if known else None
        low, high = self.rule.pricing.speed.p95(candidate)
        return (1000 * high, 1000 * low, 1000 * high) if math.isfinite(high) else None


def _distance(flip: Flip) -> float:
    """Returns how far, as a logarithm, the value of a flip is from that of the needs; infinite if they have none."""
    return round(abs(math.log(flip.value / flip.now)), 9) if flip.now and flip.value else math.inf


def _flip(name: str, up: bool, places: NDArray[np.float64], rivals: list[str]) -> Iterator[Flip]:
    """Yields a flip at the median of the draws if it is finite; `places` has the value of the need by rival and draw.

    In each draw, the rival with the nearest value counts. A value is infinite where the rival is not reached, and has
    the opposite sign if the values lie below that of the needs, so that the smallest is always the nearest.
    """
    nearest = np.sort(places.min(axis=0))
    ranks = [int(share * (len(nearest) - 1)) for share in (0.5, (1 - LEVEL) / 2, (1 + LEVEL) / 2)]
    value, low, high = (float(nearest[rank]) if up else -float(nearest[rank]) for rank in ranks)
    if math.isfinite(value):
        reached = places.argmin(axis=0)[np.isfinite(places.min(axis=0))]
        chosen = rivals[int(np.bincount(reached).argmax())]
        low, high = (low, high) if up else (high, low)
        yield Flip(name, up, value, _finite(low), _finite(high), [chosen])


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
