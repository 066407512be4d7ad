"""Searches the highest event rate at which answers stay fresh, for each engine and layout, and rates of questions.

`python -m experiments.frontier [--engines duckdb,druid,cassandra] [--layouts raw,day] [--asks 5,20,80] --out FOLDER`.
Streams of `game` go through Kafka for 20 seconds; the first one warms an arm up for a minute. `kept_up` says when a
rate is kept up with. Rates grow fourfold until one is not, and two rates between the last two are tried. Each stream
is a file in FOLDER; the page Real time draws the files in `results/MACHINE/streams/frontier`. `python -m
experiments.steady` then sends events at half of the highest rates for ten minutes.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import product
from pathlib import Path

import click

from rollup_bench.engines.contract import Engine
from rollup_bench.errors import RequestError
from rollup_bench.harness.cli.options import engines_option, layouts_option
from rollup_bench.harness.follow.arm import Place
from rollup_bench.harness.follow.figures import Figures, figures, kept_up
from rollup_bench.harness.follow.request import Request
from rollup_bench.harness.follow.run import followed, header
from rollup_bench.harness.follow.stream import by_time
from rollup_bench.harness.records.run_log import write
from rollup_bench.harness.records.streams import Followed, Header, Unsupported
from rollup_bench.harness.report.grid import new_table, print_table
from rollup_bench.harness.report.streams import between
from rollup_bench.harness.report.terminal import console, ended, progress
from rollup_bench.harness.run.arms import opened
from rollup_bench.harness.run.home import home
from rollup_bench.streams import registry
from rollup_bench.workloads import dataset as datasets
from rollup_bench.workloads import events as event_store
from rollup_bench.workloads.layouts import Layout

BROKER = "kafka"
LEAST, MOST, STEP = 250, 256_000, 4
"""The rates between which is searched, in events a second, and by what they grow until one is missed."""
QUESTIONS = (
    "revenue-by-hour",
    "rollup-of-a-day",
    "daily-players",
    "busy-hours",
    "business-cube",
    "daily-players-estimated",
    "one-item",
    "ten-years",
    "monthly-players",
    "one-player",
)
"""The same questions at all rates: aggregates, since cohorts cannot be judged if births move to late events."""
LENGTH, WARM_UP = 20.0, 60.0
"""The seconds of a stream, and of the one that warms an arm up."""


class Searching:
    """Streams of one engine with one layout, each of which is written to a file."""

    def __init__(self, engine: Engine, layout: Layout, place: Place, asks: float, folder: Path) -> None:
        self._engine, self._layout, self._place, self._asks, self._folder = engine, layout, place, asks, folder
        self.arm = f"{engine.name}/{layout.name}"

    def warm_up(self) -> None:
        """Follows a stream that is not recorded."""
        self._followed(LEAST, WARM_UP)

    def highest(self) -> tuple[float, Figures] | None:
        """The highest rate that is kept up with, and its figures; None if there is none."""
        best: tuple[float, Figures] | None = None
        rate = float(LEAST)
        while rate <= MOST and (found := self._kept_up(rate)):
            best, rate = (rate, found), STEP * rate
        if best is None or rate > MOST:
            return best
        for factor in (STEP**0.5, STEP**0.25):  # the rate in the middle of what is left, on a logarithmic scale
            if found := self._kept_up(between := round(best[0] * factor)):
                best = between, found
        return best

    def row(self, found: tuple[float, Figures] | None) -> list[str]:
        """The cells of a rate and its figures; without them, that no rate is known."""
        if found is None:
            return [self.arm, f"{self._asks:g}", f"below {LEAST:,}", "", ""]
        rate, seen = found
        lags = between(*seen.fresh[0.99]) if seen.fresh else seen.void
        return [
            self.arm,
            f"{self._asks:g}",
            f"{'at least ' if rate >= MOST else ''}{rate:,.0f}",
            lags,
            f"{1000 * seen.writing[1]:.0f}",
        ]

    def _kept_up(self, rate: float) -> Figures | None:
        """The figures of a stream, which is recorded; None if it was not kept up with."""
        first, line = self._followed(rate, LENGTH)
        write(self._folder / f"{self.arm.replace('/', '-')}-{rate:g}-{self._asks:g}.jsonl", [first, line])
        found = figures(first, line) if isinstance(line, Followed) else None
        return found if found and kept_up(found) else None

    def _followed(self, rate: float, seconds: float) -> tuple[Header, Followed | Unsupported]:
        request = requested(rate, seconds, self._asks)
        line = followed(request, self._engine, self._layout, self._place, 0, lambda _: None)
        return header(request, [self._engine], BROKER), line


def requested(rate: float, seconds: float, asks: float, questions: Sequence[str] = QUESTIONS) -> Request:
    """A stream of `game` of so many seconds, with `rate` events and `asks` questions a second."""
    game = datasets.read("game").sized(round(rate * seconds), 1)
    table = by_time(event_store.prepare(game, home()), round(rate * seconds))
    return Request(game, table, rate, live=True, late=0.01, asked=asks, questions=list(questions), seed=1)


@contextmanager
def places(engines: Sequence[str]) -> Iterator[tuple[list[Engine], Place]]:
    with (
        progress() as say,
        registry.running(BROKER, "native", home(), say) as broker,
        opened(engines, "native", home(), say) as found,
    ):
        yield found, Place("native", home(), broker)


@click.command()
@engines_option
@layouts_option
@click.option("--asks", default="5,20,80", show_default=True, help="Questions a second, each in turn.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder of the files of streams.")
def main(engines: list[str], layouts: list[str], asks: str, out: Path) -> None:
    """Searches and prints."""
    if out.exists() and any(out.iterdir()):
        raise RequestError(f"--out: {out} is not empty; give another folder")
    table = new_table("arm", right=["questions/s", "events/s", "p99 of lags s", "p95 ms"])
    chosen = [datasets.read("game").layout(name) for name in layouts]
    with places(engines) as (found, place):
        for engine, layout in product(found, chosen):
            searches = [Searching(engine, layout, place, float(rate), out) for rate in asks.split(",")]
            searches[0].warm_up()
            for search in searches:
                table.add_row(*search.row(search.highest()))
    print_table(table, console())


if __name__ == "__main__":
    ended(lambda: main(standalone_mode=False))
