"""What the servers that we start here share: one user at a time, and an end with their owner."""

import subprocess
import time
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from rollup_bench.errors import FailureError
from rollup_bench.servers.base import Server, Status
from rollup_bench.servers.budget import Budget
from rollup_bench.servers.guard import DOWN, guarded
from rollup_bench.servers.lock import Lock
from rollup_bench.servers.recipe import Recipe
from rollup_bench.servers.watch import Watch

PATIENCE = 120.0
"""Seconds in which a server that runs must answer."""


class LocalServer(Server):
    """Lives in a folder of its own below the home; one process of ours uses it at a time."""

    def __init__(self, recipe: Recipe, home: Path, budget: Budget) -> None:
        super().__init__(recipe, home, budget)
        self.folder = self.home / "servers" / f"{recipe.name}-{self.via}"
        self._lock = Lock(self.folder / "lock", f"{recipe.name} in {home}")
        self._port_file = self.folder / "ports.json"
        self._startup_file = self.folder / "startup"

    @abstractmethod
    def _launch(self, watch: Watch) -> None:
        """From down to answering."""

    @abstractmethod
    def _halt(self) -> list[str]:
        """The command that ends it, also when it is down."""

    @abstractmethod
    def _alive(self) -> bool:
        """Whether all that was started still runs."""

    def start(self, watch: Watch) -> bool:
        """Leaves it running after us."""
        with self._lock.hold(watch) as held:
            if self._answering(watch):
                return False
            with guarded(self._halt(), held) as guard:
                self._relaunch(watch)
                guard.disarm()
        return True

    @contextmanager
    def running(self, watch: Watch) -> Iterator[Self]:
        """Up while inside, for us alone; what this started ends with it, and with this process."""
        with self._lock.hold(watch) as held:
            if self._answering(watch):
                yield self
                return
            with guarded(self._halt(), held):
                self._relaunch(watch)
                yield self

    def stop(self) -> None:
        """Ends it in order."""
        with self._lock.hold(Watch(seconds=DOWN)):
            self._end()

    def status(self) -> Status:
        """As it is now."""
        up = self._alive() and self.recipe.answers(self.connection)
        address = self.connection.address if up else None
        return Status(address, self.pids, self.resident_bytes(), self.startup_seconds)

    @property
    def startup_seconds(self) -> float | None:
        """From the first process to the first answer, at its last start."""
        known = self._startup_file.exists() and self._alive()
        return float(self._startup_file.read_text()) if known else None

    def _answering(self, watch: Watch) -> bool:
        """False if it is down; else waits for it to answer, for it may be busy; FailureError if that takes too long."""
        until = time.monotonic() + PATIENCE
        while self._alive():
            if self.recipe.answers(self.connection):
                return True
            if time.monotonic() > until:
                raise FailureError(
                    f"{self.name} runs and gives no answer in {PATIENCE:.0f} s: rollup-bench down {self.name} ends it"
                )
            watch.say(f"{self.name}: runs, and does not answer yet")
            watch.pause(0.25)
        return False

    def _started(self, began: float, watch: Watch) -> None:
        seconds = time.monotonic() - began
        self._startup_file.write_text(f"{seconds:.3f}")
        watch.say(f"{self.name}: up at {self.connection.address} after {seconds:.0f} s")

    def _relaunch(self, watch: Watch) -> None:
        self._end()
        self.folder.mkdir(parents=True, exist_ok=True)
        self._launch(watch)

    def _end(self) -> None:
        self._startup_file.unlink(missing_ok=True)
        try:
            ended = subprocess.run(self._halt(), capture_output=True, text=True, check=False, timeout=DOWN)
        except subprocess.TimeoutExpired:
            raise FailureError(f"{self.name}: not down after {DOWN:g} s") from None
        if ended.returncode != 0:
            raise FailureError(f"{self.name}: could not be stopped: {ended.stderr.strip()}")
