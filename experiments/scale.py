"""Measures what further processes cost: nodes of Cassandra, historicals of Druid and workers of Spark, on one machine.

`python -m experiments.scale [--rows 1000000] --out FILE`. All clusters get the same cores and the same memory, so that
a second process adds no machine: what is measured is the work of dividing data and questions. Each line of FILE is a
question that was answered right on a cluster. `docs/scale.md` has the tables of `results/vm/scale/game.jsonl`, and says
what they tell about clusters of several machines. Stop all other servers.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import click

from rollup_bench.engines.cassandra import server as cassandra
from rollup_bench.engines.contract import Engine
from rollup_bench.engines.druid import server as druid
from rollup_bench.engines.registry import engine_type
from rollup_bench.engines.spark.server import cluster
from rollup_bench.errors import FailureError
from rollup_bench.harness.cli.options import out_option, rows_option
from rollup_bench.harness.records.clusters import OnCluster
from rollup_bench.harness.records.kinds import RIGHT
from rollup_bench.harness.records.run_log import write
from rollup_bench.harness.report.clusters import cluster_tables
from rollup_bench.harness.report.terminal import console, ended, progress
from rollup_bench.harness.run import loading
from rollup_bench.harness.run.costs import Meter, gauge
from rollup_bench.harness.run.home import home
from rollup_bench.harness.run.rounds import TimedQuestion, alone
from rollup_bench.harness.run.verdicts import check
from rollup_bench.servers import Connection
from rollup_bench.servers.budget import Budget, budget
from rollup_bench.servers.native import NativeServer
from rollup_bench.servers.recipe import JavaProcess, Place, Recipe
from rollup_bench.servers.watch import Watch
from rollup_bench.workloads import dataset as datasets
from rollup_bench.workloads import events as event_store
from rollup_bench.workloads.dataset import Dataset
from rollup_bench.workloads.events import Events
from rollup_bench.workloads.questions import Question

CLUSTERS = {"cassandra": (1, 2, 3), "druid": (1, 2), "spark": (1, 2)}
"""The numbers of nodes, historicals or workers, by engine."""
LAYOUT = "tuned"
QUESTIONS = ("revenue-by-hour", "busy-hours", "best-sellers", "one-player", "retention-by-month")
WARM_UP, SECONDS = 20.0, 10.0
"""The seconds in which each question is asked before it is measured, and in which it is measured."""


class _Nodes(NativeServer):
    """A cluster of Cassandra, each of whose nodes has an address of its own."""

    hosts: tuple[str, ...] = ()

    @property
    def connection(self) -> Connection:
        """The port of clients, on all nodes."""
        return replace(super().connection, hosts=self.hosts)


def addresses(count: int) -> tuple[str, ...]:
    """The addresses of so many nodes, all on loopback."""
    return tuple(f"127.0.0.{n}" for n in range(1, count + 1))


def nodes(count: int) -> Recipe:
    """Cassandra with so many nodes, which share the memory of the budget."""

    def stages(place: Place) -> list[list[JavaProcess]]:
        memory = place.budget.memory // count
        made = [cassandra.node(place, f"node{n}", host, memory) for n, host in enumerate(addresses(count), 1)]
        own = [replace(one, values=one.values | {"jmx": place.ports[f"jmx{n}"]}) for n, one in enumerate(made, 1)]
        return [[one] for one in own]

    ports = ("cql", "storage", *(f"jmx{n}" for n in range(1, count + 1)))
    return replace(cassandra.RECIPE, name=f"cassandra-{count}", ports=ports, stages=stages)


def historicals(count: int) -> Recipe:
    """Druid with so many historicals. Each has as much memory as one alone: its buffers follow from the cores."""
    more = [f"historical{n}" for n in range(2, count + 1)]

    def stages(place: Place) -> list[list[JavaProcess]]:
        first, others = druid.stages(place)
        return [first, [*(_historical(place, name) for name in more), *others]]

    return replace(druid.RECIPE, name=f"druid-{count}", ports=(*druid.RECIPE.ports, *more), stages=stages)


def _historical(place: Place, name: str) -> JavaProcess:
    data = place.data(name)
    made = druid.role(replace(place, ports=place.ports | {"historical": place.ports[name]}), "historical")
    return replace(made, name=name, values=made.values | {"data": data, "tmp": data / "tmp"})


def workers(count: int) -> Recipe:
    """A cluster of Spark with so many workers."""
    return replace(cluster(count), name=f"spark-{count}")


@contextmanager
def running(engine: str, count: int, limits: Budget, watch: Watch) -> Iterator[Engine]:
    """Starts a new cluster for the block, and yields the engine that asks it."""
    recipe = {"cassandra": nodes, "druid": historicals, "spark": workers}[engine](count)
    server = (_Nodes if engine == "cassandra" else NativeServer)(recipe, home(), limits)
    if isinstance(server, _Nodes):
        server.hosts = addresses(count)
    with server.running(watch), closing(engine_type(engine)(server, home() / recipe.name, limits)) as opened:
        yield opened


def measured(engine: Engine, processes: int, game: Dataset, events: Events, watch: Watch) -> Iterator[OnCluster]:
    """Loads the game anew and yields each question; FailureError if an answer is wrong."""
    plan = engine.plan(game, game.layout(LAYOUT), events.statistics)
    loading.drop(engine, plan, engine.home)
    meter = Meter(gauge(engine.server))
    loading.ensure(engine, plan, events, engine.home, watch)
    load = meter.read()
    with engine.session(plan) as session:
        for name in QUESTIONS:
            question = game.question(name).fill()
            verdict = check(question, session.ask(question), events)
            if verdict.kind not in RIGHT:
                raise FailureError(f"{engine.name}: {name}: {verdict.kind}: {verdict.reason}")
            timed = _timed(engine.name, name, question)
            alone(timed, engine.name, session.ask, 0, WARM_UP, gauge(engine.server))
            cost = alone(timed, engine.name, session.ask, 0, SECONDS, gauge(engine.server))
            spent, count = cost.spent, cost.questions
            yield OnCluster(
                engine=engine.name,
                processes=processes,
                rows=events.statistics.rows,
                question=name,
                requests=count,
                client=spent.client / count,
                server=(spent.engine or 0.0) / count,
                response=spent.seconds / count,
                load=load.seconds,
                load_processor=load.client + (load.engine or 0.0),
            )
    loading.drop(engine, plan, engine.home)


def _timed(engine: str, name: str, question: Question) -> TimedQuestion:
    return TimedQuestion(name, (engine,), engine, lambda: question)


@click.command()
@rows_option
@out_option(required=True, help="File of the figures.")
def main(rows: int | None, out: Path) -> None:
    """Measures each cluster, and prints how many processor milliseconds a request of each question takes."""
    limits, lines = budget(), list[OnCluster]()
    with progress() as say:
        game = datasets.read("game").sized(rows, None)
        events = event_store.prepare(game, home(), say)
        for engine, counts in CLUSTERS.items():
            for count in counts:
                watch = Watch(say)
                with running(engine, count, limits, watch) as opened:
                    lines.extend(measured(opened, count, game, events, watch))
                write(out, lines)
    cluster_tables(lines, console())


if __name__ == "__main__":
    ended(lambda: main(standalone_mode=False))
