"""Servers that run as Java processes of this machine, from jars that Maven fetches."""

import os
import shutil
import sys
import time
from pathlib import Path
from string import Template
from typing import ClassVar

import psutil

from rollup_bench.errors import FailureError, RequestError
from rollup_bench.servers import cgroup, processes
from rollup_bench.servers.java import jars, java
from rollup_bench.servers.local import LocalServer
from rollup_bench.servers.ports import choose
from rollup_bench.servers.recipe import JavaProcess, Place
from rollup_bench.servers.watch import Watch

DISK = 2 << 30
"""Free bytes without which no server is started."""


class NativeServer(LocalServer):
    """A server whose folder has each process's configuration, data and log, and files that list ports and processes."""

    via: ClassVar[str] = "native"
    shares_disk: ClassVar[bool] = True

    @property
    def pids(self) -> dict[str, int]:
        """The pid of each running process of the server, by the process's name."""
        return {record.name: record.pid for record in self._records() if record.process()}

    @property
    def enforced(self) -> bool:
        """Whether a control group limits the memory of all processes together."""
        return cgroup.enforced(self.folder)

    def cpu_seconds(self) -> float | None:
        """Seconds of user and system time that the running processes have used in total; None if no process runs."""
        times = [process.cpu_times() for process in self._living()]
        return sum(time.user + time.system for time in times) if times else None

    def resident_bytes(self) -> int | None:
        """Bytes of resident memory of all running processes together; None if no process runs."""
        sizes = [process.memory_info().rss for process in self._living()]
        return sum(sizes) if sizes else None

    def logs(self, lines: int) -> str:
        """The last `lines` lines of each log file of the last start, below a line with the name of the file."""
        return "\n".join(_tail(path, lines) for path in sorted((self.folder / "logs").glob("*.log")))

    def _launch(self, watch: Watch) -> float:
        program = java() / "bin/java"
        self._check_disk()
        library = jars(self.recipe.folder / "pom.xml", self.home / "jars", watch)
        place = Place(self.folder, choose(self._port_file, self.name, self.recipe.ports), self.budget)
        stages = self.recipe.stages(place)
        self._check_memory(stages)
        shutil.rmtree(self.folder / "conf", ignore_errors=True)
        cgroup.create(self.folder, self.budget.memory)
        began = time.monotonic()
        for number, stage in enumerate(stages):
            for process in stage:
                self._spawn(program, library, place, number, process)
            self._wait(stage, watch)
        return began

    def _spawn(self, program: Path, library: Path, place: Place, stage: int, process: JavaProcess) -> None:
        conf = place.conf(process.name)
        _render(self.recipe.folder / "conf", conf, process)
        tmp = Path(str(process.values["tmp"]))
        if tmp.exists():
            shutil.rmtree(tmp)
        tmp.mkdir(parents=True)
        memory = (f"-Xms{process.heap}", f"-Xmx{process.heap}", f"-XX:MaxDirectMemorySize={process.direct}")
        classes = ("-cp", f"{conf}{os.pathsep}{library}/*")
        command = [str(program), *memory, f"@{conf / 'jvm.options'}", *classes, *process.main]
        pinned = processes.pinned(command, self.budget.cores)
        record = processes.spawn(process.name, stage, pinned, place.data(process.name), self._log(process.name))
        processes.remember(self._record_file, [*self._records(), record])
        cgroup.enter(self.folder, record.pid)

    def _wait(self, stage: list[JavaProcess], watch: Watch) -> None:
        waiting, reported = stage, 0
        while waiting := [process for process in waiting if not process.ready()]:
            if len(waiting) != reported:
                reported = len(waiting)
                watch.say(f"{self.name}: waiting for {', '.join(process.name for process in waiting)}")
            for record in self._records():
                if record.process() is None:
                    raise FailureError(f"{self.name}: {record.name} ended early, see {self._log(record.name)}")
            watch.pause(0.25)

    def _check_disk(self) -> None:
        available = shutil.disk_usage(self.home).free
        if available < DISK:
            raise RequestError(f"{self.home}: {available >> 20} MiB free, {self.name} needs {DISK >> 20} MiB")

    def _check_memory(self, stages: list[list[JavaProcess]]) -> None:
        if self.budget.memory < self.recipe.least:
            budget, least = self.budget.memory >> 20, self.recipe.least >> 20
            raise RequestError(f"{self.name}: {budget} MiB of memory are too little, the least is {least} MiB")
        needed = sum(process.heap + process.direct for stage in stages for process in stage)
        available = psutil.virtual_memory().available
        if available < needed:
            raise RequestError(f"{self.name} needs {needed >> 20} MiB of memory, {available >> 20} MiB are free")

    @property
    def _record_file(self) -> Path:
        return self.folder / "processes.json"

    def _log(self, process: str) -> Path:
        return self.folder / "logs" / f"{process}.log"

    def _records(self) -> list[processes.Record]:
        return processes.remembered(self._record_file)

    def _living(self) -> list[psutil.Process]:
        return processes.living(self._records())

    def _alive(self) -> bool:
        records = self._records()
        return bool(records) and len(self._living()) == len(records)

    def _halt(self) -> list[str]:
        return [sys.executable, "-P", "-m", "rollup_bench.servers.halt", str(self._record_file)]


def _render(templates: Path, target: Path, process: JavaProcess) -> None:
    target.mkdir(parents=True)
    for template in [*templates.glob("*"), *(templates / process.role).glob("*")]:
        if template.is_file():
            text = Template(template.read_text("utf-8")).substitute(process.values)
            (target / template.name).write_text(text, "utf-8")


def _tail(path: Path, lines: int) -> str:
    return "\n".join([f"==> {path} <==", *path.read_text("utf-8", "replace").splitlines()[-lines:]])
