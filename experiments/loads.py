"""Measures loads of the game: events a second, stored rows, bytes and memory.

`python -m experiments.loads --rows 250000,1000000`. Each load runs in a process of its own and
ends when the engine has settled. The memory is the peak resident memory of that process: what the harness needs beside
the server, or what harness and engine need together if the engine is embedded.
"""

import resource
import subprocess
import sys
from functools import partial
from pathlib import Path

import click
import msgspec

from rollup_bench.engines.registry import engine_type
from rollup_bench.errors import FailureError
from rollup_bench.harness.cli.options import engines_option
from rollup_bench.harness.report.terminal import ended
from rollup_bench.harness.run import arms as running
from rollup_bench.harness.run import loading
from rollup_bench.harness.run.home import home
from rollup_bench.servers.budget import budget
from rollup_bench.servers.watch import Watch
from rollup_bench.workloads import dataset, events

SIZES = "250000,1000000"


class Load(msgspec.Struct, frozen=True):
    """One load: events, stored rows, seconds until settled, bytes on disk, and peak bytes of the process's memory."""

    engine: str
    layout: str
    events: int
    rows: int
    seconds: float
    bytes: int | None
    memory: int


def load(engine: str, layout: str, rows: int) -> Load:
    """Loads a game of `rows` events in this process and drops the load; the server must already run."""
    game = dataset.read("game").sized(rows, None)
    prepared = events.prepare(game, home())
    one = engine_type(engine)(running.server(engine, "native", home(), budget()), home(), budget())
    plan = one.plan(game, game.layout(layout), prepared.statistics)
    one.drop(plan)
    done = one.load(plan, prepared, Watch(seconds=loading.time_limit(rows)))
    one.drop(plan)
    one.close()
    return Load(engine, layout, rows, done.rows, done.seconds, done.bytes, _peak())


def measured(engine: str, layout: str, rows: int) -> Load:
    """Returns what `load` returns in a process of its own; FailureError if the process fails."""
    call = [sys.executable, "-m", "experiments.loads", "--alone", engine, layout, str(rows)]
    done = subprocess.run(call, stdout=subprocess.PIPE, check=False, timeout=2 * loading.time_limit(rows))
    if done.returncode:
        raise FailureError(f"{engine}/{layout}: the load of {rows:,} events failed, as the line above says")
    return msgspec.json.decode(done.stdout, type=Load)


def _peak() -> int:
    """Returns this process's peak memory in bytes, on Linux from /proc: `getrusage` may include the parent's peak."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(status.read_text().partition("VmHWM:")[2].split()[0]) << 10


@click.command()
@click.option("--rows", "sizes", default=SIZES, show_default=True, metavar="N,M", help="Events of each game.")
@engines_option
@click.option("--layouts", default="raw,day,tuned", show_default=True, metavar="A,B", help="Layouts to load.")
@click.option("--alone", nargs=3, type=str, hidden=True, help="One load in this process: engine, layout, rows.")
def main(sizes: str, engines: list[str], layouts: str, alone: tuple[str, str, str] | None) -> None:
    """Prints a line of figures for each engine, layout and size."""
    if alone:
        engine, layout, rows = alone
        click.echo(msgspec.json.encode(load(engine, layout, int(rows))))
        return
    with running.served(engines, "native", home(), partial(click.echo, err=True)):
        for engine in engines:
            for layout in layouts.split(","):
                for size in map(int, sizes.split(",")):
                    _print(measured(engine, layout, size))


def _print(one: Load) -> None:
    pace = f"{one.events:,} events in {one.seconds:.1f} s, {one.events / one.seconds:,.0f} a second until settled"
    size = "" if one.bytes is None else f"{one.bytes / 1e6:,.0f} MB on disk, "
    click.echo(
        f"{one.engine}/{one.layout}: {pace}; {one.rows:,} rows, {size}"
        f"at most {one.memory / 1e6:,.0f} MB in the loading process"
    )


if __name__ == "__main__":
    ended(lambda: main(standalone_mode=False))
