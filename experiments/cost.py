"""Measures with how many cores or workers Spark passes one thread of DuckDB, which is its COST.

`python -m experiments.cost [--rows N] [--warm-up N] [--rounds N]`. COST is the configuration that outperforms a single
thread (McSherry, Isard and Murray, "Scalability! But at what COST?", HotOS 2015). One Spark for each power of two of
cores and a cluster of two workers run on the same machine, and DuckDB with one thread runs in this process. All run at
the same time, and each may use the whole budget of memory: choose ROLLUP_BENCH_MEMORY so that the machine has it once
for each Spark and once for DuckDB, at least 4.5 GiB. All store the same events of the game and answer an aggregate, a
cohort and a funnel over ten years, in turns, in ABBA order. Spark passes DuckDB if the whole interval of the ratio of
their times is below 1. Nothing is measured or said about more cores than this machine has. Stop all other servers.
"""

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from datetime import date
from typing import NamedTuple

import click
import pyarrow as pa

from rollup_bench.engines.contract import Engine
from rollup_bench.engines.duckdb.engine import DuckDB
from rollup_bench.engines.spark.engine import Spark
from rollup_bench.engines.spark.server import RECIPE, cluster
from rollup_bench.harness.cli.options import rows_option
from rollup_bench.harness.records.kinds import RIGHT
from rollup_bench.harness.report.terminal import ended
from rollup_bench.harness.run import loading, verdicts
from rollup_bench.harness.run.home import home
from rollup_bench.harness.stats.percentiles import median_interval
from rollup_bench.servers import open_server
from rollup_bench.servers.budget import Budget, budget
from rollup_bench.servers.recipe import Recipe
from rollup_bench.servers.watch import Watch
from rollup_bench.workloads import dataset, layouts
from rollup_bench.workloads import events as event_store
from rollup_bench.workloads.events import Events
from rollup_bench.workloads.questions import Question

YEARS = {"start": date(2014, 1, 1), "end": date(2024, 1, 1)}
QUESTIONS = {"aggregate": "ten-years", "cohort": "ten-years-of-players", "funnel": "first-day-purchase"}
WORKERS = 2
Ask = Callable[[Question], pa.Table]


class Sized(NamedTuple):
    """How a Spark is started, and with how many cores."""

    recipe: Recipe
    cores: int


def sizes(cores: int) -> dict[str, Sized]:
    """The Sparks that a machine with so many cores can run, the smallest first."""
    alone = [1 << power for power in range(cores.bit_length())]
    workers = {f"{WORKERS} workers of {_cores(cores // WORKERS)}": Sized(cluster(WORKERS), cores)}
    return {_cores(number): Sized(RECIPE, number) for number in alone} | (workers if cores >= WORKERS else {})


def _cores(number: int) -> str:
    return f"{number} core{'s' * (number > 1)}"


def said(kind: str, ratios: Mapping[str, Sequence[float]]) -> list[str]:
    """The COST of a kind of question; `ratios` are Spark's times by DuckDB's, by the name of Spark's size."""
    intervals = {name: median_interval(samples) for name, samples in ratios.items()}
    passing = (name for name, (_, _, high) in intervals.items() if high < 1)
    listed = " or ".join(", ".join(intervals).rsplit(", ", 1))
    return [
        f"{kind}: COST {next(passing, f'not within {listed}')}",
        *(
            f"  Spark with {name} takes {middle:.2f} times as long as one thread of DuckDB"
            f" (99%: {low:.2f} to {high:.2f})"
            for name, (low, middle, high) in intervals.items()
        ),
    ]


@contextmanager
def loaded(engine: Engine, game: dataset.Dataset, events: Events) -> Iterator[Ask]:
    """Asks an engine, which has loaded the events, inside the block."""
    with closing(engine):
        plan = engine.plan(game, layouts.raw, events.statistics)
        loading.ensure(engine, plan, events, engine.home, Watch(lambda text: click.echo(text, err=True)))
        with engine.session(plan) as session:
            yield session.ask


@contextmanager
def spark(name: str, size: Sized, memory: int) -> Iterator[Engine]:
    """Starts a Spark of this size with a name of its own; it is stopped at the end of the block."""
    declared, limits = replace(size.recipe, name=f"spark-cost-{name.replace(' ', '-')}"), Budget(size.cores, memory)
    with open_server(declared, "native", home(), limits).running(Watch(lambda text: click.echo(text, err=True))) as up:
        yield Spark(up, home() / declared.name, limits)


def sample(one: Ask, others: Mapping[str, Ask], question: Question) -> dict[str, float]:
    """The time of each of the others by the time of `one`, asked in ABBA order."""
    asked = [one, *others.values()]
    there, back = ([_seconds(ask, question) for ask in each] for each in (asked, asked[::-1]))
    first, *times = (a + b for a, b in zip(there, back[::-1], strict=True))
    return {name: seconds / first for name, seconds in zip(others, times, strict=True)}


def _seconds(ask: Ask, question: Question) -> float:
    began = time.perf_counter()
    ask(question)
    return time.perf_counter() - began


@click.command()
@rows_option
@click.option("--warm-up", type=click.IntRange(1), default=100, show_default=True, help="Requests before the samples.")
@click.option("--rounds", type=click.IntRange(10), default=20, show_default=True, help="Rounds of two requests.")
def main(rows: int | None, warm_up: int, rounds: int) -> None:
    """Prints, for each kind of question, with how many cores or workers Spark passes one thread of DuckDB."""
    game, machine = dataset.read("game").sized(rows, None), budget()
    events, memory = event_store.prepare(game, home()), machine.memory
    questions = {kind: game.question(name).fill(YEARS) for kind, name in QUESTIONS.items()}
    with ExitStack() as stack:
        one = stack.enter_context(loaded(DuckDB(None, home() / "duckdb-cost", Budget(1, memory)), game, events))
        sparks = {name: stack.enter_context(spark(name, size, memory)) for name, size in sizes(machine.cores).items()}
        others = {name: stack.enter_context(loaded(each, game, events)) for name, each in sparks.items()}
        for kind, question in questions.items():
            for ask in (one, *others.values()):
                verdict = verdicts.check(question, ask(question), events)
                if verdict.kind not in RIGHT:
                    sys.exit(f"{kind}: the answer is {verdict.kind}: {verdict.reason}")
            for _ in range(warm_up):
                sample(one, others, question)
            samples = [sample(one, others, question) for _ in range(rounds)]
            click.echo("\n".join(said(kind, {name: [each[name] for each in samples] for name in others})))


if __name__ == "__main__":
    ended(lambda: main(standalone_mode=False))
