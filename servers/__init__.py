"""The servers of engines: `native` and `compose` start a server, `external` reaches a cluster that others run."""

from pathlib import Path

from rollup_bench.errors import RequestError
from rollup_bench.servers.base import UP, Server, Status
from rollup_bench.servers.budget import Budget
from rollup_bench.servers.compose import ComposeServer
from rollup_bench.servers.connection import Connection
from rollup_bench.servers.external import ExternalServer
from rollup_bench.servers.native import NativeServer
from rollup_bench.servers.recipe import Recipe

__all__ = ["UP", "Connection", "Server", "Status", "open_server"]

WAYS: dict[str, type[Server]] = {way.via: way for way in (NativeServer, ComposeServer, ExternalServer)}


def open_server(recipe: Recipe, via: str, home: Path, budget: Budget) -> Server:
    """Returns an engine's server without starting it; RequestError unless `via` is one of the recipe's ways."""
    if via not in WAYS:
        raise RequestError(f"--via {via}: give one of {', '.join(WAYS)}")
    if via not in recipe.ways:
        reason = f"the server of {recipe.name} runs code of this program"
        raise RequestError(f"--via {via}: {reason}; give --via {' or '.join(recipe.ways)}")
    return WAYS[via](recipe, home, budget)
