"""Servers that docker compose runs in containers, as the compose.yml of the engine describes."""

import os
import shutil
import subprocess
import time
from functools import cached_property
from hashlib import sha256
from typing import ClassVar

from rollup_bench.errors import FailureError, RequestError
from rollup_bench.servers.local import LocalServer
from rollup_bench.servers.ports import choose, variable
from rollup_bench.servers.recipe import Place, java_processes
from rollup_bench.servers.watch import Watch

PATIENCE = 60.0
"""Seconds in which docker must answer."""


class ComposeServer(LocalServer):
    """A compose project for each home folder, so that homes run side by side; the project's volumes hold the data."""

    via: ClassVar[str] = "compose"

    def logs(self, lines: int) -> str:
        """The last `lines` lines of each container's log in one text."""
        return self._compose("logs", "--no-color", "--tail", str(lines))

    def _launch(self, watch: Watch) -> float:
        ports = choose(self._port_file, self.name, self.recipe.ports[: self.recipe.public])
        watch.say(f"{self.name}: fetching images and waiting for containers")
        began, log = time.monotonic(), self.folder / "compose.log"
        with log.open("wb") as output:
            environment = os.environ | self.environment(ports)
            up = subprocess.Popen(
                [*self._command, "up", "--detach", "--wait"], stdout=output, stderr=output, env=environment
            )
            try:
                while up.poll() is None:
                    watch.pause(0.25)
            finally:
                up.kill()
                up.wait()
        if up.returncode != 0:
            raise FailureError(f"{self.name}: docker compose could not start the server, see {log}")
        return began

    def environment(self, ports: dict[str, int]) -> dict[str, str]:
        """The environment variables of compose.yml: clients' ports, processors, each process's memory in bytes."""
        first, *others = ports
        values = {variable(self.name): str(ports[first]), "ROLLUP_BENCH_CPUS": f"0-{self.budget.cores - 1}"}
        values |= {variable(f"{self.name}_{name}"): str(ports[name]) for name in others}
        place = Place(self.folder, dict.fromkeys(self.recipe.ports, 0), self.budget)
        for process in java_processes(self.recipe.stages(place)):
            values[f"ROLLUP_BENCH_{process.name.upper()}_HEAP"] = str(process.heap)
            values[f"ROLLUP_BENCH_{process.name.upper()}_DIRECT"] = str(process.direct)
        return values

    def _compose(self, *words: str) -> str:
        return _run([*self._command, *words]).stdout

    @cached_property
    def _docker(self) -> str:
        docker = shutil.which("docker")
        if docker is None:
            raise RequestError("no docker on the path: install it, or use --via native")
        if _run([docker, "compose", "version"]).returncode != 0:
            raise RequestError("docker has no compose: install docker-compose-plugin, or use --via native")
        return docker

    @property
    def _command(self) -> list[str]:
        project = f"rollup-bench-{self.name}-{sha256(str(self.home).encode()).hexdigest()[:8]}"
        return [self._docker, "compose", "--file", str(self.recipe.folder / "compose.yml"), "--project-name", project]

    def _alive(self) -> bool:
        return bool(self._compose("ps", "--status", "running", "--quiet").strip())

    def _halt(self) -> list[str]:
        return [*self._command, "down"]


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        raise FailureError(f"docker did not answer within {PATIENCE:g} s") from None
