"""Builds runs from round times that a test chooses."""

from collections.abc import Mapping, Sequence

from rollup_bench.harness.records.findings import Run
from rollup_bench.harness.records.lines import Header, Pairs, Record, Rounds
from rollup_bench.harness.stats.abba import AGAIN

HEADER = Header(dataset="d", rows=1, seed=1, profile="quick", machine={}, versions={}, budget={}, scope=[])
Times = Mapping[str, Sequence[int | None]]


def rounds(question: str, times: Times, launch: int = 0, control: str = "a") -> Rounds:
    """A launch of a question: in each round, both requests of an arm took so many nanoseconds; None: not asked."""
    pairs: dict[str, Pairs] = {
        arm: [None if each is None else (each, each) for each in given] for arm, given in times.items()
    }
    return Rounds(
        question=question,
        cache="hot",
        launch=launch,
        control=(control, control + AGAIN),
        times=pairs,
        warm={},
        failed={},
    )


def run(*lines: Record) -> Run:
    """A run whose file has these lines."""
    return Run.of([HEADER, *lines], "run.jsonl")
