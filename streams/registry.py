"""Finds brokers, which are the folders of this package with a `broker.py`, and starts them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from rollup_bench.errors import RequestError
from rollup_bench.servers import UP, Server, open_server
from rollup_bench.servers.budget import budget
from rollup_bench.servers.connection import Connection
from rollup_bench.servers.recipe import Recipe
from rollup_bench.servers.watch import Watch
from rollup_bench.streams.contract import Broker
from rollup_bench.streams.probes import Probes

HERE = Path(__file__).parent


def names() -> list[str]:
    """The names of all brokers."""
    return sorted(path.parent.name for path in HERE.glob("*/broker.py"))


def recipe(name: str) -> Recipe:
    """How the broker's server is started; RequestError if no broker has the name. Needs no client library."""
    found: Recipe = import_module(f"{_package(name)}.server").RECIPE
    return found


def broker(name: str, connection: Connection) -> Broker:
    """The client of a broker; RequestError if no broker has the name or its client library is not installed."""
    library: str = import_module(f"{_package(name)}.server").LIBRARY
    if find_spec(library) is None:
        remedy = f"make all, or pip install 'rollup-bench[{name}]'"
        raise RequestError(f"{name} needs the Python package {library}: {remedy}")
    opened: Broker = import_module(f"{_package(name)}.broker").BROKER(connection)
    return opened


def probes(opened: Broker) -> Probes[Broker]:
    """The probes of a broker."""
    found: Probes[Broker] = import_module(f"{_package(opened.name)}.probes").PROBES(opened)
    return found


@contextmanager
def running(name: str, via: str, home: Path, say: Callable[[str], None]) -> Iterator[Server]:
    """The server of a broker, which runs at least until the end of the block."""
    server = open_server(recipe(name), via, home, budget())
    with server.running(Watch(say, UP)):
        yield server


def _package(name: str) -> str:
    if name not in names():
        raise RequestError(f"`{name}` is not a broker; the brokers are {', '.join(names())}")
    return f"{__package__}.{name}"
