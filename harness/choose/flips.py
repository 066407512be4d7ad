"""What would change a choice: for each need and price, the value beyond which another candidate is chosen."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from rollup_bench.harness.choose.candidates import Candidate
from rollup_bench.harness.choose.draws import Draws
from rollup_bench.harness.choose.needs import MOST, Prices, changed
from rollup_bench.harness.choose.rule import Decision, Rule
from rollup_bench.harness.stats.estimate import LEVEL
from rollup_bench.harness.stats.percentiles import interval

BOUNDS = ("p95_ms", "disk_gb", "load_seconds", "fresh_seconds")
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
    able = [one for one in rule.candidates() if not one.fails and not one.unknown]
    found = {one.name: one for one in able if rule.pricing.knows(one)}
    search = _Search(rule, found.pop(decision.chosen[0]), list(found.values()))
    amounts = [flip for name in _AMOUNTS for flip in search.amount(name)]
    weights = [flip for question in rule.ask for flip in search.weight(question)]
    bounds = [flip for name in BOUNDS for flip in search.bound(name)]
    changes = [*amounts, *weights, *bounds, *search.events()]
    known = rule.needs.numbers | rule.ask | {"events_a_second": rule.freshness.rate}
    return sorted((msgspec.structs.replace(flip, now=known[flip.need]) for flip in changes), key=_distance)


@dataclass(frozen=True)
class _Search:
    """Looks for what would replace the candidate `best`, given all others of which no question is unknown."""

    rule: Rule
    best: Candidate
    others: list[Candidate]

    def amount(self, name: str) -> Iterator[Flip]:
        """Yields the flips of a need or price on which the prices of candidates depend linearly."""
        needs = self.rule.needs
        now = getattr(needs.prices if name in Prices.__struct_fields__ else needs, name)
        if now is None or (name == "unforeseen" and self._asks_a_measured_mix):
            return
        step = now * _STEP or _STEP
        if name in _MOST:
            step = _MOST[name] / 4 if now < _MOST[name] / 2 else -_MOST[name] / 4
        found = list(self._crossings(name, now, step, partial(self._rule, name)))
        if name == "rate":
            found += [*self._outgrown(), *self._freed()]
        if name == "unforeseen" and not now:
            found += self._surprised()
        for up in (False, True):
            yield from sorted((flip for flip in found if flip.up is up), key=_distance_from(now))[:1]

    def weight(self, question: str) -> Iterator[Flip]:
        """Yields the flips of a question's weight."""
        ask = self.rule.ask
        if len(ask) > 1 and not self._asks_a_measured_mix:
            yield from self._crossings(question, ask[question], ask[question] / 4, partial(self._weighed, question))

    def bound(self, name: str) -> Iterator[Flip]:
        """Yields below which bound of a need the best candidate fails, and above which bound a cheaper one serves."""
        if tight := self._limit(name, self.best):
            beyond = self._rule(name, (tight[1] or tight[0]) * (1 - _BEYOND)).choose().chosen
            if beyond != [self.best.name]:
                yield Flip(name, False, *tight, beyond)
        if getattr(self.rule.needs, name) is not None:
            free = self._rule(name, MOST if name == "fresh_seconds" else None)
            cheaper = free.choose().chosen
            if cheaper and cheaper[0] != self.best.name:
                loose = self._limit(name, next(one for one in free.candidates() if one.name == cheaper[0]))
                if loose:
                    yield Flip(name, True, *loose, cheaper)

    def events(self) -> Iterator[Flip]:
        """Yields up to which rate of events the best candidate is known to follow, and a cheaper one that fails now."""
        name, freshness = "events_a_second", self.rule.freshness
        if not self.rule.needs.follows:
            return
        met, missed = freshness.fastest(self.best)
        up = Flip(name, True, met, met, missed, self._rule(name, met * (1 + _BEYOND)).choose().chosen)
        now = freshness.rate
        if _is_near(up, now):
            yield up
        cheaper = [freshness.fastest(one) for one in self.others if self._dearer(one) < 0]
        for met, missed in sorted((each for each in cheaper if now / FAR < each[0] < now), key=lambda each: -each[0]):
            chosen = self._rule(name, met).choose().chosen
            if chosen != [self.best.name]:
                yield Flip(name, False, met, met, missed, chosen)
                return

    @property
    def _asks_a_measured_mix(self) -> bool:
        """Whether the choice rests on the speed of the mix under load, which is unknown of every other mix."""
        return self.rule.needs.p95_ms is not None or self.rule.needs.prices.cluster_hour is not None

    def _rule(self, name: str, value: Any) -> Rule:
        return Rule(self.rule.evidence, changed(self.rule.needs, {name: value}))

    def _weighed(self, question: str, weight: float) -> Rule:
        return self._rule("ask", {**self.rule.ask, question: weight})

    def _crossings(self, name: str, now: float, step: float, valued: Callable[[float], Rule]) -> Iterator[Flip]:
        """Yields the nearest value above `now`, and below it, beyond which a rival serves and is the cheapest.

        `valued` returns the rule with another value. Prices are known for all values from those of `now` and one step.
        """
        before, after = self._before, self._totals(valued(now + step))
        rivals = [one.name for one in self._rivals if one.name in after]
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
            nearest = dict(zip(rivals, np.where(valid, places if up else -places, math.inf), strict=True))
            while (flip := _flip(name, up, nearest)) and _is_near(flip, now):
                if self._serves(flip.chosen[0], valued(_beyond(flip))):
                    yield flip
                    break
                del nearest[flip.chosen[0]]

    def _serves(self, name: str, rule: Rule) -> bool:
        return any(rule.serves(one) for one in self._in(rule) if one.name == name)

    @cached_property
    def _before(self) -> dict[str, Draws]:
        return self._totals(self.rule)

    @cached_property
    def _rivals(self) -> list[Candidate]:
        """The candidates that are dearer than the best one; those that are cheaper do not meet the needs."""
        return [one for one in self.others if self._dearer(one) >= 0]

    def _dearer(self, other: Candidate) -> float:
        return float(np.median(self._before[other.name] - self._before[self.best.name]))

    def _totals(self, rule: Rule) -> dict[str, Draws]:
        """Returns, by candidate, a price that depends linearly on each amount and on each weight of a question."""
        pricing, weights = rule.pricing, sum(rule.ask.values())
        return {one.name: weights * pricing.total(one) for one in self._in(rule)}

    def _in(self, rule: Rule) -> list[Candidate]:
        """Returns the candidates as those of another rule, where a pair may share the questions otherwise."""
        same = [self.best, *self.others]
        if rule.ask == self.rule.ask and bool(rule.needs.unforeseen) == bool(self.rule.needs.unforeseen):
            return same
        wanted = {one.name for one in same}
        return [one for one in rule.candidates() if one.name in wanted and not one.fails and not one.unknown]

    def _surprised(self) -> Iterator[Flip]:
        """Yields what is chosen at any share of unforeseen questions if the best candidate cannot answer these."""
        rule = self._rule("unforeseen", _BEYOND)
        if self.best.name not in {one.name for one in self._in(rule)}:
            yield Flip("unforeseen", True, 0.0, 0.0, 0.0, rule.choose().chosen)

    def _outgrown(self) -> Iterator[Flip]:
        """Yields the rate beyond which the best candidate is not known to serve."""
        limit = self._rate_limit(self.best)
        beyond = (limit[2] or limit[0]) * (1 + _BEYOND)
        yield Flip("rate", True, *limit, self._rule("rate", beyond).choose().chosen)

    def _freed(self) -> Iterator[Flip]:
        """Yields the highest rate below which a cheaper candidate serves, which is asked too much now."""
        now = self.rule.needs.rate
        limits = [self._rate_limit(one) for one in self.others if self._dearer(one) < 0]
        for limit in sorted((each for each in limits if now / FAR < each[0] < now), key=lambda each: -each[0]):
            chosen = self._rule("rate", limit[1] * (1 - _BEYOND)).choose().chosen
            if chosen != [self.best.name]:
                yield Flip("rate", False, *limit, chosen)
                return

    def _rate_limit(self, candidate: Candidate) -> tuple[float, float, float | None]:
        """Returns the rate beyond which a candidate is not known to have enough cores and to be fast enough.

        The second and third number are the bounds of its 99% interval.
        """
        rule, speed = self.rule, self.rule.pricing.speed
        seconds, cores = rule.pricing.part_seconds, rule.evidence.cores
        left = [(cores - rule.loading_cores(part)) / seconds(part) for part in candidate.parts]
        low, high = interval(np.min(left, axis=0), LEVEL)
        found: list[tuple[float, float, float | None]] = [(low, low, high)]
        for known in (speed.sustained, speed.capacity) if self._asks_a_measured_mix else (speed.sustained,):
            met, missed = min(map(known, candidate.parts))
            found.append((met, met, _finite(missed)))
        asked, most = min(map(rule.freshness.most, candidate.parts)), speed.most(candidate)
        found += [(asked, asked, None), (most, most, most)]
        return min(found, key=lambda each: each[0])

    def _limit(self, name: str, candidate: Candidate) -> tuple[float, float | None, float] | None:
        """Returns the least value of a need that a candidate is known to meet, with its interval; None if unknown."""
        if name == "disk_gb":
            return (self.rule.disk_gb(candidate),) * 3
        if name == "load_seconds":
            loads = self.rule.load_seconds(candidate)
            if loads is None or not all(part.store.load and part.store.load.known for part in candidate.parts):
                return None
            low, high = interval(loads, LEVEL)
            return high, low, high
        if name == "fresh_seconds":
            fresh = self.rule.freshness.limit(candidate)
            return (fresh[0], fresh[1] or None, fresh[0]) if fresh else None
        speed = self.rule.pricing.speed
        low = 1000 * speed.exceeds(candidate)
        high = max(low, 1000 * speed.p95(candidate))
        return (high, low or None, high) if math.isfinite(high) else None


def _distance(flip: Flip) -> float:
    """Returns how far, as a logarithm, the value of a flip is from that of the needs; infinite if they have none."""
    return round(abs(math.log(flip.value / flip.now)), 9) if flip.now and flip.value else math.inf


def _distance_from(now: float) -> Callable[[Flip], float]:
    return lambda flip: abs(flip.value - now)


def _is_near(flip: Flip, now: float) -> bool:
    return not now or 1 / FAR < flip.value / now < FAR


def _beyond(flip: Flip) -> float:
    return flip.value * (1 + _BEYOND if flip.up else 1 - _BEYOND)


def _flip(name: str, up: bool, places: Mapping[str, NDArray[np.float64]]) -> Flip | None:
    """Returns a flip at the median of the draws if it is finite; `places` has the value of the need by rival and draw.

    In each draw, the rival with the nearest value counts. A value is infinite where the rival is not reached, and has
    the opposite sign if the values lie below that of the needs, so that the smallest is always the nearest.
    """
    if not places:
        return None
    by_draw = np.array(list(places.values()))
    nearest = np.sort(by_draw.min(axis=0))
    ranks = [int(share * (len(nearest) - 1)) for share in (0.5, (1 - LEVEL) / 2, (1 + LEVEL) / 2)]
    value, low, high = (float(nearest[rank]) if up else -float(nearest[rank]) for rank in ranks)
    if not math.isfinite(value):
        return None
    reached = by_draw.argmin(axis=0)[np.isfinite(by_draw.min(axis=0))]
    chosen = list(places)[int(np.bincount(reached).argmax())]
    low, high = (low, high) if up else (high, low)
    return Flip(name, up, value, _finite(low), _finite(high), [chosen])


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
