"""Measures the game in five sizes, and predicts the processor times of the largest from those of the others.

`python -m experiments.sizes [--engines duckdb,clickhouse] [--layouts raw] [--questions A,B] --out FOLDER`. The model is
that by which `rollup-bench choose` extrapolates. Each arm is measured alone in each size, in sixty short launches
after one load. The sizes take turns of two launches, so that a change in the machine's speed affects all of them. Each
of these runs is a file of FOLDER, which is resumed. The program exits with 1 if a measured figure is outside of its
interval, or if an interval spans more than a factor of 1.5.
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import NamedTuple

import click
from msgspec.structs import replace as replaced

from rollup_bench.errors import FailureError
from rollup_bench.harness.choose.evidence import Evidence, evidence
from rollup_bench.harness.choose.sizes import NO_CURVE, extrapolated
from rollup_bench.harness.cli.options import engines_default, layouts_option, out_option, questions_option
from rollup_bench.harness.report.grid import new_table, print_table
from rollup_bench.harness.report.terminal import console, ended, progress
from rollup_bench.harness.run.arms import Say
from rollup_bench.harness.run.home import home
from rollup_bench.harness.run.measure import measure
from rollup_bench.harness.run.profiles import Profile
from rollup_bench.harness.run.request import Request
from rollup_bench.harness.run.rounds import Effort
from rollup_bench.harness.stats.estimate import LEVEL
from rollup_bench.harness.stats.percentiles import interval
from rollup_bench.workloads import dataset, events

ROWS = (500_000, 1_000_000, 2_000_000, 4_000_000, 8_000_000)
SEED = 1
LAUNCHES, TURN = 60, 2
"""The launches of a size, and how many of them are done before the next size has its turn."""
WIDEST = 1.5
"""The factor that an interval may span."""


class Compared(NamedTuple):
    """The processor seconds of a question on an arm: the interval that was expected, and the measured value.

    Without an interval, the smaller sizes fit no curve, and nothing is expected.
    """

    arm: str
    question: str
    interval: tuple[float, float] | None
    value: float

    @property
    def span(self) -> float:
        """The factor that the interval spans; 1 without an interval."""
        return self.interval[1] / self.interval[0] if self.interval else 1.0

    @property
    def is_outside(self) -> bool:
        """Whether the measured value lies outside of the interval."""
        return self.interval is not None and not self.interval[0] <= self.value <= self.interval[1]


def measured(engine: str, layout: str, questions: Sequence[str], folder: Path, say: Say) -> list[Evidence]:
    """What one arm needs in each size; measures what its files in `folder` lack."""
    asked = {
        folder / f"{engine}-{layout}-{rows}.jsonl": _request(engine, layout, rows, questions, say) for rows in ROWS
    }
    for launches in range(TURN, LAUNCHES + 1, TURN):
        runs = [measure(replace(one, profile=_profile(launches)), path, say) for path, one in asked.items()]
    return [evidence(run, str(path)) for path, run in runs]


def _request(engine: str, layout: str, rows: int, questions: Sequence[str], say: Say) -> Request:
    game = replaced(dataset.read("game").sized(rows, SEED), mixes={})
    templates = {name: game.question(name) for name in questions or game.questions}
    stored, profile = events.prepare(game, home(), say), _profile(LAUNCHES)
    return Request(game, stored, [engine], [game.layout(layout)], templates, "native", home(), SEED, profile)


def _profile(launches: int) -> Profile:
    effort = Effort(launches=launches, least=2, most=2, warm=1.0, rounds=1.0, alone=0.4)
    return Profile("sizes", rows=(), timed=None, checked=1, effort=effort)


def compared(found: Sequence[Evidence]) -> Iterator[Compared]:
    """Yields the figures of one arm in the last of some sizes, beside what the others let expect.

    FailureError if a question was not timed well enough in all sizes.
    """
    *smaller, largest = found
    (expected,), (store,) = extrapolated(smaller, largest.rows).stores, largest.stores
    told = expected.processor.keys() | store.cannot.keys()
    if unknown := ", ".join(q for q in largest.questions if q not in told and expected.unsure.get(q) != NO_CURVE):
        raise FailureError(f"{store.arm}: not timed well enough in every size: {unknown}; leave out by --questions")
    for name, measured_here in store.processor.items():
        known = expected.processor.get(name)
        yield Compared(store.arm, name, interval(known.draws(), LEVEL) if known else None, measured_here.value)


@click.command()
@engines_default("duckdb,clickhouse")
@layouts_option
@questions_option
@out_option(folder=True, required=True, help="Folder of the runs.")
def main(engines: list[str], layouts: list[str], questions: list[str], out: Path) -> None:
    """Measures what FOLDER lacks; prints each figure of the largest size beside its interval."""
    lines: list[Compared] = []
    with progress() as say:
        for arm in product(engines, layouts):
            lines += compared(measured(*arm, questions, out, say))
    table = new_table("arm", "question", right=["expected ms", "measured ms", "span", ""])
    for one in lines:
        span = " to ".join(f"{1e3 * seconds:.3g}" for seconds in one.interval) if one.interval else "no curve fits"
        wide, outside = f"{one.span:.2f}" if one.interval else "", "outside" if one.is_outside else ""
        table.add_row(one.arm, one.question, span, f"{1e3 * one.value:.3g}", wide, outside)
    print_table(table, console())
    told, widest = [one for one in lines if one.interval], max(one.span for one in lines)
    within = sum(not one.is_outside for one in told)
    click.echo(
        f"{within} of {len(told)} figures lie in their intervals, which span at most a factor of {widest:.2f};"
        f" {len(lines) - len(told)} others fit no curve"
    )
    sys.exit(within < len(told) or widest > WIDEST)


if __name__ == "__main__":
    ended(lambda: main(standalone_mode=False))
