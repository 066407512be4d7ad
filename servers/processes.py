"""Processes of this machine: started in sessions of their own, listed in a file, ended in order."""

import os
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

import msgspec
import psutil

from rollup_bench.servers import cgroup

GRACE = 60.0
"""Seconds that a process has to end by itself before it is killed."""


@dataclass(frozen=True)
class Record:
    """A process that was started; `created` distinguishes it from a later process with the same pid."""

    name: str
    stage: int
    pid: int
    created: float

    def process(self) -> psutil.Process | None:
        """The running process; None if it has ended."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.created) < 2
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.NoSuchProcess:
            return None


def spawn(name: str, stage: int, command: Sequence[str], folder: Path, log: Path) -> Record:
    """Starts `command` in the folder `folder`, in a session of its own; its output replaces the content of `log`."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        child = subprocess.Popen(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    child.returncode = 0  # Popen shall not wait for the child, which may outlive this process; the thread below does
    record = Record(name, stage, child.pid, psutil.Process(child.pid).create_time())
    Thread(target=os.waitpid, args=(child.pid, 0), daemon=True).start()
    return record


def remember(path: Path, records: Sequence[Record]) -> None:
    """Writes the list of processes into a file, whose content is replaced atomically."""
    fresh = path.with_suffix(".new")
    fresh.write_bytes(msgspec.json.encode(list(records)))
    fresh.replace(path)


def remembered(path: Path) -> list[Record]:
    """The processes in the file: all started and not yet ended by `end`, running or not; empty without the file."""
    return msgspec.json.decode(path.read_bytes(), type=list[Record]) if path.exists() else []


def living(records: Sequence[Record]) -> list[psutil.Process]:
    """Those of the listed processes that still run."""
    return [process for record in records if (process := record.process())]


def with_children(parents: Sequence[psutil.Process]) -> list[psutil.Process]:
    """The processes, and all processes that they have started, directly or not; without those that end meanwhile."""
    found = list(parents)
    for parent in parents:
        with suppress(psutil.NoSuchProcess):
            found += parent.children(recursive=True)
    return found


def written(process: psutil.Process) -> int | None:
    """The bytes that a process has written to disk; None where the system does not say."""
    return int(process.io_counters().write_bytes) if hasattr(process, "io_counters") else None


def end(path: Path) -> None:
    """Ends the processes that the file lists, the last stage first, by force after 60 s, and removes the file."""
    records = remembered(path)
    for stage in sorted({record.stage for record in records}, reverse=True):
        ending = [record for record in records if record.stage == stage]
        for end_it in (psutil.Process.terminate, psutil.Process.kill):
            for process in living(ending):
                end_it(process)
            _wait(ending)
    path.unlink(missing_ok=True)
    cgroup.remove(path.parent)


def _wait(records: Sequence[Record]) -> None:
    until = time.monotonic() + GRACE
    while living(records) and time.monotonic() < until:
        time.sleep(0.05)


def pinned(command: Sequence[str], cores: int) -> list[str]:
    """The command, limited by `taskset` to the first `cores` processors allowed here; unchanged outside Linux."""
    if not hasattr(os, "sched_getaffinity"):
        return list(command)
    allowed = sorted(os.sched_getaffinity(0))
    return ["taskset", "-c", ",".join(map(str, allowed[:cores])), *command]
