"""Turns: one process at a time runs a block; the system ends the turn of a process that ends."""

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def turn(path: Path, wait: Callable[[], object]) -> Iterator[None]:
    """Lets one process at a time run the block of this lock file; calls `wait` repeatedly while another one does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        while not locked(file.fileno()):
            wait()
        yield


def locked(file: int) -> bool:
    """Tries to lock the open file for this process; False if another process holds the lock."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
