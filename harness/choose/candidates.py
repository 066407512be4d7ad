"""Candidates: single stores, and pairs of stores of two engines, with the questions that each store answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

import msgspec
import numpy as np

from rollup_bench.harness.choose.draws import DRAWS, SURE, Draws
from rollup_bench.harness.choose.evidence import Evidence, Store
from rollup_bench.harness.records.lines import parts

UNFORESEEN = "unforeseen questions"


class Part(msgspec.Struct, frozen=True):
    """A store of a candidate, and the questions that it answers; one of them may be `UNFORESEEN`."""

    store: Store
    questions: tuple[str, ...]


class Gap(msgspec.Struct, frozen=True):
    """A question that is not known to be answered by a store, and why not."""

    arm: str
    question: str
    why: str


class Candidate(msgspec.Struct, frozen=True):
    """One or two stores. `fails` says what they cannot answer, `unknown` what is not known of them."""

    parts: tuple[Part, ...]
    fails: tuple[Gap, ...] = ()
    unknown: tuple[Gap, ...] = ()

    @property
    def name(self) -> str:
        """The names of the arms."""
        return " and ".join(part.store.arm for part in self.parts)


class Answered(NamedTuple):
    """The processor seconds of a question on a store by draw; None if unknown, or if the store `never` answers it."""

    seconds: Draws | None
    why: str = ""
    never: bool = False


@dataclass(frozen=True)
class Stores:
    """The stores of a run, asked questions with these weights."""

    evidence: Evidence
    ask: Mapping[str, float]

    def raw(self, store: Store) -> Store | None:
        """Returns the raw events of the same engine, which answer unforeseen questions; None if not stored."""
        return next((other for other in self.evidence.stores if other.arm == store.raw), None)

    def answered(self, store: Store, question: str) -> Answered:
        """Returns the processor seconds of a question on a store.

        An unforeseen question is taken to cost as much as the asked questions cost on the raw events.
        """
        if question == UNFORESEEN:
            return self._unforeseen(store)
        if question in store.processor:
            return Answered(store.processor[question].draws())
        if question in store.cannot:
            return Answered(None, store.cannot[question], never=True)
        return Answered(None, store.unsure.get(question, "it was not asked"))

    def candidates(self, engines: Sequence[str], asked: Sequence[str]) -> list[Candidate]:
        """Returns all single stores, and all pairs of stores of two engines, of these engines (empty: any).

        In a pair, a question goes to the store that needs more processor time in all only if that store is sure to need
        less for this question. A pair in which one store gets all questions is left out.
        """
        may = [store for store in self.evidence.stores if not engines or parts(store.arm)[0] in engines]
        pairs = [(one, two) for one, two in combinations(may, 2) if parts(one.arm)[0] != parts(two.arm)[0]]
        found = [self._candidate(stores, asked) for stores in [*((store,) for store in may), *pairs]]
        return [one for one in found if len(one.parts) == 1 or all(part.questions for part in one.parts)]

    def _unforeseen(self, store: Store) -> Answered:
        raw = self.raw(store)
        if raw is None:
            return Answered(None, "it does not store the events, or the run has no layout raw of them", never=True)
        each = {question: self.answered(raw, question) for question in self.ask}
        for question, found in each.items():
            if found.seconds is None:
                return found._replace(why=f"{question} on {raw.arm}: {found.why}")
        total = sum(self.ask.values())
        return Answered(np.asarray(sum(self.ask[name] / total * known for name, known in _known(each).items())))

    def _candidate(self, stores: Sequence[Store], asked: Sequence[str]) -> Candidate:
        found = {store.arm: {question: self.answered(store, question) for question in asked} for store in stores}
        home = min(found, key=lambda arm: self._total(found, arm))
        given: dict[str, list[str]] = {store.arm: [] for store in stores}
        fails, unknown = list[Gap](), list[Gap]()
        for question in asked:
            known = _known({arm: each[question] for arm, each in found.items()})
            if known:
                given[_cheapest(known, home)].append(question)
                continue
            gaps = [Gap(arm, question, each[question].why) for arm, each in found.items()]
            possible = [gap for gap in gaps if not found[gap.arm][question].never]
            (unknown if possible else fails).extend(possible or gaps)
        return Candidate(tuple(Part(store, tuple(given[store.arm])) for store in stores), tuple(fails), tuple(unknown))

    def _total(self, found: Mapping[str, Mapping[str, Answered]], arm: str) -> float:
        """Returns the mean processor seconds of the asked questions that all stores answer, by their weights."""
        answers = [_known({of: each[name] for of, each in found.items()}) for name in self.ask]
        weighed = zip(self.ask.values(), answers, strict=True)
        return float(np.mean(sum(weight * known[arm] for weight, known in weighed if len(known) == len(found))))


def _known(found: Mapping[str, Answered]) -> dict[str, Draws]:
    return {name: one.seconds for name, one in found.items() if one.seconds is not None}


def _cheapest(known: Mapping[str, Draws], home: str) -> str:
    """Returns the arm that answers a question: `home` if it can, unless another one is sure to need less."""
    if home not in known:
        return next(iter(known))
    least = SURE * DRAWS
    surely = (arm for arm, draws in known.items() if arm != home and np.count_nonzero(draws < known[home]) >= least)
    return next(surely, home)
