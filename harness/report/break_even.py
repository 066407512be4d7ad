"""Break-even: after how many questions the time that a layout saves against raw equals the time of its load."""

from collections.abc import Mapping
from math import ceil, exp, log
from statistics import mean

import msgspec

from rollup_bench.engines.contract import Built
from rollup_bench.harness.records.findings import Cell, Run
from rollup_bench.harness.records.lines import LoadCost, parts
from rollup_bench.workloads.layouts import RAW

CLOSE = 4 / 3
"""The largest ratio of times that may be chance: identical arms differed this much in a standard run."""


class BreakEven(msgspec.Struct, frozen=True):
    """A layout compared with raw on the same engine, over the questions that were timed on both."""

    events_per_row: float
    questions: int
    raw_seconds: float  # mean of the questions' median times on raw
    layout_seconds: float  # mean of their median times on the layout
    repaid_seconds: float  # the time of the load that has to be repaid
    speedup: float  # geometric mean of the raw time over the layout's time
    after: int | None  # questions until the load is repaid; None if never
    too_close: bool  # all ratios of times are within CLOSE, so that the ratios may be chance


def break_even(run: Run, load: LoadCost, medians: Mapping[Cell, float]) -> BreakEven | None:
    """Returns the break-even of one load; None for raw, if no question was timed on both, or if others loaded it."""
    engine, layout = parts(load.arm)
    raw = {cell.question: median for cell, median in medians.items() if cell[1:] == ("hot", f"{engine}/{RAW}")}
    own = {cell.question: median for cell, median in medians.items() if cell[1:] == ("hot", load.arm)}
    pairs = [(raw[name], own[name]) for name in own if name in raw]
    if layout == RAW or not pairs or load.loaded_by:
        return None
    before, now = (mean(times) for times in zip(*pairs, strict=True))
    repaid = questions_to_repay(load, before - now)
    return BreakEven(
        events_per_row=run.header.rows / max(charged(load).rows, 1),
        questions=len(pairs),
        raw_seconds=before,
        layout_seconds=now,
        repaid_seconds=charged(load).seconds,
        speedup=exp(mean(log(raw_time / own_time) for raw_time, own_time in pairs)),
        after=None if repaid is None else ceil(repaid),
        too_close=all(1 / CLOSE <= raw_time / own_time <= CLOSE for raw_time, own_time in pairs),
    )


def charged(load: LoadCost) -> LoadCost | Built:
    """Returns what a layout has to repay: what it built in addition to the events, or the whole load."""
    return load.built or load


def questions_to_repay(load: LoadCost, saved: float) -> float | None:
    """Returns how many questions, each saving `saved` seconds, repay a load; None if `saved` is at most 0."""
    return charged(load).seconds / saved if saved > 0 else None
