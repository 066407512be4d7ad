"""Measures the game in four sizes, and predicts the processor times of the largest from those of the others.

`python -m experiments.sizes [--engines duckdb,clickhouse] [--layouts raw] [--questions A,B] --out FOLDER`. The model is
that by which `rollup-bench choose` extrapolates. Each arm is measured alone in each size, in thirty short launches
after one load, a few launches of one size after a few of another, so that a machine that changes its speed does so in
all sizes. Each of these runs is a file of FOLDER, which is resumed. The program exits with 1 if a measured figure is
outside of its interval, or if an interval spans more than a factor of 1.5.
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import NamedTuple

import click

from rollup_bench.errors import FailureError
from rollup_bench.harness.choose.evidence import Evidence, evidence
from rollup_bench.harness.choose.sizes import extrapolated
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

ROWS = (1_000_000, 2_000_000, 4_000_000, 8_000_000)
SEED = 1
LAUNCHES, TURN = 30, 3
"""The launches of a size, and how many of them are done before the next size has its turn."""
WIDEST = 1.5
"""The factor that an interval may span."""


class Compared(NamedTuple):
    """The processor seconds of a question on an arm: the interval that was expected, and the measured value."""

    arm: str
    question: str
    low: float
    high: float
    value: float

    @property
    def is_within(self) -> bool:
        """Whether the measured value lies in the interval."""
        return self.low <= self.value <= self.high


def measured(engine: str, layout: str, questions: Sequence[str], folder: Path, say: Say) -> list[Evidence]:
    """What one arm needs in each size; measures what its files in `folder` lack."""
    asked = {
        folder / f"{engine}-{layout}-{rows}.jsonl": _request(engine, layout, rows, questions, say) for rows in ROWS
    }
    for launches in range(TURN, LAUNCHES + 1, TURN):
        runs = [measure(replace(one, profile=_profile(launches)), path, say) for path, one in asked.items()]
    return [evidence(run, str(path)) for path, run in runs]


def _request(engine: str, layout: str, rows: int, questions: Sequence[str], say: Say) -> Request:
    game = dataset.read("game").sized(rows, SEED)
    templates = {name: game.question(name) for name in questions or game.questions}
    stored, profile = events.prepare(game, home(), say), _profile(LAUNCHES)
    return Request(game, stored, [engine], [game.layout(layout)], templates, "native", home(), SEED, profile)


def _profile(launches: int) -> Profile:
    effort = Effort(launches=launches, least=2, most=2, warm=4.0, rounds=1.0, alone=0.4)
    return Profile("sizes", rows=(), timed=None, checked=1, effort=effort)


def compared(found: Sequence[Evidence]) -> Iterator[Compared]:
    """Yields the figures of one arm in the last of some sizes, beside what the others let expect.

    FailureError if a question was not timed well enough in all sizes.
    """
    *smaller, largest = found
    (expected,), (store,) = extrapolated(smaller, largest.rows).stores, largest.stores
    if unknown := ", ".join(name for name in largest.questions if name not in expected.processor | store.cannot):
        raise FailureError(f"{store.arm}: not timed well enough in every size: {unknown}; leave out by --questions")
    for name, known in expected.processor.items():
        yield Compared(store.arm, name, *interval(known.draws(), LEVEL), store.processor[name].value)


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
        low, high, value = (f"{1e3 * seconds:.3g}" for seconds in (one.low, one.high, one.value))
        span, outside = f"{one.high / one.low:.2f}", "" if one.is_within else "outside"
        table.add_row(one.arm, one.question, f"{low} to {high}", value, span, outside)
    print_table(table, console())
    within, widest = sum(one.is_within for one in lines), max(one.high / one.low for one in lines)
    click.echo(f"{within} of {len(lines)} figures lie in their intervals, which span at most a factor of {widest:.2f}")
    sys.exit(within < len(lines) or widest > WIDEST)


if __name__ == "__main__":
    ended(lambda: main(standalone_mode=False))
