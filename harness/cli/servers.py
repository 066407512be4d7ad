"""Commands for servers: up, down, status, logs."""

from collections.abc import Callable, Iterator, Sequence

import click
from rich.table import Column, Table

from rollup_bench.engines.registry import names, recipe
from rollup_bench.errors import RequestError
from rollup_bench.harness.cli.options import engines_argument, via_option
from rollup_bench.harness.report.terminal import console
from rollup_bench.harness.run.home import home
from rollup_bench.servers import UP, Server, open_server
from rollup_bench.servers.budget import budget
from rollup_bench.servers.watch import Watch

GIB = 1 << 30


def _servers(engines: Sequence[str], via: str) -> Iterator[Server]:
    """Yields the servers of `engines`; if it is empty, those of all engines whose server can be reached `via`."""
    for name in engines or [name for name in names() if (found := recipe(name)) and via in found.ways]:
        declared = recipe(name)
        if declared is None:
            raise RequestError(f"{name} has no server, because it runs in the process that asks it; leave {name} out")
        yield open_server(declared, via, home(), budget())


def _options(command: Callable[..., None]) -> Callable[..., None]:
    return via_option(engines_argument(command))


@click.command()
@_options
def up(engines: tuple[str, ...], via: str) -> None:
    """Starts servers and leaves them running. Without ENGINE, starts those of all engines."""
    servers = list(_servers(engines, via))
    limit = budget()
    click.echo(f"each engine: {limit.cores} cores, {limit.memory / GIB:.1f} GiB of memory, on loopback only", err=True)
    for server in servers:
        if not server.start(Watch(lambda text: click.echo(text, err=True), UP)):
            click.echo(f"{server.name}: already runs at {server.status().address}", err=True)


@click.command()
@_options
def down(engines: tuple[str, ...], via: str) -> None:
    """Stops servers and keeps their data. Without ENGINE, stops those of all engines."""
    for server in list(_servers(engines, via)):
        server.stop()


@click.command()
@_options
def status(engines: tuple[str, ...], via: str) -> None:
    """Prints which servers answer, and their addresses. Without ENGINE, prints those of all engines."""
    table = Table("engine", "via", "address", "memory", "started in", Column("processes", overflow="fold"))
    for server in _servers(engines, via):
        state = server.status()
        table.add_row(
            server.name,
            server.via,
            state.address or "down",
            f"{state.resident_bytes / GIB:.1f} GiB" if state.resident_bytes else "",
            f"{state.startup_seconds:.0f} s" if state.startup_seconds else "",
            " ".join(f"{name}={pid}" for name, pid in state.pids.items()),
        )
    console().print(table)


@click.command()
@_options
@click.option("--lines", type=click.IntRange(min=1), default=20, show_default=True, help="Number of lines of each log.")
def logs(engines: tuple[str, ...], via: str, lines: int) -> None:
    """Prints the last lines of server logs. Without ENGINE, prints those of all engines."""
    for server in _servers(engines, via):
        click.echo(server.logs(lines))


commands: list[click.Command] = [up, down, status, logs]
