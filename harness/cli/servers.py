"""Commands for servers of engines and brokers: up, down, status, logs."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

import click

from rollup_bench.engines import registry as engines
from rollup_bench.errors import RequestError
from rollup_bench.harness.cli.options import servers_argument, via_option
from rollup_bench.harness.report.grid import new_table, print_table
from rollup_bench.harness.report.terminal import console
from rollup_bench.harness.run.home import home
from rollup_bench.servers import UP, Server, open_server
from rollup_bench.servers.budget import budget
from rollup_bench.servers.recipe import Recipe
from rollup_bench.servers.watch import Watch
from rollup_bench.streams import registry as brokers

GIB = 1 << 30
WORKERS = "Number of workers of a cluster on this machine, which share the server's cores and memory."


def _recipe(name: str) -> Recipe:
    declared = brokers.recipe(name) if name in brokers.names() else engines.recipe(name)
    if declared is None:
        raise RequestError(f"{name} has no server, because it runs in the process that asks it; leave {name} out")
    return declared


def _engines(via: str) -> list[str]:
    """The engines whose server can be reached `via`."""
    return [name for name in engines.names() if (found := engines.recipe(name)) and via in found.ways]


def _open(names: Sequence[str], via: str) -> Iterator[Server]:
    for name in names:
        yield open_server(_recipe(name), via, home(), budget())


def _used(names: Sequence[str], via: str) -> Iterator[Server]:
    """The servers of these names; without names, those of all engines, and of the brokers that are in use."""
    yield from _open(names or _engines(via), via)
    if not names:
        yield from filter(_is_in_use, _open(brokers.names(), via))


def _is_in_use(server: Server) -> bool:
    """Whether the server was ever started here or, if it is external, whether the environment has its address."""
    with suppress(RequestError):
        return bool(server.connection)
    return False


def _clusters(names: Sequence[str], via: str, workers: int) -> Iterator[Server]:
    """The clusters of these names with a number of workers; RequestError if one of them cannot be a cluster here."""
    if not names or via != "native":
        raise RequestError("--workers: name a server that runs natively, as in rollup-bench up spark --workers 2")
    for name in names:
        declared = _recipe(name)
        if declared.cluster is None:
            raise RequestError(f"--workers: the server of {name} has no workers; leave out --workers or {name}")
        yield open_server(declared.cluster(workers), via, home(), budget())


def _options(command: Callable[..., None]) -> Callable[..., None]:
    return via_option(servers_argument(command))


@click.command()
@_options
@click.option("--workers", type=click.IntRange(1), help=WORKERS)
def up(servers: tuple[str, ...], via: str, workers: int | None) -> None:
    """Starts servers and leaves them running. Without SERVER, starts those of all engines, and no broker."""
    opened = list(_clusters(servers, via, workers) if workers else _open(servers or _engines(via), via))
    click.echo(f"each server: {budget()} of memory, on loopback only", err=True)
    for server in opened:
        if not server.start(Watch(lambda text: click.echo(text, err=True), UP)):
            click.echo(f"{server.name}: already runs at {server.status().address}", err=True)


@click.command()
@_options
def down(servers: tuple[str, ...], via: str) -> None:
    """Stops servers and keeps their data. Without SERVER, stops those of all engines and brokers."""
    for server in list(_used(servers, via)):
        server.stop()


@click.command()
@_options
def status(servers: tuple[str, ...], via: str) -> None:
    """Prints which servers answer, and their addresses. Without SERVER, prints all engines and the brokers in use."""
    table = new_table("server", "via", "address", "memory", "started in", "processes", right=())
    for column in table.columns:
        column.no_wrap = False
    for server in _used(servers, via):
        state = server.status()
        table.add_row(
            server.name,
            server.via,
            state.address or "down",
            f"{state.resident_bytes / GIB:.1f} GiB" if state.resident_bytes else "",
            f"{state.startup_seconds:.0f} s" if state.startup_seconds else "",
            "\n".join(f"{name} {pid}" for name, pid in state.pids.items()),
        )
    print_table(table, console())


@click.command()
@_options
@click.option("--lines", type=click.IntRange(min=1), default=20, show_default=True, help="Number of lines of each log.")
def logs(servers: tuple[str, ...], via: str, lines: int) -> None:
    """Prints the last lines of server logs. Without SERVER, prints those of all engines and brokers in use."""
    found = [text for server in _used(servers, via) if (text := server.logs(lines))]
    for text in found:
        click.echo(text)
    if not found:
        click.echo("none of the servers has logs here; start one with rollup-bench up SERVER", err=True)


commands: list[click.Command] = [up, down, status, logs]
