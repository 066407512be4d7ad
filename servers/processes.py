"""Processes of this machine: started apart from the terminal, remembered in a file, ended in order."""

import os
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

import msgspec
import psutil

GRACE = 60.0
"""Seconds in which a process may put its data in order before it is killed."""


@dataclass(frozen=True)
class Record:
    """One started process; `created` tells it from a later one that got the same pid."""

    name: str
    stage: int
    pid: int
    created: float

    def process(self) -> psutil.Process | None:
        """The process if it still runs."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.created) < 2
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.NoSuchProcess:
            return None


def spawn(name: str, stage: int, command: Sequence[str], folder: Path, log: Path) -> Record:
    """Starts `command` in its own session, its output in `log`."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        child = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    child.returncode = 0  # it may outlive us; while we live, it leaves no zombie
    record = Record(name, stage, child.pid, psutil.Process(child.pid).create_time())
    Thread(target=os.waitpid, args=(child.pid, 0), daemon=True).start()
    return record


def remember(path: Path, records: Sequence[Record]) -> None:
    """Replaces the file at once, so that it is never half-written."""
    fresh = path.with_suffix(".new")
    fresh.write_bytes(msgspec.json.encode(list(records)))
    fresh.replace(path)


def remembered(path: Path) -> list[Record]:
    """What was started and not yet ended, whether or not it still runs."""
    return msgspec.json.decode(path.read_bytes(), type=list[Record]) if path.exists() else []


def living(records: Sequence[Record]) -> list[psutil.Process]:
    """Those that still run."""
    return [process for record in records if (process := record.process())]


def end(path: Path) -> None:
    """Ends the processes of the file, the last stage first, and forgets them."""
    records = remembered(path)
    for stage in sorted({record.stage for record in records}, reverse=True):
        ending = [record for record in records if record.stage == stage]
        for end_it in (psutil.Process.terminate, psutil.Process.kill):
            for process in living(ending):
                end_it(process)
            _wait(ending)
    path.unlink(missing_ok=True)


def _wait(records: Sequence[Record]) -> None:
    until = time.monotonic() + GRACE
    while living(records) and time.monotonic() < until:
        time.sleep(0.05)


def pinned(command: Sequence[str], cores: int) -> list[str]:
    """The command held to the first `cores` processors that we may use, where the system can."""
    if not hasattr(os, "sched_getaffinity"):
        return list(command)
    allowed = sorted(os.sched_getaffinity(0))
    return ["taskset", "-c", ",".join(map(str, allowed[:cores])), *command]
