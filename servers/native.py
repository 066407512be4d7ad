"""Servers that run as processes of this machine: Java from jars that Maven fetches, or Python from this package."""

import shutil
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import ClassVar, TypeVar

import psutil

from rollup_bench.errors import FailureError, RequestError
from rollup_bench.servers import cgroup, processes
from rollup_bench.servers.budget import Budget
from rollup_bench.servers.jvm import Jvm
from rollup_bench.servers.local import LocalServer
from rollup_bench.servers.ports import choose
from rollup_bench.servers.recipe import WORKER, JavaProcess, Place, Process, Recipe, java_processes
from rollup_bench.servers.watch import Watch

T = TypeVar("T")
DISK = 2 << 30
"""Free bytes without which no server is started."""


class NativeServer(LocalServer):
    """A server whose folder has each process's configuration, data and log, and files that list ports and processes.

    A server that was started as a cluster is one until it is stopped, also if it is opened without its workers.
    RequestError if it runs with another number of workers than the recipe has.
    """

    via: ClassVar[str] = "native"
    shares_disk: ClassVar[bool] = True

    def __init__(self, recipe: Recipe, home: Path, budget: Budget) -> None:
        super().__init__(recipe, home, budget)
        workers = sum(record.name.startswith(WORKER) for record in self._records())
        if recipe.workers and recipe.workers != workers and self._living():
            remedy = f"stop it with rollup-bench down {self.name}"
            raise RequestError(f"{self.name} already runs with {workers or 'no'} workers: {remedy}")
        if workers and recipe.cluster and not recipe.workers:
            self.recipe = recipe.cluster(workers)

    @property
    def pids(self) -> dict[str, int]:
        """The pid of each running process of the server, by the process's name."""
        return {record.name: record.pid for record in self._records() if record.process()}

    @property
    def enforced(self) -> bool:
        """Whether a control group limits the memory of all processes together."""
        return cgroup.enforced(self.folder)

    def cpu_seconds(self) -> float | None:
        """Seconds of user and system time that the processes have used in total; None if no process runs.

        The time of a process that has ended is counted if its parent has waited for it.
        """
        times = self._measured(psutil.Process.cpu_times)
        return sum(t.user + t.system + t.children_user + t.children_system for t in times) if times else None

    def written_bytes(self) -> int | None:
        """Bytes that the running processes have written to disk in total; None if unknown, or if no process runs."""
        sizes = [size for size in self._measured(processes.written) if size is not None]
        return sum(sizes) if sizes else None

    def resident_bytes(self) -> int | None:
        """Bytes of resident memory of all running processes together; None if no process runs."""
        sizes = [memory.rss for memory in self._measured(psutil.Process.memory_info)]
        return sum(sizes) if sizes else None

    def logs(self, lines: int) -> str:
        """The last `lines` lines of each log file of the last start, below a line with the name of the file."""
        return "\n".join(_tail(path, lines) for path in sorted((self.folder / "logs").glob("*.log")))

    def _launch(self, watch: Watch) -> float:
        self._check_disk()
        jvms = self._jvms(watch)
        place = Place(self.folder, choose(self._port_file, self.name, self.recipe.ports), self.budget)
        stages = self.recipe.stages(place)
        self._check_memory(stages)
        shutil.rmtree(self.folder / "conf", ignore_errors=True)
        if jvm := jvms.get(self.recipe.folder):
            jvm.link(self.folder / "jars")
        cgroup.create(self.folder, self.budget.memory)
        began = time.monotonic()
        ready, count = 0, sum(map(len, stages))
        for number, stage in enumerate(stages):
            for process in stage:
                self._spawn(place, number, process, self._command(process, place, jvms))
            self._wait(stage, ready, count, watch)
            ready += len(stage)
        return began

    def _jvms(self, watch: Watch) -> dict[Path, Jvm]:
        """Java and the jars of each Java process, by the folder of the process; see `Jvm.found` for errors."""
        place = Place(self.folder, dict.fromkeys(self.recipe.ports, 0), self.budget)
        folders = {process.folder or self.recipe.folder for process in java_processes(self.recipe.stages(place))}
        return {folder: Jvm.found(folder / "pom.xml", self.home / "jars", watch) for folder in folders}

    def _command(self, process: Process, place: Place, jvms: dict[Path, Jvm]) -> list[str]:
        """The command that starts a process; writes the configuration of a Java process."""
        if isinstance(process, JavaProcess):
            return jvms[process.folder or self.recipe.folder].command(process, place.conf(process.name))
        return [sys.executable, "-P", "-m", process.module, *process.arguments]

    def _spawn(self, place: Place, stage: int, process: Process, command: list[str]) -> None:
        folder = place.data(process.name)
        folder.mkdir(parents=True, exist_ok=True)
        pinned = processes.pinned(command, self.budget.cores)
        record = processes.spawn(process.name, stage, pinned, folder, self._log(process.name))
        processes.remember(self._record_file, [*self._records(), record])
        cgroup.enter(self.folder, record.pid)

    def _wait(self, stage: Sequence[Process], ready: int, count: int, watch: Watch) -> None:
        """Waits until all processes of a stage are ready, after `ready` of all `count` processes of the server."""
        waiting, reported = stage, 0
        while waiting := [process for process in waiting if not process.ready()]:
            if len(waiting) != reported:
                reported = len(waiting)
                done, names = ready + len(stage) - len(waiting), ", ".join(process.name for process in waiting)
                share = f"{done} of {count} processes are ready ({done / count:.0%})"
                watch.say(f"{self.name}: {share}, waiting for {names}")
            for record in self._records():
                if record.process() is None:
                    raise FailureError(f"{self.name}: {record.name} ended early, see {self._log(record.name)}")
            watch.pause(0.25)

    def _check_disk(self) -> None:
        available = shutil.disk_usage(self.home).free
        if available < DISK:
            remedy = "free some, or set ROLLUP_BENCH_HOME to a folder on another disk"
            raise RequestError(f"{self.home}: {available >> 20} MiB free, {self.name} needs {DISK >> 20} MiB: {remedy}")

    def _check_memory(self, stages: Sequence[Sequence[Process]]) -> None:
        if self.budget.memory < self.recipe.least:
            budget, least = self.budget.memory >> 20, self.recipe.least >> 20
            raise RequestError(
                f"{self.name}: {budget} MiB of memory are too little: set ROLLUP_BENCH_MEMORY={least}MiB"
            )
        needed = sum(process.heap + process.direct for process in java_processes(stages))
        available = psutil.virtual_memory().available
        if available < needed:
            remedy = "end other programs, or set a smaller ROLLUP_BENCH_MEMORY"
            raise RequestError(
                f"{self.name} needs {needed >> 20} MiB of memory, {available >> 20} MiB are free: {remedy}"
            )

    @property
    def _record_file(self) -> Path:
        return self.folder / "processes.json"

    def _log(self, process: str) -> Path:
        return self.folder / "logs" / f"{process}.log"

    def _records(self) -> list[processes.Record]:
        return processes.remembered(self._record_file)

    def _living(self) -> list[psutil.Process]:
        return processes.living(self._records())

    def _measured(self, measure: Callable[[psutil.Process], T]) -> list[T]:
        """What `measure` returns for each running process, and for each process that these have started."""
        found = []
        for process in processes.with_children(self._living()):
            with suppress(psutil.NoSuchProcess):
                found.append(measure(process))
        return found

    def _alive(self) -> bool:
        records = self._records()
        return bool(records) and len(self._living()) == len(records)

    def _halt(self) -> list[str]:
        return [sys.executable, "-P", "-m", "rollup_bench.servers.halt", str(self._record_file)]


def _tail(path: Path, lines: int) -> str:
    return "\n".join([f"==> {path} <==", *path.read_text("utf-8", "replace").splitlines()[-lines:]])
