"""Compares two runs of one machine by question, arm and cache state, and decides which changes may be claimed."""

import math
from collections import defaultdict
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from rollup_bench.harness.records.findings import Cell, Run, claimed, drifting, floors, processor, processor_logs
from rollup_bench.harness.stats import noise
from rollup_bench.harness.stats.abba import AGAIN
from rollup_bench.harness.stats.claims import Claim
from rollup_bench.harness.stats.estimate import Estimate, Logs, asked, difference, estimate, logarithms, midmean

_ENOUGH = 4  # if two runs share fewer cells (questions on arms), no median ratio is computed
_NANO = math.log(1e9)


class Change(NamedTuple):
    """The typical seconds of a question on an arm (a cell) in each of two runs, and a claim about their ratio.

    A ratio over 1 means that the second run is slower. A run without the cell has no seconds, and then `claim` is None.
    """

    cell: Cell
    before: float | None
    after: float | None
    claim: Claim | None


class Comparison(NamedTuple):
    """All changes, and `common`: the median ratio over the questions and arms in both runs, or 1.0 for fewer than 4."""

    common: float
    changes: list[Change]


def compare(before: Run, after: Run) -> Comparison:
    """Compares the times of each question on each arm; ratios are divided by their median before claims are made.

    A cell that drifts in one of the runs supports no claim.
    """
    unsteady = drifting(before) | drifting(after)
    return _compare(_levels(before), _levels(after), wider_floors(before, after), unsteady)


def compare_processor(before: Run, after: Run) -> Comparison:
    """Compares the processor seconds of client and engine for one request to each cell that both runs asked alone.

    A cell is left out if only one of the runs could measure the engine's part; one that drifts supports no claim.
    """
    old, new = processor(before), processor(after)
    both = [cell for cell in old if cell in new and (old[cell].engine is None) == (new[cell].engine is None)]
    logs = [processor_logs(run) for run in (before, after)]
    before_level, after_level = (
        {cell: estimate([np.array([log]) for log in run[cell].values()]) for cell in both} for run in logs
    )
    return _compare(before_level, after_level, {}, drifting(before) | drifting(after))


def wider_floors(before: Run, after: Run) -> dict[noise.Key, Estimate]:
    """Returns, of two runs' noise floors of each question, the one whose interval reaches further from 1."""
    wider = floors(before)
    for key, floor in floors(after).items():
        wider[key] = max(wider.get(key, floor), floor, key=_reach)
    return wider


def _reach(floor: Estimate) -> float:
    """How far, as a logarithm, the interval of a noise floor reaches from 1."""
    low, high = floor.interval()
    return max(math.log(high), -math.log(low)) if low > 0 and math.isfinite(high) else math.inf


def _compare(
    old: Mapping[Cell, Estimate],
    new: Mapping[Cell, Estimate],
    held_against: Mapping[noise.Key, Estimate],
    unsteady: set[Cell],
) -> Comparison:
    """Compares log seconds; `held_against` has the noise floor of each question, `unsteady` the cells that drift."""
    both = [cell for cell in old if cell in new]
    common = float(np.median([new[cell].centre - old[cell].centre for cell in both])) if len(both) >= _ENOUGH else 0.0
    found = claimed({cell: difference(new[cell], old[cell], common) for cell in both}, held_against, unsteady)
    cells = dict.fromkeys([*old, *new])
    changes = [Change(cell, _seconds(old.get(cell)), _seconds(new.get(cell)), found.get(cell)) for cell in cells]
    return Comparison(math.exp(common), changes)


def _levels(run: Run) -> dict[Cell, Estimate]:
    """Estimates the logarithm of the seconds of each question on each arm, less the drift of each round."""
    times = _times(run)
    centres = {cell: float(np.mean([midmean(asked(rounds)) for rounds in times[cell].values()])) for cell in times}
    deviations = {
        cell: {launch: rounds - centres[cell] for launch, rounds in launches.items()}
        for cell, launches in times.items()
    }
    return {
        cell: estimate([asked(rounds - _drift(deviations, cell, launch)) for launch, rounds in launches.items()])
        for cell, launches in times.items()
    }


def _times(run: Run) -> dict[Cell, dict[int, Logs]]:
    """Returns log seconds for each round of each question on each arm (NaN: not asked), without second names."""
    times: dict[Cell, dict[int, Logs]] = defaultdict(dict)
    for (question, cache), launches in run.questions.items():
        for launch in launches:
            for arm, pairs in launch.times.items():
                if not arm.endswith(AGAIN) and any(pairs):
                    times[Cell(question, cache, arm)][launch.launch] = logarithms(pairs) - _NANO
    return dict(times)


def _drift(deviations: dict[Cell, dict[int, Logs]], cell: Cell, launch: int) -> Logs:
    """Returns the drift of each round of a launch: the median deviation of other questions and arms, or 0."""
    rounds = len(deviations[cell][launch])
    others = [logs[launch][:rounds] for other, logs in deviations.items() if other != cell and launch in logs]
    padded = np.full((len(others) + 1, rounds), np.nan)
    for row, values in zip(padded, others, strict=False):
        row[: len(values)] = values
    padded[-1, np.isnan(padded).all(axis=0)] = 0.0
    return np.asarray(np.nanmedian(padded, axis=0))


def _seconds(level: Estimate | None) -> float | None:
    return None if level is None else math.exp(level.centre)
