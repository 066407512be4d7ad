"""What a run says, computed from its file alone."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import numpy as np

from rollup_bench.errors import RequestError
from rollup_bench.harness.records import lines
from rollup_bench.harness.records.lines import Header, Record, Rounds, of_type
from rollup_bench.harness.records.run_log import standing
from rollup_bench.harness.stats.abba import AGAIN
from rollup_bench.harness.stats.claims import Claim, claims
from rollup_bench.harness.stats.estimate import Estimate, Logs, estimate, logarithms
from rollup_bench.harness.stats.percentiles import Percentiles, percentiles

SEED = 20130101  # of what is drawn again, so that the same file gives the same figures


class Cell(NamedTuple):
    """A question asked of an arm in a state of the caches."""

    question: str
    cache: str
    arm: str


class Difference(NamedTuple):
    """Whether an arm is faster or slower than another at a question: ratios over 1 are slower."""

    question: str
    cache: str
    arm: str
    versus: str
    claim: Claim


class NoiseFloor(NamedTuple):
    """The A/A pairs of a run, one for each question: ratios of identical code, and how many seemed to differ."""

    pairs: int
    differing: int
    low: float
    high: float
    median_half_width: float


@dataclass(frozen=True)
class Run:
    """A run's header and the lines that stand."""

    header: Header
    lines: Sequence[Record]

    @classmethod
    def read(cls, path: Path) -> "Run":
        """Of a file; RequestError where it does not hold one."""
        return cls.of(lines.read(path), str(path))

    @classmethod
    def of(cls, kept: Iterable[Record], name: str) -> "Run":
        """Of records, which come from what is called `name`."""
        records = list(kept)
        if not records or not isinstance(records[0], Header):
            raise RequestError(f"{name}: its first line is not the header of a run; give a .jsonl that `run` wrote")
        return cls(records[0], standing(records[1:]))

    @property
    def questions(self) -> dict[tuple[str, str], list[Rounds]]:
        """The launches of each question and state of caches, in order."""
        found: dict[tuple[str, str], list[Rounds]] = defaultdict(list)
        for one in sorted(of_type(self.lines, Rounds), key=lambda one: one.launch):
            found[one.question, one.cache].append(one)
        return dict(found)


def timings(run: Run) -> dict[Cell, Percentiles]:
    """The times of each cell; a second name adds nothing and is left out."""
    rng = np.random.default_rng(SEED)
    found: dict[Cell, Percentiles] = {}
    for (question, cache), launches in run.questions.items():
        for arm in _arms(launches):
            times = [np.asarray(one.times[arm]).ravel() / 1e9 for one in launches if arm in one.times]
            found[Cell(question, cache, arm)] = percentiles(times, rng)
    return found


def floors(run: Run) -> dict[tuple[str, str], Estimate]:
    """The A/A ratio of each question."""
    rng = np.random.default_rng(SEED)
    found = {key: _ratio(launches, *launches[0].control, rng) for key, launches in run.questions.items()}
    return {key: one for key, one in found.items() if one is not None}


def noise_floor(run: Run) -> NoiseFloor | None:
    """The noise of the whole run; None where nothing was timed."""
    pairs = list(floors(run).values())
    if not pairs:
        return None
    bounds = [one.interval() for one in pairs]
    return NoiseFloor(
        pairs=len(pairs),
        differing=sum(not low <= 1 <= high for low, high in bounds),
        low=min(low for low, _ in bounds),
        high=max(high for _, high in bounds),
        median_half_width=float(np.median([(high / low) ** 0.5 - 1 if low > 0 else np.inf for low, high in bounds])),
    )


def differences(run: Run) -> list[Difference]:
    """Every two arms of every question, one family of claims."""
    rng, floor = np.random.default_rng(SEED), floors(run)
    named: list[tuple[str, str, str, str]] = []
    ratios: list[Estimate] = []
    for (question, cache), launches in run.questions.items():
        for arm, versus in combinations(_arms(launches), 2):
            ratio = _ratio(launches, versus, arm, rng)
            if ratio is not None:
                named.append((question, cache, arm, versus))
                ratios.append(ratio)
    made = claims(ratios, [floor.get(name[:2]) for name in named])
    return [Difference(*name, claim) for name, claim in zip(named, made, strict=True)]


def _ratio(launches: Sequence[Rounds], before: str, after: str, rng: np.random.Generator) -> Estimate | None:
    """How much longer `after` takes, from the rounds in which both answered."""
    paired: list[Logs] = []
    for one in launches:
        both = min(len(one.times.get(before, ())), len(one.times.get(after, ())))
        if both:
            paired.append(logarithms(one.times[after][:both]) - logarithms(one.times[before][:both]))
    return estimate(paired, rng) if paired else None


def _arms(launches: Sequence[Rounds]) -> list[str]:
    """The arms that were timed, in order, without second names."""
    return list(dict.fromkeys(arm for one in launches for arm in one.times if not arm.endswith(AGAIN)))
