"""What a layout costs and what it saves beside raw events on the same engine, by the medians of one run."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, exp, log
from statistics import mean

from rollup_bench.harness.run.arms import Arm, Cell
from rollup_bench.workloads.layouts import RAW

CLOSE = 4 / 3
"""Up to so many times faster or slower nothing is said: between identical arms a standard run saw as much."""


@dataclass(frozen=True)
class Payoff:
    """Of one arm: events behind each row that it keeps, and over the questions that it and raw both answer right how
    many times faster it is (geometric mean), after how many questions its load has paid (None: never), and whether all
    of that is too close to tell."""

    ratio: float
    questions: int
    speedup: float
    after: int | None
    close: bool


def payoff(arm: Arm, cells: Sequence[Cell]) -> Payoff | None:
    """The payoff of a roll-up or of `tuned`; None for raw itself and where nothing can be compared."""
    raw = {
        c.question: c.median
        for c in cells
        if c.arm.engine is arm.engine and c.arm.plan.layout.name == RAW and c.median is not None
    }
    own = {c.question: c.median for c in cells if c.arm is arm and c.median is not None}
    both = [(raw[name], own[name]) for name in own if name in raw]
    if arm.loaded is None or arm.plan.layout.name == RAW or not both:
        return None
    saved = mean(before - now for before, now in both)
    return Payoff(
        ratio=arm.plan.shape.rows / max(arm.loaded.rows, 1),
        questions=len(both),
        speedup=exp(mean(log(before / now) for before, now in both)),
        after=ceil(arm.loaded.seconds / saved) if saved > 0 else None,
        close=all(1 / CLOSE <= before / now <= CLOSE for before, now in both),
    )
