"""Collects the figures of each mix on each arm, for the table in the terminal."""

from collections.abc import Sequence

import msgspec
import numpy as np

from rollup_bench.harness.records.findings import Run
from rollup_bench.harness.records.lines import (
    ClosedLoop,
    Cost,
    MixedQuestions,
    OpenLoop,
    Spent,
    Verdict,
    of_cell,
    of_type,
)
from rollup_bench.harness.run import loops, search
from rollup_bench.harness.stats.estimate import Estimate, estimate


class MixView(msgspec.Struct, frozen=True):
    """The figures of a mix on one arm; None if not measured. Rates are requests per second.

    An Estimate is of the logarithm of the figure, from one value for each launch.
    """

    arm: str
    alone: Estimate | None = None  # the rate of one client, while no other arm is asked
    processor: Estimate | None = None  # the processor seconds of client and engine for one request, asked alone
    most: float | None = None  # the most right answers per second in a closed loop
    highest: OpenLoop | None = None  # at the highest rate that met the objective twice
    note: str = ""  # why a figure is missing


def mixes(run: Run) -> list[tuple[MixedQuestions, list[MixView]]]:
    """Returns the mixes of a run, each with a view of every arm in the order of the run's file."""
    arms = list(dict.fromkeys(line.arm for line in of_type(run.lines, Verdict)))
    return [(mix, [_view(run, mix, arm) for arm in arms]) for mix in of_type(run.lines, MixedQuestions)]


def cores(spent: Spent) -> float:
    """Returns how many cores client and engine used on average."""
    return spent.processor / spent.seconds


def _view(run: Run, mix: MixedQuestions, arm: str) -> MixView:
    if arm in mix.refused:
        return MixView(arm, note=f"not asked: {mix.refused[arm]}")
    closed = of_cell(run.lines, ClosedLoop, mix.question, arm)
    opened = of_cell(run.lines, OpenLoop, mix.question, arm)
    costs = of_cell(run.lines, Cost, mix.question, arm)
    length, highest = sum(mix.counts.values()), search.highest(opened)
    return MixView(
        arm,
        alone=_over_launches([1e9 * length * len(line.times) / sum(line.times) for line in costs]),
        processor=_over_launches([line.spent.processor / line.questions / length for line in costs]),
        most=loops.capacity(closed),
        highest=highest,
        note="" if highest else _missing(closed, opened),
    )


def _over_launches(values: Sequence[float]) -> Estimate | None:
    """Estimates the logarithm of a value that was measured once in each launch; None without launches."""
    return estimate([np.log([value]) for value in values]) if values else None


def _missing(closed: Sequence[ClosedLoop], opened: Sequence[OpenLoop]) -> str:
    """Says why no rate is known that meets the objective; empty if no closed loop was measured."""
    if not closed:
        return ""
    if loops.capacity(closed) is None:
        return "wrong or no answers under load"
    if opened:
        lowest = min(line.rate for line in opened)
        return f"p95 above {opened[0].objective * 1000:g} ms, or unknown, at {lowest:g} a second"
    return "slower than the objective when idle"
