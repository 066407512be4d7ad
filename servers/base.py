"""The interface of all servers, however they are started."""

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
"""Seconds in which a server must be up; the download of its jars or images is included."""


@dataclass(frozen=True)
class Status:
    """The present state of a server: `address` is None while it does not answer, other fields where unknown."""

    address: str | None
    pids: dict[str, int] = field(default_factory=dict)
    resident_bytes: int | None = None
    startup_seconds: float | None = None


class Server(ABC):
    """The server of one engine.

    `restartable`: whether `restart` works. `shares_disk`: whether the server can read files of this machine.
    """

    via: ClassVar[str]
    restartable: ClassVar[bool] = True
    shares_disk: ClassVar[bool] = False

    def __init__(self, recipe: Recipe, home: Path, budget: Budget) -> None:
        self.recipe, self.home, self.budget = recipe, home.resolve(), budget

    @property
    def name(self) -> str:
        """The name of the engine."""
        return self.recipe.name

    @property
    @abstractmethod
    def connection(self) -> Connection:
        """Where clients connect; RequestError if that is unknown."""

    @abstractmethod
    def start(self, watch: Watch) -> bool:
        """Starts the server, which runs on when this process ends; returns False if it was already up."""

    @abstractmethod
    def running(self, watch: Watch) -> AbstractContextManager[Self]:
        """Keeps the server up inside the block. One that was down before is stopped even if this process is killed."""

    @abstractmethod
    def stop(self) -> None:
        """Ends all processes of the server and frees its ports; does nothing if it is down."""

    @abstractmethod
    def status(self) -> Status:
        """The present state."""

    @abstractmethod
    def logs(self, lines: int) -> str:
        """The last lines of the log of each process."""

    @property
    def pids(self) -> dict[str, int]:
        """The pid of each process on this machine, by name."""
        return {}

    @property
    def startup_seconds(self) -> float | None:
        """Seconds from the first process to the first answer at the last start; None if unknown."""
        return None

    def cpu_seconds(self) -> float | None:
        """The processor time of all processes since they started; None if unknown."""
        return None

    def resident_bytes(self) -> int | None:
        """The present memory of all processes; None if unknown."""
        return None

    def restart(self, watch: Watch) -> None:
        """Stops and starts the server, which keeps its data and loses its caches. `running` still stops it later."""
        if not self.restartable:
            raise RequestError(f"{self.name}: --via {self.via} cannot restart it, only whoever runs it can")
        self.stop()
        self.start(watch)
