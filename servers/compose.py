"""Servers in containers, by the engine's compose.yml."""

import os
import shutil
import subprocess
import time
from functools import cached_property
from hashlib import sha256
from typing import ClassVar

from rollup_bench.errors import FailureError, RequestError
from rollup_bench.servers.connection import Connection
from rollup_bench.servers.local import LocalServer
from rollup_bench.servers.ports import choose, recorded, variable
from rollup_bench.servers.recipe import Place
from rollup_bench.servers.watch import Watch

PATIENCE = 60.0
"""Seconds in which docker must answer."""


class ComposeServer(LocalServer):
    """A compose project for each home, so that two run side by side; its data are volumes of that project."""

    via: ClassVar[str] = "compose"

    @property
    def connection(self) -> Connection:
        """The published port, on loopback, without credentials."""
        ports = recorded(self._port_file)
        if not ports:
            raise RequestError(
                f"{self.name} was never started in {self.home}: rollup-bench up {self.name} --via compose"
            )
        return Connection(("127.0.0.1",), ports["client"])

    def logs(self, lines: int) -> str:
        """The last lines of each container."""
        return self._compose("logs", "--no-color", "--tail", str(lines))

    def _launch(self, watch: Watch) -> None:
        port = choose(self._port_file, self.name, ["client"])["client"]
        watch.say(f"{self.name}: fetching images and waiting for containers")
        began = time.monotonic()
        self._up(self.environment(port), watch)
        if not self._answering(watch):
            raise FailureError(f"{self.name} ended early, see rollup-bench logs {self.name} --via {self.via}")
        self._started(began, watch)

    def environment(self, port: int) -> dict[str, str]:
        """What compose.yml takes from us: the port for clients, the processors, and each process's memory."""
        given = {variable(self.name): str(port), "ROLLUP_BENCH_CPUS": f"0-{self.budget.cores - 1}"}
        place = Place(self.folder, dict.fromkeys(self.recipe.ports, port), self.budget)
        for process in (process for stage in self.recipe.stages(place) for process in stage):
            given[f"ROLLUP_BENCH_{process.name.upper()}_HEAP"] = str(process.heap)
            given[f"ROLLUP_BENCH_{process.name.upper()}_DIRECT"] = str(process.direct)
        return given

    def _up(self, environment: dict[str, str], watch: Watch) -> None:
        log = self.folder / "compose.log"
        with log.open("wb") as output:
            up = subprocess.Popen(
                [*self._command, "up", "--detach", "--wait"], stdout=output, stderr=output, env=os.environ | environment
            )
            try:
                while up.poll() is None:
                    watch.pause(0.25)
            finally:
                up.kill()
                up.wait()
        if up.returncode != 0:
            raise FailureError(f"{self.name}: docker compose could not start it, see {log}")

    def _compose(self, *words: str) -> str:
        return _docker([*self._command, *words]).stdout

    @cached_property
    def _docker(self) -> str:
        found = shutil.which("docker")
        if found is None:
            raise RequestError("no docker on the path: install it, or use --via native")
        if _docker([found, "compose", "version"]).returncode != 0:
            raise RequestError("docker has no compose: install docker-compose-plugin, or use --via native")
        return found

    @property
    def _command(self) -> list[str]:
        project = f"rollup-bench-{self.name}-{sha256(str(self.home).encode()).hexdigest()[:8]}"
        return [self._docker, "compose", "--file", str(self.recipe.folder / "compose.yml"), "--project-name", project]

    def _alive(self) -> bool:
        return bool(self._compose("ps", "--status", "running", "--quiet").strip())

    def _halt(self) -> list[str]:
        return [*self._command, "down"]


def _docker(command: list[str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        raise FailureError(f"docker gives no answer in {PATIENCE:g} s") from None
