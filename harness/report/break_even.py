"""Break-even: what a layout costs to load and what it saves beside raw events of the same engine, from one run."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, exp, log
from statistics import mean

from rollup_bench.harness.records.findings import Cell, Run
from rollup_bench.harness.records.lines import LoadCost, parts
from rollup_bench.harness.stats.percentiles import Percentiles
from rollup_bench.workloads.layouts import RAW

CLOSE = 4 / 3
"""Up to so many times faster or slower nothing is said: between identical arms a standard run saw as much."""


@dataclass(frozen=True)
class BreakEven:
    """A layout beside raw on the same engine, over the questions that both were timed at.

    Events for each stored row; how many times faster it is (geometric mean); after how many questions its load is
    repaid (None: never); whether all of that is too close to tell.
    """

    ratio: float
    questions: int
    speedup: float
    after: int | None
    close: bool


def break_even(run: Run, load: LoadCost, timed: Mapping[Cell, Percentiles]) -> BreakEven | None:
    """The break-even of one load; None for raw itself, and where raw was not timed at the same questions."""
    engine, layout = parts(load.arm)
    raw = {cell.question: time.median for cell, time in timed.items() if cell[1:] == ("hot", f"{engine}/{RAW}")}
    own = {cell.question: time.median for cell, time in timed.items() if cell[1:] == ("hot", load.arm)}
    both = [(raw[name], own[name]) for name in own if name in raw]
    if layout == RAW or not both:
        return None
    repaid = questions_to_repay(load.seconds, mean(before - now for before, now in both))
    return BreakEven(
        ratio=run.header.rows / max(load.rows, 1),
        questions=len(both),
        speedup=exp(mean(log(before / now) for before, now in both)),
        after=None if repaid is None else ceil(repaid),
        close=all(1 / CLOSE <= before / now <= CLOSE for before, now in both),
    )


def questions_to_repay(load: float, saved: float) -> float | None:
    """How often a question must be asked until a load is repaid; both in seconds. None where nothing is saved."""
    return load / saved if saved > 0 else None
