"""A cluster of Spark on this machine: a master, two workers and the Connect server as processes."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from rollup_bench.engines.spark.server import cluster
from rollup_bench.engines.spark.standalone import alive
from rollup_bench.engines.spark.tasks import each_done
from rollup_bench.harness.run import spark
from rollup_bench.servers import processes
from rollup_bench.servers.budget import Budget
from rollup_bench.servers.native import NativeServer
from rollup_bench.servers.ports import recorded
from rollup_bench.servers.watch import Watch
from rollup_bench.workloads import generated
from rollup_bench.workloads.source import Source
from tests.conftest import HOME

pytestmark = pytest.mark.spark
BUDGET = Budget(cores=2, memory=cluster(2).least)
GAME = Source(generator="game", rows=2 << 20, seed=7)


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NativeServer]:
    """The cluster, which is started once for all tests of this file."""
    home = tmp_path_factory.mktemp("cluster")
    (HOME / "jars").mkdir(parents=True, exist_ok=True)
    (home / "jars").symlink_to(HOME / "jars")
    with NativeServer(cluster(2), home, BUDGET).running(Watch(print, seconds=300)) as server:
        yield server


def family(server: NativeServer) -> list[psutil.Process]:
    return processes.with_children([psutil.Process(pid) for pid in server.pids.values()])


def test_tasks_write_the_files_that_one_process_writes(outside: NativeServer, tmp_path: Path) -> None:
    one, many, said = tmp_path / "one", tmp_path / "many", list[str]()
    many.mkdir()
    (many / f"{generated.paths(GAME, many)[1].name}.{1 << 22}.part").touch()  # no process has so large a number
    paths = spark.make(outside.connection, GAME, many, said.append)
    assert [path.name for path in paths] == [path.name for path in generated.write(GAME, one)]
    assert sorted(path.name for path in many.iterdir()) == [path.name for path in paths]
    assert all((one / path.name).read_bytes() == path.read_bytes() for path in paths)
    assert said[-1].startswith(f"making game: {2 << 20:,} of {2 << 20:,} rows (100%)")


def test_all_processes_listen_on_loopback_and_fit_the_budget(outside: NativeServer) -> None:
    assert list(outside.pids) == ["master", "worker1", "worker2", "spark"]
    started = family(outside)
    assert len(started) >= len(outside.pids) + 2, "each worker has an executor"
    sockets = [socket for each in started for socket in each.net_connections("inet")]
    listening = {s.laddr.ip.removeprefix("::ffff:") for s in sockets if s.status == psutil.CONN_LISTEN}
    assert listening == {"127.0.0.1"}
    assert sum(each.memory_info().rss for each in started) < BUDGET.memory


def test_a_task_of_a_killed_worker_is_repeated(outside: NativeServer, tmp_path: Path) -> None:
    """The first attempt at task 1 waits for its end."""
    marker, page = tmp_path / "first", recorded(outside.folder / "ports.json")["page"]

    def run(number: int) -> int:
        if number == 1 and not marker.exists():
            marker.with_suffix(".new").write_text(str(os.getpid()))
            marker.with_suffix(".new").rename(marker)
            time.sleep(600)
        return number * number

    before = outside.pids
    results = each_done(outside.connection, run, 4)
    assert next(results) == 0
    while not marker.exists():
        time.sleep(0.1)
    running = {parent.pid for parent in psutil.Process(int(marker.read_text())).parents()}
    (victim,) = (name for name, pid in before.items() if pid in running)
    for each in processes.with_children([psutil.Process(before[victim])]):
        each.kill()
    assert list(results) == [1, 4, 9]
    assert alive(page) == 1
    assert outside.pids.keys() == before.keys() - {victim}
    assert outside.status().address is None
