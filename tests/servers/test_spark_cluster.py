"""A cluster of Spark on this machine: a master, two workers and the Connect server as processes."""

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from rollup_bench.engines.spark.client import Client
from rollup_bench.engines.spark.engine import SETTINGS
from rollup_bench.engines.spark.server import cluster
from rollup_bench.engines.spark.standalone import alive
from rollup_bench.servers import processes
from rollup_bench.servers.budget import Budget
from rollup_bench.servers.native import NativeServer
from rollup_bench.servers.ports import recorded
from rollup_bench.servers.watch import Watch
from tests.conftest import HOME

pytestmark = pytest.mark.spark
BUDGET = Budget(cores=2, memory=cluster(2).least)


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[NativeServer]:
    (HOME / "jars").mkdir(parents=True, exist_ok=True)
    (tmp_path / "jars").symlink_to(HOME / "jars")
    with NativeServer(cluster(2), tmp_path, BUDGET).running(Watch(print, seconds=300)) as server:
        yield server


def test_two_workers_share_the_tasks_and_one_is_enough(outside: NativeServer) -> None:
    count = "SELECT count(*) AS n FROM range(0, 1000000, 1, 8) WHERE hash(id) <> 0"
    pids, page = outside.pids, recorded(outside.folder / "ports.json")["page"]
    assert list(pids) == ["master", "worker1", "worker2", "spark"]
    with closing(Client(outside.connection, SETTINGS)) as client:
        assert client.table(count)["n"].to_pylist() == [1_000_000]
        family = processes.with_children([psutil.Process(pid) for pid in pids.values()])
        assert len(family) == len(pids) + 2
        sockets = [socket for each in family for socket in each.net_connections("inet")]
        listening = {s.laddr.ip.removeprefix("::ffff:") for s in sockets if s.status == psutil.CONN_LISTEN}
        assert listening == {"127.0.0.1"}
        assert sum(each.memory_info().rss for each in family) < BUDGET.memory
        psutil.Process(pids["worker2"]).kill()
        until = time.monotonic() + 60
        while alive(page) != 1:
            assert time.monotonic() < until
            time.sleep(0.2)
        assert client.table(count)["n"].to_pylist() == [1_000_000]
    assert outside.pids.keys() == pids.keys() - {"worker2"}
    assert outside.status().address is None
