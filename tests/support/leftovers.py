"""What tests have left on the machine: processes, sockets that listen, files in the clone that git does not know."""

import os
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress

import psutil

from tests.support import ROOT

MARK = "ROLLUP_BENCH_TEST_RUN"
"""In the environment of every process that a test starts, however far from us it has gone since."""
RUN = f"{os.environ.get(MARK, '')}/{uuid.uuid4().hex}"
"""Starts with the mark of the parent run: the parent finds our processes, and we find only our own."""


def processes(seconds: float = 10) -> list[str]:
    """Pid and command of what still runs after that time."""
    psutil.wait_procs(list(_marked()), timeout=seconds)
    _wait_for_zombies()
    return [f"{process.pid} {' '.join(process.cmdline())}" for process in _marked()]


def sockets() -> list[str]:
    """Addresses at which we or they listen."""
    listening = []
    for process in [psutil.Process(), *_marked()]:
        with suppress(psutil.Error):
            listening += [c.laddr for c in process.net_connections("inet") if c.status == psutil.CONN_LISTEN]
    return [f"{address.ip}:{address.port}" for address in listening]


def files() -> set[str]:
    """Those that are neither kept nor ignored."""
    command = ["git", "ls-files", "--others", "--exclude-standard"]
    return set(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines())


def _marked() -> Iterator[psutil.Process]:
    """What runs and has our mark, but for multiprocessing's tracker of resources, which ends with us."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            marked = process.environ().get(MARK, "").startswith(RUN) and process.status() != psutil.STATUS_ZOMBIE
            if marked and "multiprocessing.resource_tracker" not in " ".join(process.cmdline()):
                yield process


def _wait_for_zombies() -> None:
    """Give the threads that wait for our children ten seconds: a child's processor time counts once it is reaped."""
    until = time.monotonic() + 10
    while any(_is_zombie(child) for child in psutil.Process().children()) and time.monotonic() < until:
        time.sleep(0.05)


def _is_zombie(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    return False
