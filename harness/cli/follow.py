"""The command that follows streams."""

import sys
from pathlib import Path
from typing import get_args

import click

from rollup_bench.harness.cli.options import (
    blaming,
    dataset_option,
    engines_option,
    finite,
    layouts_of,
    layouts_option,
    out_option,
    questions_option,
    seed_option,
    via_option,
)
from rollup_bench.harness.cli.prepared import prepared
from rollup_bench.harness.follow.figures import are_sound
from rollup_bench.harness.follow.killing import Victim
from rollup_bench.harness.follow.request import Request
from rollup_bench.harness.follow.run import run
from rollup_bench.harness.follow.stream import by_time
from rollup_bench.harness.report.streams import stream_tables
from rollup_bench.harness.report.terminal import console, progress
from rollup_bench.harness.run.home import home
from rollup_bench.streams import registry
from rollup_bench.workloads import dataset as datasets

ABOVE = click.FloatRange(min=0, min_open=True)
TIMES = "Whether events happen when they are sent (now), or have the times of the dataset (own)."
KILL = "What is killed in each stream, at a random instant, and started again."
RATE = "Events a second; by default all events of the dataset within --seconds."


@click.command()
@dataset_option
@click.option("--broker", type=click.Choice(registry.names()), default="kafka", show_default=True, help="Broker.")
@engines_option
@layouts_option
@questions_option
@click.option("--rate", type=ABOVE, callback=finite, help=RATE)
@click.option("--seconds", type=ABOVE, callback=finite, default=60.0, show_default=True, help="Length of a stream.")
@click.option("--times", type=click.Choice(["now", "own"]), default="now", show_default=True, help=TIMES)
@click.option("--late", type=click.FloatRange(0, 1), default=0.0, show_default=True, help="Share of late events.")
@click.option(
    "--asks", "asked", type=ABOVE, callback=finite, default=5.0, show_default=True, help="Questions a second."
)
@click.option("--kill", "victim", type=click.Choice(get_args(Victim)), help=KILL)
@click.option("--launches", type=click.IntRange(1), default=1, show_default=True, help="Streams of each arm.")
@via_option
@seed_option
@out_option(help="File of the streams, new.")
def follow(
    dataset: str,
    broker: str,
    engines: list[str],
    layouts: list[str],
    questions: list[str],
    rate: float | None,
    seconds: float,
    times: str,
    late: float,
    asked: float,
    victim: Victim | None,
    launches: int,
    via: str,
    seed: int | None,
    out: Path | None,
) -> None:
    """Sends a dataset's events through a broker into engines, and asks questions while they are written.

    Each answer is checked against the events that it can contain. Exit status 1: a stream failed, or was not stored
    whole and right.
    """
    base = datasets.read(dataset)
    wanted = layouts_of(base, layouts)
    with blaming("--questions"):
        for name in questions:
            base.question(name)
    count = None if rate is None else max(round(rate * seconds), 1)
    sized = base.sized(count, seed) if base.source.generator else base
    with progress() as say:
        events = prepared(sized, say)
        count = count or events.statistics.rows
        request = Request(
            sized,
            by_time(events, count),
            count / seconds,
            times == "now",
            late,
            asked,
            questions,
            1 if seed is None else seed,
        )
        path, lines = run(request, engines, wanted, broker, via, home(), launches, out, say, victim)
    stream_tables(lines, console())
    click.echo(f"recorded in {path}")
    if not are_sound(lines):
        sys.exit(1)


commands = (follow,)
