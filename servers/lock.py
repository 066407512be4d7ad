"""Locks that one process at a time holds; the system releases a lock when the process that holds it ends."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from rollup_bench.errors import RequestError
from rollup_bench.servers.watch import Watch
from rollup_bench.turns import locked, turn


class Lock:
    """An exclusive lock on a file that stores the pid of the holder; `what` names the locked thing in messages."""

    def __init__(self, path: Path, what: str) -> None:
        self._path, self._what = path, what
        self._file: int | None = None

    @contextmanager
    def hold(self, watch: Watch) -> Iterator[int]:
        """Holds the lock inside the block, which may be nested; yields the descriptor of the open file.

        A child process that inherits the descriptor holds the lock too; `hold` waits while children of a dead holder
        run. RequestError if the process that took the lock is alive.
        """
        if self._file is not None:
            yield self._file
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            self._take(file, watch)
            self._file = file
            yield file
        finally:
            self._file = None
            os.close(file)

    def _take(self, file: int, watch: Watch) -> None:
        while not locked(file):
            holder = os.pread(file, 32, 0).decode()
            if holder and psutil.pid_exists(int(holder)):
                raise RequestError(f"{self._what} is in use by process {holder}: wait for it or end it")
            watch.pause(0.2)
        os.ftruncate(file, 0)
        os.pwrite(file, str(os.getpid()).encode(), 0)


@contextmanager
def in_turn(path: Path, waiting: str, watch: Watch) -> Iterator[None]:
    """Lets one process at a time run the block; says `waiting` while another one does."""

    def wait() -> None:
        watch.say(waiting)
        watch.pause(0.1)

    with turn(path, wait):
        yield
