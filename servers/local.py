"""Servers that this program starts on this machine; a lock lets one process at a time start, use or stop a server."""

import subprocess
import time
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from rollup_bench.errors import FailureError, RequestError
from rollup_bench.servers.base import Server, Status
from rollup_bench.servers.budget import Budget
from rollup_bench.servers.connection import Connection
from rollup_bench.servers.guard import DOWN, guarded
from rollup_bench.servers.lock import Lock
from rollup_bench.servers.ports import recorded
from rollup_bench.servers.recipe import Recipe
from rollup_bench.servers.watch import Watch

PATIENCE = 120.0
"""Seconds in which a server whose processes run must answer."""


class LocalServer(Server):
    """A server on this machine, which has its own folder in `servers` of the home folder."""

    def __init__(self, recipe: Recipe, home: Path, budget: Budget) -> None:
        super().__init__(recipe, home, budget)
        self.folder = self.home / "servers" / f"{recipe.name}-{self.via}"
        self._lock = Lock(self.folder / "lock", f"{recipe.name} in {home}")
        self._port_file = self.folder / "ports.json"
        self._startup_file = self.folder / "startup"

    @abstractmethod
    def _launch(self, watch: Watch) -> float:
        """Starts all processes; returns the monotonic clock's time, in seconds, just before the first one started."""

    @abstractmethod
    def _halt(self) -> list[str]:
        """The command that ends the server; the command does nothing if the server is down."""

    @abstractmethod
    def _alive(self) -> bool:
        """Whether the server runs: all its processes, or for compose any container; False if it was never started."""

    @property
    def connection(self) -> Connection:
        """The server's port for clients on 127.0.0.1, without a login; RequestError if the server was never started."""
        return self.connection_to(self.recipe.ports[0])

    def connection_to(self, port: str) -> Connection:
        """The port of this name on 127.0.0.1, without a login; RequestError if the server was never started."""
        ports = recorded(self._port_file)
        if not ports:
            remedy = f"start it with rollup-bench up {self.name} --via {self.via}"
            raise RequestError(f"{self.name} was never started in {self.home}: {remedy}")
        return Connection(("127.0.0.1",), ports[port])

    def start(self, watch: Watch) -> bool:
        """Starts the server, which outlives this process, and returns True; False if the server was already up."""
        with self._lock.hold(watch) as file:
            if self._answering(watch):
                return False
            with guarded(self._halt(), file) as disarm:
                self._relaunch(watch)
                disarm()
        return True

    @contextmanager
    def running(self, watch: Watch) -> Iterator[Self]:
        """Keeps the server up inside the block, for this process alone; stops it afterwards if it was down before."""
        with self._lock.hold(watch) as file:
            if self._answering(watch):
                yield self
                return
            with guarded(self._halt(), file):
                self._relaunch(watch)
                yield self

    def stop(self) -> None:
        """Stops the server if it is up; RequestError if another process uses it, FailureError if it does not stop."""
        with self._lock.hold(Watch(seconds=DOWN)):
            self._end()

    def status(self) -> Status:
        """Whether and where the server answers now, its pids, resident memory in bytes, and startup time in seconds."""
        up = self._alive() and self.recipe.answers(self.connection)
        address = self.connection.address if up else None
        return Status(address, self.pids, self.resident_bytes(), self.startup_seconds)

    @property
    def startup_seconds(self) -> float | None:
        """Seconds from the first process's start to the first answer, at the last start; None if the server is down."""
        known = self._startup_file.exists() and self._alive()
        return float(self._startup_file.read_text()) if known else None

    def _answering(self, watch: Watch) -> bool:
        """Waits until the server answers and returns True; False if the server is down, FailureError after 120 s."""
        until = time.monotonic() + PATIENCE
        while self._alive():
            if self.recipe.answers(self.connection):
                return True
            if time.monotonic() > until:
                remedy = f"stop it with rollup-bench down {self.name} --via {self.via}"
                raise FailureError(f"{self.name} runs, but did not answer within {PATIENCE:.0f} s: {remedy}")
            watch.say(f"{self.name}: running, not yet answering")
            watch.pause(0.25)
        return False

    def _relaunch(self, watch: Watch) -> None:
        self._end()
        self.folder.mkdir(parents=True, exist_ok=True)
        began = self._launch(watch)
        if not self._answering(watch):
            raise FailureError(f"{self.name} ended early, see rollup-bench logs {self.name} --via {self.via}")
        seconds = time.monotonic() - began
        self._startup_file.write_text(f"{seconds:.3f}")
        watch.say(f"{self.name}: up at {self.connection.address} after {seconds:.0f} s")

    def _end(self) -> None:
        self._startup_file.unlink(missing_ok=True)
        try:
            ended = subprocess.run(self._halt(), capture_output=True, text=True, check=False, timeout=DOWN)
        except subprocess.TimeoutExpired:
            raise FailureError(f"{self.name} did not stop within {DOWN:g} s") from None
        if ended.returncode != 0:
            raise FailureError(f"{self.name} could not be stopped: {ended.stderr.strip()}")
