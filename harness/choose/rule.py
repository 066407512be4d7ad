"""The rule that chooses a store, or a pair of stores. docs/choosing.md explains it."""

import math
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import NamedTuple

import msgspec
import numpy as np

from rollup_bench.errors import RequestError
from rollup_bench.harness.choose.candidates import UNFORESEEN, Candidate, Gap, Part, Stores
from rollup_bench.harness.choose.draws import SURE, Draws
from rollup_bench.harness.choose.evidence import Evidence
from rollup_bench.harness.choose.freshness import Freshness
from rollup_bench.harness.choose.needs import DAY, Needs, a_second
from rollup_bench.harness.choose.prices import GB, Pricing
from rollup_bench.harness.choose.refusals import Refusal, following, measuring, refusals
from rollup_bench.harness.choose.streamed import Streamed
from rollup_bench.harness.records.lines import parts
from rollup_bench.harness.stats.estimate import LEVEL
from rollup_bench.harness.stats.percentiles import interval


class Price(msgspec.Struct, frozen=True):
    """What a candidate costs in a month: the median of all draws, the interval of 99% of them, and by what is paid."""

    middle: float
    low: float
    high: float
    paid: dict[str, float]


class Offer(msgspec.Struct, frozen=True):
    """A candidate that meets all needs, with its price and the share of draws in which it is the cheapest."""

    name: str
    questions: dict[str, list[str]]  # by arm
    price: Price
    cheapest: float
    load_seconds: float | None  # of both stores; None if a load was not measured
    disk_bytes: float
    memory_bytes: float
    p95: tuple[float, float | None]  # between which seconds the p95 lies; 0 and None for bounds that are not known
    fresh: dict[str, Streamed]  # by arm, the stream that shows that the store keeps up; empty if no need asks for it


class Failure(msgspec.Struct, frozen=True):
    """A candidate that does not meet a need, and why."""

    name: str
    why: str


class Doubt(NamedTuple):
    """What is not known of an arm or candidate: why, of which questions, and which engines must be measured."""

    what: str
    why: str
    engines: tuple[str, ...]
    questions: tuple[str, ...] = ()
    of_streams: bool = False  # whether streams must be followed to know it, not questions be timed
    stays: bool = False  # whether no command measures it


class Decision(msgspec.Struct, frozen=True):
    """The answer: `one`, `both`, `neither`, `refused`, or `undecided` if stores and pairs cannot be told apart.

    `chosen` has the names of the candidates that may be the cheapest: one name if it is told apart from all others.
    """

    answer: str
    chosen: list[str]
    offers: list[Offer] = []  # the cheapest first
    failing: list[Failure] = []
    refused: list[Refusal] = []


@dataclass(frozen=True)
class Rule:
    """Chooses from the evidence of a run for given needs."""

    evidence: Evidence
    needs: Needs

    @property
    def ask(self) -> dict[str, float]:
        """The weight of each question: that of the needs, of the first mix, or the same for all questions."""
        mix = next(iter(self.evidence.mixes.values()), {})
        return dict(self.needs.ask or mix or dict.fromkeys(self.evidence.questions, 1.0))

    @property
    def pricing(self) -> Pricing:
        """Prices for these needs."""
        return Pricing(Stores(self.evidence, self.ask), self.needs)

    @property
    def freshness(self) -> Freshness:
        """Judges the streams that stores followed."""
        return Freshness(self.pricing)

    def candidates(self) -> list[Candidate]:
        """Returns all candidates that may be run."""
        asked = [*self.ask, UNFORESEEN] if self.needs.unforeseen else list(self.ask)
        return self.pricing.stores.candidates(self.needs.engines, asked)

    def check(self) -> None:
        """Raises RequestError if the needs name a question that the run did not ask."""
        for question in self.needs.ask:
            if question not in self.evidence.questions:
                known = ", ".join(self.evidence.questions)
                raise RequestError(f"ask: {self.evidence.name} has no question `{question}`; give one of {known}")

    def choose(self) -> Decision:
        """Returns the choice, or the needs for which nothing was measured."""
        self.check()
        if refused := list(refusals(self.evidence, self.needs, self.ask)):
            return Decision("refused", [], refused=refused)
        found = self.candidates()
        failing = {one.name: why for one in found if (why := self.failure(one))}
        doubts = {one.name: self.doubts(one) for one in found if one.name not in failing}
        offers = self._offers([one for one in found if not doubts.get(one.name, True)])
        chosen, failures = _cheapest(offers), [Failure(name, why) for name, why in failing.items()]
        refused = self._refusals([doubt for each in doubts.values() for doubt in each])
        return Decision(_answer(chosen, refused), [offer.name for offer in chosen], offers, failures, refused)

    def failure(self, candidate: Candidate) -> str:
        """Returns which need a candidate does not meet; empty if it meets all, or if that is not known."""
        if candidate.fails:
            return _described(candidate.fails)
        return "" if candidate.unknown else next(self._failures(candidate), "")

    def doubts(self, candidate: Candidate) -> list[Doubt]:
        """Returns what is not known of a candidate that is not known to fail."""
        if candidate.unknown:
            return [Doubt(gap.arm, gap.why, (parts(gap.arm)[0],), (gap.question,)) for gap in candidate.unknown]
        engines = tuple(parts(part.store.arm)[0] for part in candidate.parts)
        missing = (Doubt(candidate.name, why, engines) for why in self._missing_figures(candidate))
        rates = (Doubt(candidate.name, why, engines) for why in self._unknown_rate(candidate))
        if found := list(islice(chain(missing, self._unknown_p95(candidate, engines), rates), 1)):
            return found
        unknown = [(part.store.arm, why) for part in candidate.parts if (why := self.freshness.unknown(part))]
        return [Doubt(arm, why, (parts(arm)[0],), of_streams=True) for arm, why in unknown]

    def serves(self, candidate: Candidate) -> bool:
        """Returns whether a candidate is known to meet all needs."""
        outside = any(refusals(self.evidence, self.needs, self.ask))
        return not (outside or self.failure(candidate) or self.doubts(candidate))

    def load_seconds(self, candidate: Candidate) -> Draws | None:
        """Returns the seconds until all stores are loaded, one after the other, in each draw; None if unknown."""
        loads = [part.store.load.draws() for part in candidate.parts if part.store.load]
        return np.asarray(sum(loads)) if len(loads) == len(candidate.parts) else None

    def cores(self, candidate: Candidate) -> Draws:
        """Returns how many cores the busiest store needs in each draw, for questions and for new events."""
        rate, seconds = self.needs.rate, self.pricing.part_seconds
        busy = [rate * seconds(part) + self.loading_cores(part) for part in candidate.parts]
        return np.asarray(np.max(busy, axis=0))

    def loading_cores(self, part: Part) -> Draws | float:
        """Returns how many cores the new events of a day keep busy in each draw."""
        return self.needs.events_a_day / DAY * part.store.ingest.draws() if part.store.ingest else 0.0

    def disk_gb(self, candidate: Candidate) -> float:
        """Returns the gigabytes of all copies on disk."""
        return sum(part.store.bytes or 0.0 for part in candidate.parts) / GB * self.needs.replicas

    def _failures(self, candidate: Candidate) -> Iterator[str]:
        needs = self.needs
        if needs.disk_gb is not None and self.disk_gb(candidate) > needs.disk_gb:
            yield f"{self.disk_gb(candidate):.3g} GB on disk"
        cores = self.cores(candidate)
        fits = cores <= self.evidence.cores
        if np.mean(fits) < LEVEL:
            yield f"needs {_range(cores)} of {self.evidence.cores} cores at {a_second(needs.rate)}"
        if needs.load_seconds is not None:
            loads = self.load_seconds(candidate)
            if loads is not None and np.mean(fits & (loads <= needs.load_seconds)) < LEVEL:
                yield f"loads in {_range(loads)} s"
        if needs.p95_ms is not None and self.pricing.speed.misses(candidate, needs.p95_ms / 1000):
            yield f"its p95 is above {needs.p95_ms:g} ms at {a_second(needs.rate)}"
        if self.pricing.speed.misses(candidate, sys.float_info.max):
            yield f"it did not sustain {a_second(needs.rate)}"
        if needs.rate > (most := self.pricing.speed.most(candidate)):
            yield f"it gave at most {most:.3g} answers a second to clients that wait for each answer"
        reasons = {part.store.arm: self.freshness.failure(part) for part in candidate.parts}
        yield from (f"{arm}: {why}" if len(reasons) > 1 else why for arm, why in reasons.items() if why)

    @property
    def _unknown(self) -> str:
        return "is not known for this number of events" if self.evidence.sizes else "was not measured"

    def _missing_figures(self, candidate: Candidate) -> Iterator[str]:
        needs = self.needs
        for store in [part.store for part in candidate.parts]:
            if store.memory is None:
                yield f"the memory of {store.arm} was not measured"
            if store.bytes is None:
                yield f"the bytes of {store.arm} on disk are unknown"
            if needs.events_a_day and store.ingest is None:
                yield f"the processor time of loads of {store.arm} {self._unknown}"
            if needs.load_seconds is None:
                continue
            if store.load is None:
                yield f"the time of a load of {store.arm} {self._unknown}"
            elif not store.load.known:
                yield f"{store.arm} was loaded once, so that the error of its seconds is unknown"

    def _unknown_p95(self, candidate: Candidate, engines: tuple[str, ...]) -> Iterator[Doubt]:
        needs, speed, mix = self.needs, self.pricing.speed, self.pricing.speed.mix
        most = math.inf if needs.p95_ms is None else needs.p95_ms / 1000
        missing = [part for part in candidate.parts if speed.part_p95(part)[1] > most]
        if not missing:
            return
        why = f"its p95 at {a_second(needs.rate)} is not known"
        if mix is None:
            remedy = "write the mix into a copy of the dataset"
            yield Doubt(candidate.name, f"the p95 of this mix of questions was not measured; {remedy}", engines)
        elif all(self._may_be_told(part, most) for part in missing):
            yield Doubt(candidate.name, why, engines, () if mix in self.evidence.mixes else (mix,))
        else:
            more = "no other run would tell it: leave out this need to see the p95 that is known"
            yield Doubt(candidate.name, f"{why} to be within {needs.p95_ms:g} ms, and {more}", engines, stays=True)

    def _may_be_told(self, part: Part, seconds: float) -> bool:
        """Returns whether another run may tell if a p95 is within `seconds`.

        It may if the mix was not put under load, or if the lowest sufficient rate that was tried tells nothing, or only
        bounds with `seconds` between them.
        """
        store, (low, high) = part.store, self.pricing.speed.part_p95(part)
        load = store.under_load.get(self.pricing.speed.mix or "")
        if load is None:
            return not any(question in store.cannot for question in self.ask)
        return not load.slow and (math.isinf(high) or low <= seconds)

    def _unknown_rate(self, candidate: Candidate) -> Iterator[str]:
        needs, speed = self.needs, self.pricing.speed
        rates = [speed.sustained(part)[0] for part in candidate.parts]
        if needs.prices.cluster_hour is not None:
            rates = [speed.capacity(part)[0] for part in candidate.parts]
            if not self.pricing.knows(candidate):
                yield "the highest rate of one machine was not measured for this mix of questions"
        if needs.rate > min(rates):
            yield f"one machine is known to sustain {a_second(min(rates))}, not {needs.rate:g}"

    def _refusals(self, doubts: Sequence[Doubt]) -> list[Refusal]:
        """Returns a refusal for each reason and set of questions, which names all stores of which it holds."""
        questions: dict[tuple[str, str], dict[str, None]] = {}
        for doubt in doubts:
            questions.setdefault((doubt.what, doubt.why), {}).update(dict.fromkeys(doubt.questions))
        alike: dict[tuple[str, tuple[str, ...]], list[Doubt]] = {}
        for doubt in doubts:
            alike.setdefault((doubt.why, tuple(questions[doubt.what, doubt.why])), []).append(doubt)
        return [self._refusal(why, asked, each) for (why, asked), each in alike.items()]

    def _refusal(self, why: str, questions: Sequence[str], doubts: Sequence[Doubt]) -> Refusal:
        engines = _unique(engine for doubt in doubts for engine in doubt.engines)
        asked = list(self.ask) if UNFORESEEN in questions else questions
        what = ", ".join(_unique(doubt.what for doubt in doubts))
        named = f"{', '.join(questions)}: {why}" if questions else why
        if doubts[0].stays:
            return Refusal(what, named, "")
        if doubts[0].of_streams:
            return Refusal(what, named, following(self.evidence, self.needs, self.freshness.rate, engines))
        return Refusal(what, named, measuring(self.evidence, engines, asked))

    def _offers(self, fitting: Sequence[Candidate]) -> list[Offer]:
        if not fitting:
            return []
        totals = np.array([self.pricing.total(one) for one in fitting])
        cheapest = totals == totals.min(axis=0)
        shares = (cheapest / cheapest.sum(axis=0)).mean(axis=1)
        found = zip(fitting, totals, shares.tolist(), strict=True)
        return sorted([self._offer(*each) for each in found], key=lambda offer: offer.price.middle)

    def _offer(self, candidate: Candidate, total: Draws, cheapest: float) -> Offer:
        paid = {name: float(np.median(draws)) for name, draws in self.pricing.parts(candidate).items() if draws.any()}
        slow, high = self.pricing.speed.slow(candidate), self.pricing.speed.p95(candidate)
        return Offer(
            candidate.name,
            {part.store.arm: list(part.questions) for part in candidate.parts},
            Price(float(np.median(total)), *interval(total, LEVEL), paid),
            cheapest,
            float(np.median(loads)) if (loads := self.load_seconds(candidate)) is not None else None,
            self.disk_gb(candidate) * GB,
            sum(part.store.memory or 0.0 for part in candidate.parts) * self.needs.replicas,
            (slow, high if math.isfinite(high) else None),
            {part.store.arm: seen for part in candidate.parts if (seen := self.freshness.shown(part))},
        )


def _cheapest(offers: Sequence[Offer]) -> list[Offer]:
    """Returns the fewest candidates of which one is the cheapest in a share `SURE` of the draws."""
    chosen, share = list[Offer](), 0.0
    for offer in sorted(offers, key=lambda offer: -offer.cheapest):
        if share < SURE:
            chosen.append(offer)
            share += offer.cheapest
    return chosen


def _answer(chosen: Sequence[Offer], refused: Sequence[Refusal]) -> str:
    """Returns the answer for the candidates that may be the cheapest."""
    if not chosen:
        return "refused" if refused else "neither"
    numbers = {len(offer.questions) for offer in chosen}
    return "undecided" if len(numbers) > 1 else "one" if numbers == {1} else "both"


def _described(gaps: Sequence[Gap]) -> str:
    """Returns the first of some gaps, and of how many other questions there are more."""
    first, others = gaps[0], len({gap.question for gap in gaps}) - 1
    more = f"; and {others} other {'question' if others == 1 else 'questions'}" if others else ""
    return f"{first.question} on {first.arm}: {first.why}{more}"


def _range(draws: Draws) -> str:
    return "{:.3g} to {:.3g}".format(*interval(draws, LEVEL))


def _unique(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(values))
