"""Control groups that enforce the memory of a server on Linux, page cache included, where they can be written."""

import contextlib
import hashlib
import os
import time
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
LIMITS = ("memory.max", "memory.limit_in_bytes")
"""The file of a group that holds its limit in bytes, in version 2 and in version 1."""
PATIENCE = 5.0
"""Seconds in which the kernel lets go of a group whose processes have ended."""


def create(folder: Path, memory: int) -> Path | None:
    """A group for the server that has this folder, with a limit in bytes; None if no group can be created here."""
    path = group(folder)
    if path is None or not os.access(path.parent, os.W_OK):
        return None
    try:
        path.mkdir(exist_ok=True)
        limit = next(path / name for name in LIMITS if (path / name).exists())
        limit.write_text(str(memory))
    except (OSError, StopIteration):
        remove(folder)
        return None
    return path


def enter(folder: Path, pid: int) -> None:
    """Moves a process into the server's group, if there is one; children of the process follow."""
    if enforced(folder) and (path := group(folder)):
        (path / "cgroup.procs").write_text(str(pid))


def enforced(folder: Path) -> bool:
    """Whether a group limits the memory of the server that has this folder."""
    path = group(folder)
    return path is not None and path.exists()


def remove(folder: Path) -> None:
    """Removes the group of a server whose processes have ended; does nothing without a group."""
    until = time.monotonic() + PATIENCE
    while enforced(folder) and (path := group(folder)) and time.monotonic() < until:
        with contextlib.suppress(OSError):
            path.rmdir()
            return
        time.sleep(0.05)


def group(folder: Path) -> Path | None:
    """The path of the group of the server that has this folder; None if the kernel has no memory controller."""
    name = f"rollup-bench-{hashlib.blake2b(str(folder).encode(), digest_size=6).hexdigest()}"
    try:
        lines = [line.split(":", 2) for line in Path("/proc/self/cgroup").read_text().splitlines()]
    except OSError:
        return None
    for _, controllers, own in lines:
        if "memory" in controllers.split(","):
            return ROOT / "memory" / own.strip("/") / name
    delegated = ROOT / "cgroup.subtree_control"
    unified = delegated.exists() and "memory" in delegated.read_text().split()
    return ROOT / name if unified else None
