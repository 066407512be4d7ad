"""Computes the results of a run from its file alone: times, processor seconds, noise floors and differences."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import combinations
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from rollup_bench.engines.registry import names, recipe
from rollup_bench.errors import RequestError
from rollup_bench.harness.records import lines
from rollup_bench.harness.records.lines import Cost, Header, MixedQuestions, Record, Rounds, of_type
from rollup_bench.harness.records.run_log import newest
from rollup_bench.harness.stats import noise, student
from rollup_bench.harness.stats.abba import AGAIN
from rollup_bench.harness.stats.claims import Claim, claims
from rollup_bench.harness.stats.estimate import Estimate, Logs, asked, estimate, logarithms, paired
from rollup_bench.harness.stats.moderation import estimates
from rollup_bench.harness.stats.percentiles import Percentiles, percentiles

DRIFT = (
    0.05  # a cell drifts if its times changed by more than 5% from the first half of a launch's rounds to the second
)
_STEADY_FAILS = 0.005  # the share of steady cells whose interval of a change excludes 1


class Cell(NamedTuple):
    """One question asked of one arm in one cache state."""

    question: str
    cache: str
    arm: str

    @property
    def cells(self) -> "tuple[Cell]":
        """The cell itself, as `Pair.cells` has two."""
        return (self,)


class Pair(NamedTuple):
    """Two arms at one question in one cache state."""

    question: str
    cache: str
    arm: str
    versus: str

    @property
    def cells(self) -> tuple[Cell, Cell]:
        """The cells of the two arms."""
        return Cell(self.question, self.cache, self.arm), Cell(self.question, self.cache, self.versus)


Compared = TypeVar("Compared", Cell, Pair)


class Difference(NamedTuple):
    """A claim about `arm` against `versus` at one question; a ratio over 1 means that `arm` needs more time."""

    question: str
    cache: str
    arm: str
    versus: str
    claim: Claim


class Level(NamedTuple):
    """An estimated number of seconds and its interval; a bound that cannot be estimated is 0 or infinite."""

    seconds: float
    low: float
    high: float


class Processor(NamedTuple):
    """Processor seconds for one request, asked alone; `engine` is None if they cannot be told from the client's."""

    client: Level
    engine: Level | None
    total: Level


class NoiseFloor(NamedTuple):
    """The noise of a run: how much the times of an A/A control differ, with one A/A pair for each question and cache.

    `differing` counts the A/A pairs whose ratio has a 99% interval without 1, although both names are the same arm.
    `low` and `high` bound the 99% interval of the floor of the run; they are 0 and infinity if it is unknown.
    `median_half_width` is that of the pairs, as a fraction (0.05: 5%).
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

    @cached_property
    def questions(self) -> dict[tuple[str, str], list[Rounds]]:
        """The rounds of each question and cache state, in the order of the launches."""
        questions: dict[tuple[str, str], list[Rounds]] = defaultdict(list)
        for rounds in sorted(of_type(self.lines, Rounds), key=lambda rounds: rounds.launch):
            questions[rounds.question, rounds.cache].append(rounds)
        return dict(questions)


def timings(run: Run) -> dict[Cell, Percentiles]:
    """Returns percentiles of the interleaved times of each cell, in seconds, without second names of controls."""
    return {
        Cell(question, cache, arm): percentiles(seconds)
        for (question, cache), launches in run.questions.items()
        for arm in _arms(launches)
        if (seconds := [np.asarray(pairs).ravel() / 1e9 for launch in launches if (pairs := _pairs(launch, arm))])
    }


def alone(run: Run) -> dict[Cell, Percentiles]:
    """Returns percentiles of the times of each cell that was asked alone, in seconds; older files have none."""
    seconds: dict[Cell, list[NDArray[np.float64]]] = defaultdict(list)
    for cell, costs in _costs(run).items():
        seconds[cell] = [np.asarray(cost.times) / 1e9 for cost in costs.values() if cost.times]
    return {cell: percentiles(launches) for cell, launches in seconds.items() if launches}


def medians(run: Run) -> dict[Cell, float]:
    """Returns only the medians of `timings`, in seconds."""
    return {cell: figures.median for cell, figures in timings(run).items()}


def processor(run: Run) -> dict[Cell, Processor]:
    """Returns the processor seconds of a request to each cell; a launch is one value, whatever its requests."""
    return {cell: _processor(list(costs.values())) for cell, costs in _whole_costs(run).items()}


def drifting(run: Run) -> set[Cell]:
    """Returns the cells whose times still fell or rose while they were measured.

    The second half of each launch's rounds is compared with the first. A cell drifts if the interval of this ratio
    excludes 1, and the ratio is off by more than `DRIFT`. Such a cell supports no claim.
    """
    changes = {
        Cell(question, cache, arm): [_change(asked(logarithms(launch.times.get(arm, [])))) for launch in launches]
        for (question, cache), launches in run.questions.items()
        for arm in _arms(launches)
    }
    known = {cell: [change for change in launches if len(change)] for cell, launches in changes.items()}
    return {cell for cell, launches in known.items() if launches and _drifts(estimate(launches))}


def measured_rounds(run: Run) -> noise.Measured:
    """Returns the log time of each round by question, launch and arm."""
    return {
        key: [{arm: logarithms(pairs) for arm, pairs in launch.times.items()} for launch in launches]
        for key, launches in run.questions.items()
    }


def measured_processor(run: Run) -> noise.Measured:
    """Returns the log processor seconds of client and engine for one request, by question, launch and arm."""
    found: dict[noise.Key, dict[int, dict[str, Logs]]] = defaultdict(lambda: defaultdict(dict))
    for cell, costs in _whole_costs(run).items():
        for launch, cost in costs.items():
            found[cell.question, cell.cache][launch][cell.arm] = np.log([_total(cost)])
    return {key: [logs for _, logs in sorted(launches.items())] for key, launches in found.items()}


def controls(run: Run) -> dict[noise.Key, Estimate]:
    """Returns the A/A control of each question and cache state: the log-ratio of its second name to the arm."""
    return noise.controls(measured_rounds(run))


def floors(run: Run) -> dict[noise.Key, Estimate]:
    """Returns the noise floor of each question and cache state, which differences must exceed to be claimed."""
    return noise.floors(measured_rounds(run))


def noise_floor(run: Run) -> NoiseFloor | None:
    """Returns the noise floor of the whole run, or None if nothing was timed."""
    measured = measured_rounds(run)
    pairs = noise.controls(measured)
    if not pairs:
        return None
    bounds, common = [ratio.interval() for ratio in pairs.values()], noise.common(measured, pairs)
    low, high = common.interval() if common else (0.0, math.inf)
    return NoiseFloor(
        pairs=len(pairs),
        differing=sum(not low <= 1 <= high for low, high in bounds),
        low=low,
        high=high,
        median_half_width=float(np.median([(high / low) ** 0.5 - 1 if low > 0 else np.inf for low, high in bounds])),
    )


def differences(run: Run) -> list[Difference]:
    """Compares every two arms at every question and cache state, with one false discovery rate for all comparisons."""
    return _differences(run, ratios(run), floors(run))


def processor_differences(run: Run) -> list[Difference]:
    """Compares the processor seconds of every two arms at every question, with one false discovery rate for all."""
    return _differences(run, processor_ratios(run), {})


def ratios(run: Run) -> dict[Pair, Estimate]:
    """Estimates the log-ratio of the times of every two arms at every question and cache state."""
    common = {
        Pair(question, cache, arm, versus): launches
        for (question, cache), measured in measured_rounds(run).items()
        for arm, versus in combinations(_arms(run.questions[question, cache]), 2)
        if (launches := paired(measured, versus, arm))
    }
    return dict(zip(common, estimates(list(common.values())), strict=True))


def processor_ratios(run: Run) -> dict[Pair, Estimate]:
    """Estimates the log-ratio of the processor seconds of every two arms at every question, within each launch."""
    logs = processor_logs(run)
    found: dict[Pair, list[Logs]] = {}
    for cell, versus in combinations(logs, 2):
        common = logs[cell].keys() & logs[versus].keys()
        if cell[:2] == versus[:2] and common:
            found[Pair(*cell, versus.arm)] = [
                np.array([logs[cell][launch] - logs[versus][launch]]) for launch in sorted(common)
            ]
    return dict(zip(found, estimates(list(found.values())), strict=True))


def claimed(
    ratios: Mapping[Compared, Estimate], held_against: Mapping[noise.Key, Estimate], unsteady: Set[Cell]
) -> dict[Compared, Claim]:
    """Returns a claim about each ratio. One false discovery rate holds for all of them together.

    `held_against` has the noise floor of each question and cache state. `unsteady` has the cells that drift; nothing is
    claimed about their ratios.
    """
    found = claims(
        list(ratios.values()),
        [held_against.get((one.question, one.cache)) for one in ratios],
        [not unsteady.isdisjoint(one.cells) for one in ratios],
    )
    return dict(zip(ratios, found, strict=True))


def processor_logs(run: Run) -> dict[Cell, dict[int, float]]:
    """Returns, by cell and launch, the logarithm of the processor seconds of client and engine for one request."""
    return {
        cell: {launch: math.log(total) for launch, cost in costs.items() if (total := _total(cost)) > 0}
        for cell, costs in _whole_costs(run).items()
    }


def _differences(
    run: Run, found: Mapping[Pair, Estimate], held_against: Mapping[noise.Key, Estimate]
) -> list[Difference]:
    return [Difference(*pair, claim) for pair, claim in claimed(found, held_against, drifting(run)).items()]


def _change(rounds: Logs) -> Logs:
    """Returns the log-ratios of the rounds of a launch's second half to those of its first half."""
    half = len(rounds) // 2
    return rounds[len(rounds) - half :] - rounds[:half]


def _drifts(change: Estimate) -> bool:
    reach = change.error * student.quantile(1 - _STEADY_FAILS / 2, change.dof)
    return abs(change.centre) > max(reach, math.log1p(DRIFT))


def _costs(run: Run) -> dict[Cell, dict[int, Cost]]:
    """Returns the measurements of each cell alone, by launch in order; `questions` counts requests, also of a mix."""
    costs: dict[Cell, dict[int, Cost]] = defaultdict(dict)
    lengths = {mix.question: sum(mix.counts.values()) for mix in of_type(run.lines, MixedQuestions)}
    for cost in sorted(of_type(run.lines, Cost), key=lambda cost: cost.launch):
        count = cost.questions * lengths.get(cost.question, 1)
        costs[Cell(cost.question, cost.cache, cost.arm)][cost.launch] = replace(cost, questions=count)
    return dict(costs)


def _whole_costs(run: Run) -> dict[Cell, dict[int, Cost]]:
    """Returns the costs of cells whose processor time of client and engine is known in every launch."""
    return {cell: launches for cell, launches in _costs(run).items() if not any(map(is_hidden, launches.values()))}


def is_hidden(cost: Cost) -> bool:
    """Whether a server answered whose processor time could not be read, so that the client's part alone is known."""
    return cost.spent.engine is None and _is_served(lines.parts(cost.arm)[0])


@cache
def _is_served(engine: str) -> bool:
    return engine in names() and recipe(engine) is not None


def _processor(costs: Sequence[Cost]) -> Processor:
    engine = [cost.spent.engine / cost.questions for cost in costs if cost.spent.engine]
    return Processor(
        client=_level([cost.spent.client / cost.questions for cost in costs]),
        engine=_level(engine) if engine else None,
        total=_level([_total(cost) for cost in costs]),
    )


def _total(cost: Cost) -> float:
    """Returns the processor seconds of client and engine for one request."""
    return cost.spent.processor / cost.questions


def _level(launches: Sequence[float]) -> Level:
    """Estimates a number of seconds from one positive value for each launch."""
    found = estimate([np.log([seconds]) for seconds in launches])
    return Level(found.ratio, *found.interval())


def _arms(launches: Sequence[Rounds]) -> list[str]:
    """Returns the names of the timed arms in order, without second names of A/A controls."""
    return list(dict.fromkeys(arm for launch in launches for arm in launch.times if not arm.endswith(AGAIN)))


def _pairs(launch: Rounds, arm: str) -> list[tuple[int, int]]:
    """Returns the two times in nanoseconds of each round in which an arm was asked."""
    return [pair for pair in launch.times.get(arm, []) if pair]
