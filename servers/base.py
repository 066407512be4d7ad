"""The interface of all servers, whether this program starts them or not."""

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
    """The present state of a server: `address` is None if it does not answer; unknown fields are None or empty."""

    address: str | None
    pids: dict[str, int] = field(default_factory=dict)
    resident_bytes: int | None = None
    startup_seconds: float | None = None


class Server(ABC):
    """The server of one engine.

    `restartable` says whether `restart` works, `shares_disk` whether the server can read files of this machine.
    """

    via: ClassVar[str]
    restartable: ClassVar[bool] = True
    shares_disk: ClassVar[bool] = False

    def __init__(self, recipe: Recipe, home: Path, budget: Budget) -> None:
        self.recipe, self.home, self.budget = recipe, home.resolve(), budget

    @property
    def name(self) -> str:
        """The name of the engine that the server belongs to."""
        return self.recipe.name

    @property
    @abstractmethod
    def connection(self) -> Connection:
        """The address and login with which clients connect; RequestError if the address is unknown."""

    def connection_to(self, port: str) -> Connection:
        """As `connection`, but to the port of this name; RequestError if this program does not start the server."""
        raise RequestError(f"{self.name}: --via {self.via} has one address, not one for the port {port}")

    @abstractmethod
    def start(self, watch: Watch) -> bool:
        """Starts the server, which outlives this process, and returns True; False if the server was already up."""

    @abstractmethod
    def running(self, watch: Watch) -> AbstractContextManager[Self]:
        """Keeps the server up inside the block, then stops it if it was down before, even if this process is killed."""

    @abstractmethod
    def stop(self) -> None:
        """Ends all processes of the server and frees its ports; does nothing if the server is down or others run it."""

    @abstractmethod
    def status(self) -> Status:
        """Whether and where the server answers, and what is known of its processes, memory and startup time."""

    @abstractmethod
    def logs(self, lines: int) -> str:
        """The last `lines` lines of each process's log in one text; RequestError if the logs are out of reach."""

    @property
    def pids(self) -> dict[str, int]:
        """The pid of each process of the server on this machine, by the process's name; empty if unknown."""
        return {}

    @property
    def enforced(self) -> bool:
        """Whether the system, and not only the server's own settings, limits the memory of all processes together."""
        return False

    @property
    def startup_seconds(self) -> float | None:
        """Seconds from the start of the first process to the first answer, at the last start; None if unknown."""
        return None

    def cpu_seconds(self) -> float | None:
        """Seconds of processor time that the server's processes have used since they started; None if unknown."""
        return None

    def written_bytes(self) -> int | None:
        """Bytes that the server's processes have written to disk since they started; None if unknown."""
        return None

    def resident_bytes(self) -> int | None:
        """The resident memory, in bytes, of all processes of the server now; None if unknown."""
        return None

    def restart(self, watch: Watch) -> None:
        """Restarts the server, also in `running`; data are kept, caches are lost; RequestError unless `restartable`."""
        if not self.restartable:
            raise RequestError(f"{self.name}: --via {self.via} cannot restart the server, only whoever runs it can")
        self.stop()
        self.start(watch)
