"""Measures the game in five sizes, and predicts the processor times of the largest from those of the others.

`python -m experiments.sizes [--engines duckdb,clickhouse] [--layouts raw] [--questions A,B] --out FOLDER`. The model is
that by which `rollup-bench choose` extrapolates. Each arm is measured alone in each size, in sixty short launches
after one load. The sizes take turns of two launches, so that a change in the machine's speed affects all of them. Each
of these runs is a file of FOLDER, which is resumed. The program exits with 1 if the figure of a question is not known
or is outside of its interval, or if an interval spans more than a factor of 1.5.
"""

import sys
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import NamedTuple

import click
from msgspec.structs import replace as replaced

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

ROWS = (500_000, 1_000_000, 2_000_000, 4_000_000, 8_000_000)
SEED = 1
LAUNCHES, TURN = 60, 2
"""The launches of a size, and how many of them are done before the next size has its turn."""
WIDEST = 1.5
"""The factor that an interval may span."""


class Compared(NamedTuple):
    """The processor seconds of one request: the interval that the smaller sizes predict, and the measured value."""

    arm: str
    question: str
    interval: tuple[float, float]
    value: float

    @property
    def span(self) -> float:
        """The factor that the interval spans."""
        return self.interval[1] / self.interval[0]

    @property
    def is_within(self) -> bool:
        """Whether the measured value lies in the interval."""
        return self.interval[0] <= self.value <= self.interval[1]


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


def compared(found: Sequence[Evidence]) -> tuple[list[Compared], list[str]]:
    """Returns the figures of an arm in the last of some sizes, and for other questions why their figure is not known.

    A question that the arm does not answer has neither.
    """
    *smaller, largest = found
    (expected,), (store,) = extrapolated(smaller, largest.rows).stores, largest.stores
    figures = [
        Compared(store.arm, name, interval(known.draws(), LEVEL), store.processor[name].value)
        for name, known in expected.processor.items()
        if name in store.processor
    ]
    unknown = expected.unsure | store.unsure
    return figures, [f"{store.arm}, {name}: {why}" for name, why in unknown.items()]


@click.command()
@engines_default("duckdb,clickhouse")
@layouts_option
@questions_option
@out_option(folder=True, required=True, help="Folder of the runs.")
def main(engines: list[str], layouts: list[str], questions: list[str], out: Path) -> None:
    """Measures what FOLDER lacks; prints each figure of the largest size beside its interval."""
    figures, unknown = list[Compared](), list[str]()
    with progress() as say:
        for arm in product(engines, layouts):
            more, missing = compared(measured(*arm, questions, out, say))
            figures += more
            unknown += missing
    table = new_table("arm", "question", right=["expected ms", "measured ms", "span", ""])
    for one in figures:
        expected = " to ".join(f"{1e3 * seconds:.3g}" for seconds in one.interval)
        outside = "" if one.is_within else "outside"
        table.add_row(one.arm, one.question, expected, f"{1e3 * one.value:.3g}", f"{one.span:.2f}", outside)
    print_table(table, console())
    for line in unknown:
        click.echo(line)
    within, widest = sum(one.is_within for one in figures), max((one.span for one in figures), default=1.0)
    click.echo(f"{within} of {len(figures)} figures lie in their intervals; the widest spans a factor of {widest:.2f}")
    sys.exit(bool(unknown) or within < len(figures) or widest > WIDEST)


if __name__ == "__main__":
    ended(lambda: main(standalone_mode=False))
