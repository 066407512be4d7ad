"""The price of a candidate for a month, in each draw."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from rollup_bench.harness.choose.candidates import UNFORESEEN, Candidate, Part, Stores
from rollup_bench.harness.choose.draws import DRAWS, Draws, between
from rollup_bench.harness.choose.needs import DAYS_A_YEAR, Needs
from rollup_bench.harness.choose.speed import Speed

DAYS = DAYS_A_YEAR / 12  # in a month
HOURS = 24 * DAYS
SECONDS = 3600 * HOURS
GB = 1e9
_STEP = 1.28  # the largest ratio of a rate to the next lower one that a run tries


@dataclass(frozen=True)
class Pricing:
    """Prices candidates for given needs."""

    stores: Stores
    needs: Needs

    @property
    def speed(self) -> Speed:
        """How fast candidates answer under load."""
        return Speed(self.stores, self.needs)

    def knows(self, candidate: Candidate) -> bool:
        """Returns whether the price of a candidate follows from what was measured."""
        measured = (self.speed.capacity(part)[0] for part in candidate.parts)
        return self.needs.prices.cluster_hour is None or all(measured)

    def parts(self, candidate: Candidate) -> dict[str, Draws]:
        """Returns what a candidate costs in a month, by what is paid for, in each draw."""
        needs, prices = self.needs, self.needs.prices
        copies, owned = needs.replicas, [part.store for part in candidate.parts]
        disk = sum(store.bytes or 0.0 for store in owned) / GB * prices.disk_gb_month * copies
        paid = {"systems": _constant(prices.system_month * len(owned)), "disk": _constant(disk)}
        if prices.cluster_hour is not None:
            machines = sum(self._machines(part) for part in candidate.parts)
            return paid | {"cluster": HOURS * prices.cluster_hour * np.asarray(machines)}
        memory = sum(store.memory or 0.0 for store in owned) / GB * prices.memory_gb_month * copies
        hour = prices.cpu_hour / 3600
        loading = sum((store.ingest.draws() if store.ingest else _constant(0.0)) for store in owned)
        return paid | {
            "memory": _constant(memory),
            "questions": SECONDS * needs.rate * hour * self.seconds(candidate),
            "loading": DAYS * needs.events_a_day * hour * copies * np.asarray(loading),
        }

    def total(self, candidate: Candidate) -> Draws:
        """Returns what a candidate costs in a month in each draw."""
        return np.asarray(sum(self.parts(candidate).values()))

    def seconds(self, candidate: Candidate) -> Draws:
        """Returns the processor seconds of the mean question in each draw."""
        return np.asarray(sum(self.part_seconds(part) for part in candidate.parts))

    def part_seconds(self, part: Part) -> Draws:
        """Returns the processor seconds that one store spends on the mean question in each draw."""
        shares = self.shares()
        found = {question: self.stores.answered(part.store, question).seconds for question in part.questions}
        seconds = (shares[question] * each for question, each in found.items() if each is not None)
        return np.asarray(sum(seconds, _constant(0.0)))

    def shares(self) -> Mapping[str, float]:
        """Returns the share of each question, and of the unforeseen ones, in all questions."""
        total, foreseen = sum(self.stores.ask.values()), 1 - self.needs.unforeseen
        known = {question: foreseen * weight / total for question, weight in self.stores.ask.items()}
        return known | {UNFORESEEN: self.needs.unforeseen}

    def _machines(self, part: Part) -> Draws:
        """Returns how many machines like that of the run a store needs, by the capacity that the run measured."""
        met, missed = self.speed.capacity(part)
        place = self.stores.evidence.stores.index(part.store)
        return self.needs.nodes * self.needs.rate / between(met, min(missed, met * _STEP), place)


def _constant(value: float) -> Draws:
    return np.full(DRAWS, float(value))
