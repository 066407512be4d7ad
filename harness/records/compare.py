"""Compares two runs cell by cell and decides which changes may be claimed."""

from collections import defaultdict
from typing import NamedTuple

import numpy as np

from rollup_bench.harness.records.findings import SEED, Cell, Run, floors
from rollup_bench.harness.stats.abba import AGAIN
from rollup_bench.harness.stats.claims import Claim, claims
from rollup_bench.harness.stats.estimate import Estimate, Logs, difference, estimate, logarithms, midmean

_ENOUGH = 4  # the cells of both runs that are needed to compute a common change


class Change(NamedTuple):
    """The typical seconds of a cell in each run, and the claim about their ratio; over 1, the second run is slower.

    A cell that only one run has gets no claim.
    """

    cell: Cell
    before: float | None
    after: float | None
    claim: Claim | None


class Comparison(NamedTuple):
    """All changes, and `common`: the median ratio of all cells, for example 1.1 if the machine became 10% slower."""

    common: float
    changes: list[Change]


def compare(before: Run, after: Run) -> Comparison:
    """Compares every cell of either run; ratios are divided by the common ratio before anything is claimed."""
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
    """Estimates the logarithm of each cell's nanoseconds, after the drift of each round is subtracted."""
    rng = np.random.default_rng(SEED)
    times = _times(run)
    centres = {cell: float(np.mean([midmean(rounds) for rounds in times[cell].values()])) for cell in times}
    deviations = {
        cell: {launch: rounds - centres[cell] for launch, rounds in launches.items()}
        for cell, launches in times.items()
    }
    return {
        cell: estimate([rounds - _drift(deviations, cell, launch) for launch, rounds in launches.items()], rng)
        for cell, launches in times.items()
    }


def _times(run: Run) -> dict[Cell, dict[int, Logs]]:
    """Returns the logarithms of each cell's rounds by launch; second names of A/A controls are left out."""
    times: dict[Cell, dict[int, Logs]] = defaultdict(dict)
    for (question, cache), launches in run.questions.items():
        for launch in launches:
            for arm, pairs in launch.times.items():
                if not arm.endswith(AGAIN) and pairs:
                    times[Cell(question, cache, arm)][launch.launch] = logarithms(pairs)
    return dict(times)


def _drift(deviations: dict[Cell, dict[int, Logs]], cell: Cell, launch: int) -> Logs:
    """Returns the drift of each round of a launch: the median deviation of all other cells, or 0 if there are none."""
    rounds = len(deviations[cell][launch])
    others = [logs[launch][:rounds] for other, logs in deviations.items() if other != cell and launch in logs]
    padded = np.full((len(others) + 1, rounds), np.nan)
    for row, values in zip(padded, others, strict=False):
        row[: len(values)] = values
    padded[-1, np.isnan(padded).all(axis=0)] = 0.0
    return np.asarray(np.nanmedian(padded, axis=0))


def _wider_floor(cell: Cell, *noise: dict[tuple[str, str], Estimate]) -> Estimate | None:
    """Returns the noise floor of the cell's question with the larger error, from either run."""
    question_floors = [floors[cell[:2]] for floors in noise if cell[:2] in floors]
    return max(question_floors, key=lambda floor: floor.error, default=None)


def _seconds(level: Estimate | None) -> float | None:
    return None if level is None else float(np.exp(level.centre)) / 1e9
