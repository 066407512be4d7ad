"""The verbs that work on servers: up, down, status, logs."""

from collections.abc import Callable, Iterator, Sequence

import click
from rich.table import Column, Table

from rollup_bench.engines.registry import names, recipe
from rollup_bench.errors import RequestError
from rollup_bench.harness.cli.options import engines_argument, via_option
from rollup_bench.harness.report.terminal import console
from rollup_bench.harness.run.arms import budget
from rollup_bench.harness.run.home import home
from rollup_bench.servers import UP, Server, open_server
from rollup_bench.servers.watch import Watch

GIB = 1 << 30


def _servers(engines: Sequence[str], via: str) -> Iterator[Server]:
    """Those of the engines named; of all engines that have one where none is named."""
    for name in engines or [name for name in names() if recipe(name)]:
        declared = recipe(name)
        if declared is None:
            raise RequestError(f"{name} has no server: it runs in this process")
        yield open_server(declared, via, home(), budget())


def _options(command: Callable[..., None]) -> Callable[..., None]:
    return via_option(engines_argument(command))


@click.command()
@_options
def up(engines: tuple[str, ...], via: str) -> None:
    """Starts servers and leaves them running; those of all engines if none is named."""
    servers = list(_servers(engines, via))
    given = budget()
    click.echo(f"each engine: {given.cores} cores, {given.memory / GIB:.1f} GiB of memory, on loopback only", err=True)
    for server in servers:
        if not server.start(Watch(lambda text: click.echo(text, err=True), UP)):
            click.echo(f"{server.name}: was up already, at {server.status().address}", err=True)


@click.command()
@_options
def down(engines: tuple[str, ...], via: str) -> None:
    """Stops servers, in order; their data stay."""
    for server in list(_servers(engines, via)):
        server.stop()


@click.command()
@_options
def status(engines: tuple[str, ...], via: str) -> None:
    """Shows which servers answer, and where."""
    table = Table("engine", "via", "address", "memory", "started in", Column("processes", overflow="fold"))
    for server in _servers(engines, via):
        now = server.status()
        table.add_row(
            server.name,
            server.via,
            now.address or "down",
            f"{now.resident_bytes / GIB:.1f} GiB" if now.resident_bytes else "",
            f"{now.startup_seconds:.0f} s" if now.startup_seconds else "",
            " ".join(f"{name}={pid}" for name, pid in now.pids.items()),
        )
    console().print(table)


@click.command()
@_options
@click.option("--lines", type=click.IntRange(min=1), default=20, show_default=True, help="Of each process.")
def logs(engines: tuple[str, ...], via: str, lines: int) -> None:
    """Prints the end of each process's log."""
    for server in _servers(engines, via):
        click.echo(server.logs(lines))


commands: list[click.Command] = [up, down, status, logs]
