"""Follows streams at half of the highest event rates that a search has found, and prints whether lags and memory grow.

`python -m experiments.steady FRONTIER [--seconds 600] --out FOLDER`, where FRONTIER is the folder of
`experiments.frontier`. Of each arm, the fewest questions a second count. Only a few questions are asked, because the
truth of each needs memory for each event. Each stream is a file in FOLDER. The program exits with 1 if a stream is not
kept up with, for example because lags grow until its end, or if the memory of a follower in the last third is more than
5% above that in the middle.
"""

import sys
from itertools import islice
from pathlib import Path

import click

from experiments.frontier import BROKER, places, requested
from rollup_bench.errors import RequestError
from rollup_bench.harness.follow.figures import Figures, figures, kept_up
from rollup_bench.harness.follow.run import followed, header
from rollup_bench.harness.records.lines import parts
from rollup_bench.harness.records.run_log import write
from rollup_bench.harness.records.streams import Followed, read
from rollup_bench.harness.report.grid import new_table, print_table
from rollup_bench.harness.report.site.frontier_view import Reach, reaches
from rollup_bench.harness.report.streams import between
from rollup_bench.harness.report.terminal import console, ended
from rollup_bench.workloads import dataset as datasets
from rollup_bench.workloads.layouts import Layout
from rollup_bench.workloads.rule import unsupported_reason

GAME = datasets.read("game")
QUESTIONS = ("revenue-by-hour", "busy-hours", "one-item", "rollup-of-a-day", "ten-years")
MOST = 3
"""A layout is asked the first so many of QUESTIONS that it can answer."""
FLAT = 1.05
"""The most that the memory of the last third may be, as a multiple of that of the middle."""


def highest(folder: Path) -> list[Reach]:
    """The highest rate of each arm at its fewest questions a second; RequestError if the folder has none."""
    found = reaches({"": [list(read(path)) for path in sorted(folder.glob("*.jsonl"))]})
    least = {one.arm: one for one in reversed(found) if one.met}
    if not least:
        raise RequestError(f"FRONTIER: no rate in {folder} was kept up with; give the folder of experiments.frontier")
    return [least[arm] for arm in sorted(least)]


def asked(layout: Layout) -> list[str]:
    """The names of the questions that are asked of a layout of `game`."""
    able = (name for name in QUESTIONS if unsupported_reason(GAME.question(name).fill(), layout) is None)
    return list(islice(able, MOST))


def row(reach: Reach, rate: float, seen: Figures) -> list[str]:
    """The cells of a stream."""
    lags = between(*seen.fresh[0.99]) if seen.fresh else seen.void
    return [reach.arm, f"{rate:,.0f}", f"{reach.asked:g}", lags, f"{1000 * seen.writing[1]:.0f}", f"{grown(seen):.3f}"]


def grown(seen: Figures) -> float:
    """The memory of the follower in the last third, as a multiple of that in the middle."""
    return seen.resident[1] / seen.resident[0] if seen.resident else float("nan")


@click.command()
@click.argument("frontier", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--seconds", default=600.0, show_default=True, help="Length of each stream.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder of the files of streams.")
def main(frontier: Path, seconds: float, out: Path) -> None:
    """Follows and prints."""
    table = new_table("arm", right=["events/s", "questions/s", "p99 of lags s", "p95 ms", "memory"])
    steady = True
    for reach in highest(frontier):
        engine, name = parts(reach.arm)
        layout = GAME.layout(name)
        rate = (reach.met or 0.0) / 2
        with places([engine]) as ((opened,), place):
            request = requested(rate, seconds, reach.asked, asked(layout))
            first = header(request, [opened], BROKER)
            line = followed(request, opened, layout, place, 0, lambda _: None)
        write(out / f"{engine}-{name}-{rate:g}-{reach.asked:g}.jsonl", [first, line])
        if isinstance(line, Followed):
            seen = figures(first, line)
            table.add_row(*row(reach, rate, seen))
            steady = steady and kept_up(seen) and grown(seen) <= FLAT
        else:
            table.add_row(reach.arm, f"{rate:,.0f}", f"{reach.asked:g}", line.reason, "", "")
            steady = False
    print_table(table, console())
    sys.exit(not steady)


if __name__ == "__main__":
    ended(lambda: main(standalone_mode=False))
