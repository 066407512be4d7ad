"""Computes the results of a run from its file alone: times, noise floors and differences between arms."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rollup_bench.errors import RequestError
from rollup_bench.harness.records import lines
from rollup_bench.harness.records.lines import Header, Record, Rounds, of_type
from rollup_bench.harness.records.run_log import newest
from rollup_bench.harness.stats.abba import AGAIN
from rollup_bench.harness.stats.claims import Claim, claims
from rollup_bench.harness.stats.estimate import Estimate, Logs, asked, estimate, logarithms
from rollup_bench.harness.stats.percentiles import Percentiles, percentiles

SEED = 20130101  # the seed of every bootstrap, so that the same file always gives the same figures


class Cell(NamedTuple):
    """One question asked of one arm in one cache state."""

    question: str
    cache: str
    arm: str


class Difference(NamedTuple):
    """A claim about the times of `arm` against `versus` at one question; a ratio over 1 means that `arm` is slower."""

    question: str
    cache: str
    arm: str
    versus: str
    claim: Claim


class NoiseFloor(NamedTuple):
    """The noise of a run: how much the times of an A/A control differ, with one A/A pair for each question and cache.

    `differing` counts the A/A pairs whose ratio has a 99% interval without 1, although both names are the same arm.
    `low` and `high` are the outermost bounds of all these 99% intervals; `median_half_width` is a fraction (0.05: 5%).
    """

    pairs: int
    differing: int
    low: float
    high: float
    median_half_width: float


@dataclass(frozen=True)
class Run:
    """A run's header, and the newest line of each measurement."""

    header: Header
    lines: Sequence[Record]

    @classmethod
    def read(cls, path: Path) -> "Run":
        """Reads a run from a file; raises RequestError if the file does not hold a run."""
        return cls.of(lines.read(path), str(path))

    @classmethod
    def of(cls, records: Iterable[Record], name: str) -> "Run":
        """Returns the run in these records, the header first; error messages call the source of the records `name`."""
        remaining = iter(records)
        header = next(remaining, None)
        if not isinstance(header, Header):
            raise RequestError(f"{name}: its first line is not the header of a run; give a .jsonl that `run` wrote")
        return cls(header, newest(remaining))

    @property
    def questions(self) -> dict[tuple[str, str], list[Rounds]]:
        """The rounds of each question and cache state, in the order of the launches."""
        questions: dict[tuple[str, str], list[Rounds]] = defaultdict(list)
        for rounds in sorted(of_type(self.lines, Rounds), key=lambda rounds: rounds.launch):
            questions[rounds.question, rounds.cache].append(rounds)
        return dict(questions)


def timings(run: Run) -> dict[Cell, Percentiles]:
    """Returns percentiles in seconds of each question on each arm by cache state, without second names of controls."""
    rng = np.random.default_rng(SEED)
    return {cell: percentiles(launches, rng) for cell, launches in _seconds(run)}


def medians(run: Run) -> dict[Cell, float]:
    """Returns only the medians of `timings`, in seconds, without the slow bootstrap of their intervals."""
    return {cell: float(np.median(np.concatenate(launches))) for cell, launches in _seconds(run)}


def _seconds(run: Run) -> Iterator[tuple[Cell, list[NDArray[np.float64]]]]:
    """Yields the seconds of each question on each arm in each cache state, as one array for each launch."""
    for (question, cache), launches in run.questions.items():
        for arm in _arms(launches):
            times = [[pair for pair in launch.times.get(arm, []) if pair] for launch in launches]
            yield Cell(question, cache, arm), [np.asarray(pairs).ravel() / 1e9 for pairs in times if pairs]


def floors(run: Run) -> dict[tuple[str, str], Estimate]:
    """Returns the noise floor of each question and cache state: the log-ratio of the A/A control's two names."""
    rng = np.random.default_rng(SEED)
    ratios = {key: _ratio(launches, *launches[0].control, rng) for key, launches in run.questions.items()}
    return {key: ratio for key, ratio in ratios.items() if ratio is not None}


def noise_floor(run: Run) -> NoiseFloor | None:
    """Returns the noise floor of the whole run, or None if nothing was timed."""
    pairs = list(floors(run).values())
    if not pairs:
        return None
    bounds = [ratio.interval() for ratio in pairs]
    return NoiseFloor(
        pairs=len(pairs),
        differing=sum(not low <= 1 <= high for low, high in bounds),
        low=min(low for low, _ in bounds),
        high=max(high for _, high in bounds),
        median_half_width=float(np.median([(high / low) ** 0.5 - 1 if low > 0 else np.inf for low, high in bounds])),
    )


def differences(run: Run) -> list[Difference]:
    """Compares every two arms at every question and cache state, with one false discovery rate for all comparisons."""
    rng, question_floors = np.random.default_rng(SEED), floors(run)
    named: list[tuple[str, str, str, str]] = []
    ratios: list[Estimate] = []
    for (question, cache), launches in run.questions.items():
        for arm, versus in combinations(_arms(launches), 2):
            ratio = _ratio(launches, versus, arm, rng)
            if ratio is not None:
                named.append((question, cache, arm, versus))
                ratios.append(ratio)
    noise = [question_floors.get((question, cache)) for question, cache, *_ in named]
    return [Difference(*name, claim) for name, claim in zip(named, claims(ratios, noise), strict=True)]


def _ratio(launches: Sequence[Rounds], before: str, after: str, rng: np.random.Generator) -> Estimate | None:
    """Estimates the log-ratio of the times of arm `after` to those of arm `before`; None if no round has both arms."""
    paired: list[Logs] = []
    for times in (launch.times for launch in launches):
        both = min(len(times.get(before, ())), len(times.get(after, ())))
        ratios = asked(logarithms(times[after][:both]) - logarithms(times[before][:both])) if both else ()
        if len(ratios):
            paired.append(np.asarray(ratios))
    return estimate(paired, rng) if paired else None


def _arms(launches: Sequence[Rounds]) -> list[str]:
    """Returns the names of the timed arms in order, without second names of A/A controls."""
    return list(dict.fromkeys(arm for launch in launches for arm in launch.times if not arm.endswith(AGAIN)))
