"""Which changes between two runs are real."""

from collections import defaultdict
from typing import NamedTuple

import numpy as np

from rollup_bench.harness.records.findings import SEED, Cell, Run, floors
from rollup_bench.harness.stats.abba import AGAIN
from rollup_bench.harness.stats.claims import Claim, claims
from rollup_bench.harness.stats.estimate import Estimate, Logs, difference, estimate, logarithms, midmean

_ENOUGH = 4  # cells from which on their median tells what all have in common


class Change(NamedTuple):
    """What became of a cell; ratios over 1 are slower in the second run. No claim: it is in one run only."""

    cell: Cell
    before: float | None  # seconds, at the centre
    after: float | None
    claim: Claim | None


class Comparison(NamedTuple):
    """The changes, beside what all cells have in common: a machine in another mood, or a change to everything."""

    common: float
    changes: list[Change]


def compare(before: Run, after: Run) -> Comparison:
    """Every cell of either run; the shift that is common to all is taken out before anything is claimed."""
    levels = _levels(before), _levels(after)
    both = [cell for cell in levels[0] if cell in levels[1]]
    moves = [levels[1][cell].centre - levels[0][cell].centre for cell in both]
    common = float(np.median(moves)) if len(both) >= _ENOUGH else 0.0
    changed = [difference(levels[1][cell], levels[0][cell], common) for cell in both]
    noise = floors(before), floors(after)
    made = dict(zip(both, claims(changed, [_louder(cell, *noise) for cell in both]), strict=True))
    cells = dict.fromkeys([*levels[0], *levels[1]])
    rows = [
        Change(cell, _seconds(levels[0].get(cell)), _seconds(levels[1].get(cell)), made.get(cell)) for cell in cells
    ]
    return Comparison(float(np.exp(common)), rows)


def _levels(run: Run) -> dict[Cell, Estimate]:
    """The logarithm of the nanoseconds of each cell, less what came and went in each round for all the others."""
    rng = np.random.default_rng(SEED)
    times = _times(run)
    centres = {cell: float(np.mean([midmean(one) for one in launches.values()])) for cell, launches in times.items()}
    deviations = {
        cell: {launch: one - centres[cell] for launch, one in launches.items()} for cell, launches in times.items()
    }
    return {
        cell: estimate([one - _weather(deviations, cell, launch) for launch, one in launches.items()], rng)
        for cell, launches in times.items()
    }


def _times(run: Run) -> dict[Cell, dict[int, Logs]]:
    """The logarithms of each cell's rounds, by launch."""
    found: dict[Cell, dict[int, Logs]] = defaultdict(dict)
    for (question, cache), launches in run.questions.items():
        for one in launches:
            for arm, pairs in one.times.items():
                if not arm.endswith(AGAIN) and pairs:
                    found[Cell(question, cache, arm)][one.launch] = logarithms(pairs)
    return dict(found)


def _weather(deviations: dict[Cell, dict[int, Logs]], cell: Cell, launch: int) -> Logs:
    """By how much the other cells were off their own centres in each round of a launch: their median, 0 if none."""
    rounds = len(deviations[cell][launch])
    others = [one[launch][:rounds] for other, one in deviations.items() if other != cell and launch in one]
    padded = np.full((len(others) + 1, rounds), np.nan)
    for row, values in zip(padded, others, strict=False):
        row[: len(values)] = values
    padded[-1, np.isnan(padded).all(axis=0)] = 0.0
    return np.asarray(np.nanmedian(padded, axis=0))


def _louder(cell: Cell, *noise: dict[tuple[str, str], Estimate]) -> Estimate | None:
    """The wider of the two runs' A/A ratios of this question."""
    found = [floor[cell[:2]] for floor in noise if cell[:2] in floor]
    return max(found, key=lambda one: one.error, default=None)


def _seconds(level: Estimate | None) -> float | None:
    return None if level is None else float(np.exp(level.centre)) / 1e9
