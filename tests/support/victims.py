"""Where faults happen: servers of this machine, and how a run reaches them."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

from rollup_bench.engines.registry import recipe
from rollup_bench.harness.run import home as homes
from rollup_bench.servers import Server, open_server
from rollup_bench.servers.budget import budget
from rollup_bench.servers.watch import Watch
from rollup_bench.workloads import dataset
from tests.support import clusters
from tests.support.proxy import LOCAL, Proxy

QUESTIONS = ("revenue-by-hour", "best-sellers", "busy-hours")
ROWS = 100_000
BOUND = 420.0
"""Seconds in which a run must end, and a server be right again."""
DISK = 512 << 20
"""Bytes of the disk that is filled."""


class NotTriedError(Exception):
    """This machine does not allow the fault."""


@dataclass(frozen=True)
class Victim:
    """The server that the fault happens to, how clients reach it, and what is asked of it."""

    engine: str
    home: Path
    server: Server
    client: Server
    proxy: Proxy | None = None
    data: dataset.Dataset = field(default_factory=lambda: dataset.read("game").sized(ROWS, 1))

    @property
    def processes(self) -> list[int]:
        """Their pids."""
        return list(self.server.pids.values())

    def signal(self, number: signal.Signals) -> None:
        """Sends it to every process of the server."""
        for pid in self.processes:
            os.kill(pid, number)

    def start(self) -> None:
        """From however the fault left it."""
        if self.server.status().address is None:
            self.server.stop()
        self.server.start(Watch(seconds=BOUND))


@contextmanager
def native(engine: str, home: Path) -> Iterator[Victim]:
    """A server on this machine, up unless the fault has it otherwise; for the next one it is left so."""
    one = server(engine, home)
    victim = Victim(engine, home, one, one)
    victim.start()
    yield victim


def server(engine: str, home: Path) -> Server:
    """A native one, up or not."""
    found = recipe(engine)
    assert found is not None
    return open_server(found, "native", home, budget())


@contextmanager
def small_disk(engine: str, home: Path) -> Iterator[Victim]:
    """The same with its data on a disk of a few hundred megabytes, which root may mount."""
    folder, one = data_folder(engine, home), server(engine, home)
    one.stop()
    folder.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotTriedError(f"cannot mount here: {done.stderr.strip()}")
    try:
        with native(engine, home) as victim:
            yield victim
    finally:
        try:
            one.stop()
        finally:
            unmount = ["umount", "--lazy", str(folder)]  # a process may still be ending
            subprocess.run(unmount, check=True)


@contextmanager
def behind_proxy(engine: str, home: Path) -> Iterator[Victim]:
    """The same for clients to whom it is someone else's, behind a network that can be cut."""
    with native(engine, home) as victim:
        proxy, known = Proxy(victim.server.connection.port), victim.server.recipe
        host = f"{LOCAL}:{proxy.port}"
        variable = f"ROLLUP_BENCH_{engine.upper()}_{known.address}"
        where = {variable: f"http://{host}" if known.address == "URL" else host}
        with patch.dict(os.environ, where | {"ROLLUP_BENCH_CASSANDRA_REPLICATION": "1"}):
            yield replace(victim, client=open_server(known, "external", home, budget()), proxy=proxy)


@contextmanager
def three_nodes(engine: str, home: Path) -> Iterator[Victim]:
    """A cluster that keeps three copies, for clients to whom it is someone else's."""
    watch = Watch(seconds=BOUND)
    with TemporaryDirectory(dir=home) as folder:
        (Path(folder) / "jars").symlink_to(homes.home() / "jars")
        with clusters.STARTED[engine](Path(folder), watch) as cluster, patch.dict(os.environ, cluster.environment):
            yield Victim(engine, home, cluster.server, open_server(cluster.server.recipe, "external", home, budget()))


def data_folder(engine: str, home: Path) -> Path:
    """Where a native server keeps its data."""
    return home / "servers" / f"{engine}-native" / "data"
