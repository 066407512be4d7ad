"""Break-even: after how many questions the time that a layout saves against raw equals the time of its load."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, exp, log
from statistics import mean

from rollup_bench.harness.records.findings import Cell, Run
from rollup_bench.harness.records.lines import LoadCost, parts
from rollup_bench.workloads.layouts import RAW

CLOSE = 4 / 3
"""The largest ratio of times that may be chance: identical arms differed this much in a standard run."""


@dataclass(frozen=True)
class BreakEven:
    """A layout compared with raw on the same engine, over the questions that were timed on both."""

    events_per_row: float
    questions: int
    speedup: float  # geometric mean of the raw time over the layout's time
    after: int | None  # questions until the load is repaid; None if never
    too_close: bool  # all ratios of times are within CLOSE, so that the ratios may be chance


def break_even(run: Run, load: LoadCost, medians: Mapping[Cell, float]) -> BreakEven | None:
    """Returns the break-even of one load; None for raw, or if no question was timed on raw and on the layout."""
    engine, layout = parts(load.arm)
    raw = {cell.question: median for cell, median in medians.items() if cell[1:] == ("hot", f"{engine}/{RAW}")}
    own = {cell.question: median for cell, median in medians.items() if cell[1:] == ("hot", load.arm)}
    pairs = [(raw[name], own[name]) for name in own if name in raw]
    if layout == RAW or not pairs:
        return None
    built = load.built or load
    repaid = questions_to_repay(built.seconds, mean(before - now for before, now in pairs))
    return BreakEven(
        events_per_row=run.header.rows / max(built.rows, 1),
        questions=len(pairs),
        speedup=exp(mean(log(before / now) for before, now in pairs)),
        after=None if repaid is None else ceil(repaid),
        too_close=all(1 / CLOSE <= before / now <= CLOSE for before, now in pairs),
    )


def questions_to_repay(load: float, saved: float) -> float | None:
    """Returns how many questions, each saving `saved` seconds, repay `load` seconds; None if `saved` is at most 0."""
    return load / saved if saved > 0 else None
