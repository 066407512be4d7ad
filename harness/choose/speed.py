"""How fast candidates are known to answer under load."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rollup_bench.harness.choose.candidates import Candidate, Part, Stores
from rollup_bench.harness.choose.needs import Needs
from rollup_bench.harness.choose.responses import UnderLoad


@dataclass(frozen=True)
class Speed:
    """The p95 of response times of candidates at the rate of the needs."""

    stores: Stores
    needs: Needs

    @property
    def mix(self) -> str | None:
        """The measured mix that asks each question as often as the needs do; None if there is none."""
        if self.needs.unforeseen:
            return None
        ask, total = self.stores.ask, sum(self.stores.ask.values())
        for mix, counts in self.stores.evidence.mixes.items():
            length = sum(counts.values())
            alike = all(math.isclose(ask[name] / total, counts.get(name, 0) / length) for name in ask)
            if alike and counts.keys() == ask.keys():
                return mix
        return next(iter(ask)) if len(ask) == 1 else None

    def p95(self, candidate: Candidate) -> float:
        """Returns the seconds that the p95 of the slowest store is known not to exceed; infinite if none are.

        A store that answers a part of the mix is at least as fast as when it answers the whole mix at the same rate.
        """
        return max(self.part_p95(part)[1] for part in candidate.parts)

    def misses(self, candidate: Candidate, seconds: float) -> bool:
        """Whether a single store is known to have a larger p95 than these seconds, with 99% confidence."""
        found = self._alone(candidate)
        return found is not None and found.misses(list(self.stores.ask), self.needs.rate, seconds)

    def exceeds(self, candidate: Candidate) -> float:
        """Returns the seconds that the p95 of a single store is known to exceed at the rate of the needs; 0 if none."""
        found = self._alone(candidate)
        return found.exceeds(list(self.stores.ask), self.needs.rate) if found else 0.0

    def slow(self, candidate: Candidate) -> float:
        """Returns the seconds that the p95 of a single store exceeds at any rate; 0 if none are known."""
        found = self._alone(candidate)
        return found.objective if found and found.slow else 0.0

    def most(self, candidate: Candidate) -> float:
        """Returns the most answers a second that a single store gave to clients that wait for each answer.

        It is infinite if it is not known, or if the store was offered rates, which then tell more.
        """
        found = self._alone(candidate)
        return math.inf if found is None or found.loops or found.most is None else found.most

    def _alone(self, candidate: Candidate) -> UnderLoad | None:
        """What a single store showed under load of the whole mix; None for pairs, and if it was not measured."""
        first, *others = candidate.parts
        return None if others else first.store.under_load.get(self.mix or "")

    def capacity(self, part: Part) -> tuple[float, float]:
        """Returns the highest rate of the whole mix at which a store is known to meet the p95, and the next one tried.

        The p95 is that of the needs, or else the objective of the run. The rate is 0 if none is known.
        """
        found = [(0.0, math.inf)]
        for one, questions, share in self._loads(part):
            seconds = self.needs.p95_ms / 1000 if self.needs.p95_ms else one.objective
            met, missed = one.rates(questions, seconds)
            found.append((met / share, missed / share))
        return max(found)

    def sustained(self, part: Part) -> tuple[float, float]:
        """Returns the highest rate of the whole mix that a store is known to sustain, and the lowest it did not.

        Both are infinite if no rate of the mix was tried: then nothing but the cores limits the rate.
        """
        tried = [(one.sustained, share) for one, _, share in self._loads(part) if one.loops]
        return max(((met / share, missed / share) for (met, missed), share in tried), default=(math.inf, math.inf))

    def part_p95(self, part: Part) -> tuple[float, float]:
        """Returns the two numbers of seconds between which the p95 of one store lies; see `p95`."""
        bounds = [one.p95(questions, self.needs.rate * share) for one, questions, share in self._loads(part)]
        return min(bounds, key=lambda bound: bound[1], default=(0.0, math.inf))

    def _loads(self, part: Part) -> Iterator[tuple[UnderLoad, Sequence[str], float]]:
        """Yields what a store showed under load, its questions there, and their share in the rate of the needs.

        This is the whole mix and, for a store that answers a single question, this question asked by itself.
        """
        if whole := part.store.under_load.get(self.mix or ""):
            yield whole, part.questions, 1.0
        if len(part.questions) == 1 and (own := part.store.under_load.get(part.questions[0])):
            weight = self.stores.ask.get(part.questions[0], 0.0) / sum(self.stores.ask.values())
            if share := (1 - self.needs.unforeseen) * weight:
                yield own, part.questions, share
