"""Measures how much faster Druid answers with a processing thread for each core than with one thread.

`python -m experiments.druid_threads [--rows N] [--warm-up N] [--pairs N]`. Two clusters run on the same two cores and
store the same events of the game in several segments; they differ in the number of processing threads of the
historical and the broker. Both are asked in turn, in ABBA order, for the exact number of players by country and
platform. A JVM compiles code for minutes, so thousands of requests go before the samples. Stop all other servers.
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime

import click
import pyarrow as pa

from rollup_bench.engines.druid.engine import Druid
from rollup_bench.engines.druid.server import RECIPE
from rollup_bench.harness.cli.options import rows_option
from rollup_bench.harness.records.kinds import RIGHT
from rollup_bench.harness.report.terminal import ended
from rollup_bench.harness.run import loading, verdicts
from rollup_bench.harness.run.home import home
from rollup_bench.harness.stats.percentiles import median_interval
from rollup_bench.servers import open_server
from rollup_bench.servers.budget import Budget, budget
from rollup_bench.servers.recipe import JavaProcess, Place, Recipe, java_processes
from rollup_bench.servers.watch import Watch
from rollup_bench.workloads import dataset, layouts
from rollup_bench.workloads import events as event_store
from rollup_bench.workloads.events import Events
from rollup_bench.workloads.measures import parse
from rollup_bench.workloads.questions import Aggregate, Span

LEAST = 1.2
"""The least ratio of the time with one thread to the time with a thread for each core."""
YEARS = Span(datetime(2014, 1, 1, tzinfo=UTC), datetime(2024, 1, 1, tzinfo=UTC))
QUESTION = Aggregate(YEARS, (parse("distinct(player)"),), by=("country", "platform"))
Ask = Callable[[], pa.Table]


def recipe(threads: int) -> Recipe:
    """A cluster of its own whose processes have so many processing threads."""

    def limited(process: JavaProcess) -> JavaProcess:
        return replace(process, values=process.values | {"cores": threads})

    def stages(place: Place) -> list[list[JavaProcess]]:
        return [[limited(process) for process in java_processes([stage])] for stage in RECIPE.stages(place)]

    return replace(RECIPE, name=f"druid-threads-{threads}", stages=stages)


@contextmanager
def loaded(threads: int, game: dataset.Dataset, events: Events, limits: Budget) -> Iterator[Ask]:
    """Asks the question of a cluster with so many processing threads, which runs inside the block."""
    watch = Watch(lambda text: click.echo(text, err=True))
    declared = recipe(threads)
    server = open_server(declared, "native", home(), limits)
    with server.running(watch), closing(Druid(server, home() / declared.name, limits)) as engine:
        plan = engine.plan(game, layouts.raw, events.statistics)
        loading.ensure(engine, plan, events, engine.home, watch)
        with engine.session(plan) as session:
            yield lambda: session.ask(QUESTION)


def ratio(one: Ask, more: Ask) -> float:
    """The time of `one` by the time of `more`, asked in ABBA order."""
    a, b, c, d = map(_seconds, (one, more, more, one))
    return (a + d) / (b + c)


def _seconds(ask: Ask) -> float:
    began = time.perf_counter()
    ask()
    return time.perf_counter() - began


@click.command()
@rows_option
@click.option(
    "--warm-up", type=click.IntRange(1), default=3000, show_default=True, help="Requests to each before the samples."
)
@click.option("--rounds", type=click.IntRange(10), default=200, show_default=True, help="Rounds of four requests.")
def main(rows: int | None, warm_up: int, rounds: int) -> None:
    """Prints how much faster a thread for each core is than one thread; exits with 1 if that is too little."""
    game, machine = dataset.read("game").sized(rows, None), budget()
    events, limits = event_store.prepare(game, home()), Budget(machine.cores, machine.memory // 2)
    with ExitStack() as stack:
        one, more = (stack.enter_context(loaded(n, game, events, limits)) for n in (1, limits.cores))
        wrong = [v for v in (verdicts.check(QUESTION, ask(), events) for ask in (one, more)) if v.kind not in RIGHT]
        for _ in range(warm_up):
            one(), more()
        samples = [] if wrong else [ratio(one, more) for _ in range(rounds)]
    if wrong:
        sys.exit(f"the answer is {wrong[0].kind}: {wrong[0].reason}")
    low, middle, high = median_interval(samples)
    click.echo(
        f"{limits.cores} threads are {middle:.2f} times as fast as one (99%: {low:.2f} to "
        f"{high:.2f}) after {warm_up} requests to each; at least {LEAST} wanted"
    )
    sys.exit(middle < LEAST)


if __name__ == "__main__":
    ended(lambda: main(standalone_mode=False))
