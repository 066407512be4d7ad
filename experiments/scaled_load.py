"""Makes events in tasks of Spark and loads them into Cassandra and Druid, while a worker of the cluster is killed.

`python -m experiments.scaled_load [--events 10000000] [--engines cassandra,druid] [--layout raw]`. The events are those
of the game; each file of about a million events is a task. The cluster of two workers is on this machine. In each step,
one worker is killed with its executor once the first task is done, and the cluster is started again before the next
step. The program exits with 1 if a file differs from that of one process, if an engine stores another number of events,
if an answer is not right, if tasks loaded nothing, or if no worker was killed.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import psutil

from rollup_bench.engines.contract import Engine
from rollup_bench.engines.spark.server import cluster
from rollup_bench.harness.cli.options import engines_default, layout_option
from rollup_bench.harness.records.kinds import RIGHT, Kind
from rollup_bench.harness.report.terminal import ended, progress
from rollup_bench.harness.run import arms as running
from rollup_bench.harness.run import loading, spark
from rollup_bench.harness.run.admission import check
from rollup_bench.harness.run.arms import Arm, Say
from rollup_bench.harness.run.home import home
from rollup_bench.servers import UP, Server, open_server, processes
from rollup_bench.servers.budget import budget
from rollup_bench.servers.watch import Watch
from rollup_bench.workloads import dataset, events, generated
from rollup_bench.workloads.dataset import Dataset
from rollup_bench.workloads.events import Events
from rollup_bench.workloads.layouts import RAW

WORKERS, VICTIM = 2, "worker2"


@click.command()
@click.option("--events", "rows", default=10_000_000, show_default=True, metavar="N", help="Events of the game.")
@engines_default("cassandra,druid")
@layout_option
def main(rows: int, engines: list[str], layout: str) -> None:
    """Prints the seconds of each step, and whether files, counts and answers are right."""
    game = dataset.read("game").sized(rows, 1)
    started = open_server(cluster(WORKERS), "native", home(), budget())
    with progress() as say, started.running(Watch(say, UP)) as server:
        good = _made(server, game, say)
        stored = events.prepare(game, home(), say)
        for name in engines:
            server.restart(Watch(say, UP))
            with running.opened([name], "native", home(), say) as (engine,):
                good = _loaded(server, engine, game, layout, stored, say) and good
    sys.exit(not good)


def _killing(server: Server, say: Say) -> Say:
    """Passes progress on; kills a worker with its executor when the progress first counts rows."""

    def tell(text: str) -> None:
        say(text)
        if " rows (" in text and (pid := server.pids.get(VICTIM)):
            for process in processes.with_children([psutil.Process(pid)]):
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            click.echo(f"{VICTIM} is killed, {text}")

    return tell


def _made(server: Server, game: Dataset, say: Say) -> bool:
    """Makes the events, and returns whether the files are those of one process although a worker was killed."""
    folder, began = home() / "events", time.perf_counter()
    for path in generated.paths(game.source, folder):
        path.unlink(missing_ok=True)
    paths = spark.make(server.connection, game.source, folder, _killing(server, say))
    seconds = time.perf_counter() - began
    with TemporaryDirectory(dir=home()) as alone:
        ones = generated.write(game.source, Path(alone), say)
        same = sum(one.read_bytes() == path.read_bytes() for one, path in zip(ones, paths, strict=True))
    click.echo(f"{game.source.rows:,} events are made in {seconds:.0f} s; {same} of {len(paths)} files are right")
    return same == len(paths) and _killed(server)


def _killed(server: Server) -> bool:
    """Returns whether the worker was killed, and says so if it was not, since the step then shows nothing."""
    if running := VICTIM in server.pids:
        click.echo(f"{VICTIM} was not killed, because no task was done before the last; give more --events")
    return not running


def _loaded(server: Server, engine: Engine, game: Dataset, layout: str, stored: Events, say: Say) -> bool:
    """Loads the events, and returns whether all are stored and answers are right although a worker was killed."""
    plan = engine.plan(game, game.layout(layout), stored.statistics)
    loading.drop(engine, plan, home())
    arm = running.load(engine, plan, stored, home(), _killing(server, say), server.connection)
    assert arm.loaded
    by = arm.loaded.loaded_by or "this process alone"
    click.echo(f"{arm.name} is loaded by {by} in {arm.loaded.seconds:.0f} s; it stores {arm.loaded.rows:,} rows")
    wrong = list(_wrong(arm, game, stored, say))
    click.echo(f"{arm.name}: {'; '.join(wrong) or 'all answers are right'}")
    whole = layout != RAW or arm.loaded.rows == game.source.rows
    return whole and not wrong and bool(arm.loaded.loaded_by) and _killed(server)


def _wrong(arm: Arm, game: Dataset, stored: Events, say: Say) -> Iterator[str]:
    """Asks all questions of the game that the arm supports; yields what is wrong with answers."""
    with arm.engine.session(arm.plan) as session:
        for name, template in game.questions.items():
            began = time.perf_counter()
            verdict = check(arm, session, template.fill(), stored).verdict
            say(f"{name}: {verdict.kind}, after {time.perf_counter() - began:.0f} s")
            if verdict.kind not in (*RIGHT, Kind.UNSUPPORTED):
                yield f"{name} is {verdict.kind}, {verdict.reason}"


if __name__ == "__main__":
    ended(lambda: main(standalone_mode=False))
