"""Mixes: weighted questions of a dataset that are asked together, as the users of one product ask them."""

from collections.abc import Collection, Iterator, Mapping
from typing import Annotated, Any, TypeVar

import msgspec
import numpy as np

from rollup_bench.workloads.reading import read
from rollup_bench.workloads.specs import check_name

T = TypeVar("T")
Weight = Annotated[float, msgspec.Meta(gt=0)]


class Mix(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table `[[mixes]]` of a dataset file: the weight of each question, and a story of who asks the questions.

    A weight says how often a question is asked, relative to the weights of the other questions.
    """

    name: str
    weights: Annotated[dict[str, Weight], msgspec.Meta(min_length=1)]
    story: str = ""

    def __post_init__(self) -> None:
        check_name("name", self.name)

    @property
    def counts(self) -> dict[str, int]:
        """How often a block contains each question: once for the smallest weight, in proportion for the others."""
        smallest = min(self.weights.values())
        return {question: round(weight / smallest) for question, weight in self.weights.items()}

    @property
    def length(self) -> int:
        """The number of requests in a block."""
        return sum(self.counts.values())

    def blocks(self, requests: Mapping[str, Iterator[T]], seed: int) -> Iterator[tuple[T, ...]]:
        """Yields blocks of requests without end: each takes `counts` requests of each question, in random order."""
        rng = np.random.default_rng(seed)
        while True:
            drawn = [next(requests[question]) for question, count in self.counts.items() for _ in range(count)]
            yield tuple(drawn[place] for place in rng.permutation(len(drawn)))


def mix(raw: Mapping[str, Any], questions: Collection[str]) -> Mix:
    """The mix of a `[[mixes]]` table; ValueError if a key is wrong or a weight is not of one of these questions."""
    parsed = read(dict(raw), Mix)
    if parsed.name in questions:
        raise ValueError("a question has this name, too; rename the mix")
    for question in parsed.weights:
        if question not in questions:
            known = ", ".join(questions) or "none"
            raise ValueError(f"weights: no question is named `{question}`; write one of {known}")
    return parsed
