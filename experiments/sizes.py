"""Extrapolates runs in several sizes to the size of the largest, and compares with what that run measured.

`python -m experiments.sizes RUN RUN RUN RUN`. The runs are of one dataset in four sizes or more, with the same arms
and questions; `rollup-bench choose` extrapolates by the same model. The program exits with 1 if a measured figure is
outside of its interval, or if an interval spans more than a factor of 1.5.
"""

import sys
from collections.abc import Iterator
from typing import NamedTuple

import click

from rollup_bench.errors import RequestError
from rollup_bench.harness.choose.draws import Measured
from rollup_bench.harness.choose.evidence import Evidence, Store, evidence
from rollup_bench.harness.choose.refusals import SIZES
from rollup_bench.harness.choose.sizes import extrapolated
from rollup_bench.harness.records import history
from rollup_bench.harness.report.grid import new_table, print_table
from rollup_bench.harness.report.terminal import console, ended
from rollup_bench.harness.stats.estimate import LEVEL
from rollup_bench.harness.stats.percentiles import interval

WIDEST = 1.5
"""The factor that an interval may span."""


class Compared(NamedTuple):
    """A figure of a store: the interval that was expected, and the measured value."""

    arm: str
    figure: str
    low: float
    high: float
    value: float

    @property
    def is_within(self) -> bool:
        """Whether the measured value lies in the interval."""
        return self.low <= self.value <= self.high


def compared(found: list[Evidence]) -> Iterator[Compared]:
    """Yields the figures of the largest size that the next smaller sizes let expect."""
    *smaller, largest = sorted(found, key=lambda one: one.rows)
    expected = {one.arm: one for one in extrapolated(smaller[-SIZES:], largest.rows).stores}
    for store in largest.stores:
        if store.arm in expected:
            known = _figures(expected[store.arm])
            for name, figure in _figures(store).items():
                if name in known:
                    yield Compared(store.arm, name, *interval(known[name].draws(), LEVEL), figure.value)


def _figures(store: Store) -> dict[str, Measured]:
    """The figures of a store by name: questions, and seconds until it is loaded."""
    return store.processor | ({"load": store.load} if store.load else {})


@click.command()
@click.argument("runs", nargs=-1, metavar="RUN...")
def main(runs: tuple[str, ...]) -> None:
    """Prints each figure of the largest run beside its interval."""
    found = [evidence(history.find(name), name) for name in runs]
    if len({one.rows for one in found}) <= SIZES:
        raise RequestError(f"RUN: runs of {len(set(runs))} sizes are given; give {SIZES + 1} sizes or more")
    lines = list(compared(found))
    if not lines:
        raise RequestError("RUN: the smaller runs predict nothing: give runs of --profile quick, standard or full")
    table = new_table("arm", "figure", right=["expected s", "measured s", "span", ""])
    for one in lines:
        outside = "" if one.is_within else "outside"
        span = f"{one.high / one.low:.2f}"
        table.add_row(one.arm, one.figure, f"{one.low:.3g} to {one.high:.3g}", f"{one.value:.3g}", span, outside)
    print_table(table, console())
    within, widest = sum(one.is_within for one in lines), max(one.high / one.low for one in lines)
    click.echo(f"{within} of {len(lines)} figures lie in their intervals, which span at most a factor of {widest:.2f}")
    sys.exit(within < len(lines) or widest > WIDEST)


if __name__ == "__main__":
    ended(lambda: main(standalone_mode=False))
