"""What every server can do, however it was started."""

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Self

from rollup_bench.errors import RequestError
from rollup_bench.servers.budget import Budget
from rollup_bench.servers.connection import Connection
from rollup_bench.servers.recipe import Recipe
from rollup_bench.servers.watch import Watch

UP = 1800.0
"""Seconds in which a server must be up, its jars or images fetched before."""


@dataclass(frozen=True)
class Status:
    """A server as it is now: `address` only when it answers, bytes and pids only where they can be known."""

    address: str | None
    pids: dict[str, int] = field(default_factory=dict)
    resident_bytes: int | None = None
    startup_seconds: float | None = None


class Server(ABC):
    """One engine's server.

    `restartable`: whether `restart` can work. `shares_disk`: whether it can read files that we name.
    """

    via: ClassVar[str]
    restartable: ClassVar[bool] = True
    shares_disk: ClassVar[bool] = False

    def __init__(self, recipe: Recipe, home: Path, budget: Budget) -> None:
        self.recipe, self.home, self.budget = recipe, home.resolve(), budget

    @property
    def name(self) -> str:
        """The engine's."""
        return self.recipe.name

    @property
    @abstractmethod
    def connection(self) -> Connection:
        """Where clients connect, once it is up; RequestError where that is not known."""

    @abstractmethod
    def start(self, watch: Watch) -> bool:
        """Makes it answer, and leaves it so after us; False if it already did."""

    @abstractmethod
    def running(self, watch: Watch) -> AbstractContextManager[Self]:
        """Up while inside; what this started, this stops, even when this process is killed."""

    @abstractmethod
    def stop(self) -> None:
        """Leaves no process of it and frees its ports; does nothing when it is down."""

    @abstractmethod
    def status(self) -> Status:
        """As it is now."""

    @abstractmethod
    def logs(self, lines: int) -> str:
        """The last lines of each process's log."""

    @property
    def pids(self) -> dict[str, int]:
        """Its processes by name, where they are ours to see."""
        return {}

    @property
    def startup_seconds(self) -> float | None:
        """From the first process to the first answer, at its last start."""
        return None

    def cpu_seconds(self) -> float | None:
        """Processor time of all its processes since they started."""
        return None

    def resident_bytes(self) -> int | None:
        """Memory of all its processes now."""
        return None

    def restart(self, watch: Watch) -> None:
        """Down and up again with its data, for cold caches; whoever stops it stays the same."""
        if not self.restartable:
            raise RequestError(f"{self.name}: --via {self.via} cannot restart it, only whoever runs it can")
        self.stop()
        self.start(watch)
