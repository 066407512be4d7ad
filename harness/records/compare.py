"""Compares the times of two runs by question, arm and cache state, and decides which changes may be claimed."""

from collections import defaultdict
from typing import NamedTuple

import numpy as np

from rollup_bench.harness.records.findings import Cell, Run, floors
from rollup_bench.harness.stats.abba import AGAIN
from rollup_bench.harness.stats.claims import Claim, claims
from rollup_bench.harness.stats.estimate import Estimate, Logs, asked, difference, estimate, logarithms, midmean

_ENOUGH = 4  # if two runs share fewer cells (questions on arms), no median ratio is computed


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
    """Compares each question on each arm in two runs; all ratios are divided by their median before claims are made."""
    old, new = _levels(before), _levels(after)
    both = [cell for cell in old if cell in new]
    common = float(np.median([new[cell].centre - old[cell].centre for cell in both])) if len(both) >= _ENOUGH else 0.0
    ratios = [difference(new[cell], old[cell], common) for cell in both]
    noise = floors(before), floors(after)
    claimed = dict(zip(both, claims(ratios, [_wider_floor(cell, *noise) for cell in both]), strict=True))
    cells = dict.fromkeys([*old, *new])
    changes = [Change(cell, _seconds(old.get(cell)), _seconds(new.get(cell)), claimed.get(cell)) for cell in cells]
    return Comparison(float(np.exp(common)), changes)


def _levels(run: Run) -> dict[Cell, Estimate]:
    """Estimates the logarithm of the nanoseconds of each question on each arm, less the drift of each round."""
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
    """Returns a logarithm for each round of each question on each arm (NaN: not asked), without second names."""
    times: dict[Cell, dict[int, Logs]] = defaultdict(dict)
    for (question, cache), launches in run.questions.items():
        for launch in launches:
            for arm, pairs in launch.times.items():
                if not arm.endswith(AGAIN) and pairs:
                    times[Cell(question, cache, arm)][launch.launch] = logarithms(pairs)
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


def _wider_floor(cell: Cell, *noise: dict[tuple[str, str], Estimate]) -> Estimate | None:
    """Returns, of two runs' noise floors of a question, the one with the larger error; None if neither run has one."""
    question_floors = [floors[cell[:2]] for floors in noise if cell[:2] in floors]
    return max(question_floors, key=lambda floor: floor.error, default=None)


def _seconds(level: Estimate | None) -> float | None:
    return None if level is None else float(np.exp(level.centre)) / 1e9
