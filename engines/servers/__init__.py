"""Servers of engines: one interface, three ways to have one."""

from pathlib import Path

from engines.budget import Budget
from engines.servers.base import UP, Server, Status
from engines.servers.compose import ComposeServer
from engines.servers.connection import Connection
from engines.servers.external import ExternalServer
from engines.servers.native import NativeServer
from engines.servers.recipe import Recipe
from workloads.errors import RequestError

__all__ = ["UP", "Connection", "Server", "Status", "open_server"]

WAYS: dict[str, type[Server]] = {way.via: way for way in (NativeServer, ComposeServer, ExternalServer)}


def open_server(recipe: Recipe, via: str, home: Path, budget: Budget) -> Server:
    """The engine's server, started that way or not yet."""
    if via not in WAYS:
        raise RequestError(f"--via {via}: give one of {', '.join(WAYS)}")
    return WAYS[via](recipe, home, budget)
