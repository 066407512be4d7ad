"""Collects the figures of each mix on each arm, for the table in the terminal and the pages."""

import math
from collections.abc import Sequence

import msgspec
import numpy as np

from rollup_bench.harness.records.findings import Run, is_hidden
from rollup_bench.harness.records.lines import Cost, MixedQuestions, Verdict, of_cell, of_type
from rollup_bench.harness.report.under_load import UnderLoadView, under_load
from rollup_bench.harness.stats.estimate import estimate


class Figure(msgspec.Struct, frozen=True):
    """A mean over launches with the interval in which it lies with 99% confidence; None if it is unknown."""

    value: float
    interval: tuple[float, float] | None


class MixView(msgspec.Struct, frozen=True, omit_defaults=True):
    """The figures of a mix on one arm; None if not measured."""

    arm: str
    alone: Figure | None = None  # requests per second of one client, while no other arm is asked
    processor: Figure | None = None  # the processor seconds of client and engine for one request, asked alone
    load: UnderLoadView | None = None
    refused: str = ""  # why the arm is not asked


def mixes(run: Run) -> list[tuple[MixedQuestions, list[MixView]]]:
    """Returns the mixes of a run, each with a view of every arm in the order of the run's file."""
    arms = list(dict.fromkeys(line.arm for line in of_type(run.lines, Verdict)))
    return [(mix, [_view(run, mix, arm) for arm in arms]) for mix in of_type(run.lines, MixedQuestions)]


def _view(run: Run, mix: MixedQuestions, arm: str) -> MixView:
    if arm in mix.refused:
        return MixView(arm, refused=mix.refused[arm])
    costs, length = of_cell(run.lines, Cost, mix.question, arm), sum(mix.counts.values())
    whole = [line for line in costs if not is_hidden(line)]
    return MixView(
        arm,
        alone=_over_launches([1e9 * length * len(line.times) / sum(line.times) for line in costs]),
        processor=_over_launches([line.spent.processor / line.questions / length for line in whole]),
        load=under_load(run, mix.question, arm),
    )


def _over_launches(values: Sequence[float]) -> Figure | None:
    """Returns the geometric mean of a value that was measured once in each launch; None without launches."""
    if not values:
        return None
    found = estimate([np.log([value]) for value in values])
    return Figure(found.ratio, None if math.isinf(found.error) else found.interval())
