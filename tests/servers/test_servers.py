"""The servers that really run: loopback only, restarted with their data, gone with their owner."""

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from rollup_bench.engines.cassandra.server import RECIPE
from rollup_bench.errors import RequestError
from rollup_bench.servers import Server, open_server
from rollup_bench.servers.budget import Budget
from rollup_bench.servers.native import NativeServer
from rollup_bench.servers.watch import Watch
from tests.conftest import SERVERS

SMALL = Budget(cores=1, memory=1 << 30)
OWNER = """
import sys, time
from pathlib import Path
from rollup_bench.servers.budget import Budget
from rollup_bench.engines.cassandra.server import RECIPE
from rollup_bench.servers import open_server
from rollup_bench.servers.watch import Watch
server = open_server(RECIPE, "native", Path(sys.argv[1]), Budget(1, 1 << 30))
with server.running(Watch()):
    print(*server.pids.values(), flush=True)
    time.sleep(600)
"""


@pytest.fixture(params=[*(name for name, fixture in SERVERS.items() if fixture), "spark-cassandra"])
def server(request: pytest.FixtureRequest) -> Server:
    found = request.getfixturevalue(f"{request.param.replace('-', '_')}_server")
    assert isinstance(found, Server)
    return found


@pytest.fixture(scope="module")
def other_home(tmp_path_factory: pytest.TempPathFactory, cassandra_server: Server) -> Path:
    """A second home beside that of the session, with the same jars."""
    home = tmp_path_factory.mktemp("other")
    (home / "jars").symlink_to(cassandra_server.home / "jars")
    return home


def test_it_answers_and_listens_on_loopback_only(server: Server) -> None:
    assert server.status().address == server.connection.address
    listening = [
        socket.laddr.ip.removeprefix("::ffff:")  # an address of IPv4 on a socket of IPv6
        for pid in server.pids.values()
        for socket in psutil.Process(pid).net_connections("inet")
        if socket.status == psutil.CONN_LISTEN
    ]
    assert len(listening) >= len(server.pids)
    assert set(listening) == {"127.0.0.1"}


def test_its_costs_are_those_of_its_processes(server: Server) -> None:
    used, resident, seconds = server.cpu_seconds(), server.resident_bytes(), server.startup_seconds
    assert used is not None
    written = server.written_bytes()
    assert written is not None
    assert written > 0
    assert resident is not None
    assert seconds is not None
    assert used > 0.1
    assert resident > 50 << 20
    assert sum(psutil.Process(pid).memory_info().rss for pid in server.pids.values()) == pytest.approx(
        resident, rel=0.2
    )


def test_it_is_held_to_the_processors_of_its_budget(server: Server) -> None:
    for pid in server.pids.values():
        assert len(psutil.Process(pid).cpu_affinity() or []) <= server.budget.cores


def test_its_logs_are_told_apart(server: Server) -> None:
    assert all(f"{name}.log" in server.logs(3) for name in server.pids)


@pytest.mark.parametrize("server", ["cassandra", "druid"], indirect=True)
def test_it_is_found_as_a_cluster_of_ones_own(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    variable = f"ROLLUP_BENCH_{server.name.upper()}_{server.recipe.address}"
    monkeypatch.setenv(variable, server.connection.address)
    external = open_server(server.recipe, "external", server.home, server.budget)
    with external.running(Watch()) as found:
        assert found.status().address == f"as {variable} says"
    external.stop()
    assert server.status().address


def test_a_second_user_is_told_who_has_it(cassandra_server: Server) -> None:
    second = open_server(RECIPE, "native", cassandra_server.home, SMALL)
    with pytest.raises(RequestError, match=f"in use by process {os.getpid()}"):
        second.start(Watch())
    with pytest.raises(RequestError, match="in use"):
        second.stop()
    assert cassandra_server.status().address


def test_two_homes_side_by_side_up_and_down(cassandra_server: Server, other_home: Path) -> None:
    other = NativeServer(RECIPE, other_home, SMALL)
    assert other.start(Watch(seconds=300))
    try:
        assert not other.start(Watch())
        assert other.connection != cassandra_server.connection
        first = other.pids
        assert all(psutil.pid_exists(pid) for pid in first.values())
        left = other.folder / "data/cassandra/tmp/left"
        left.touch()
        other.restart(Watch(seconds=300))
        assert not left.exists()
        assert other.pids.keys() == first.keys()
        assert not set(other.pids.values()) & set(first.values())
        assert cassandra_server.status().address
    finally:
        other.stop()
    assert other.status().address is None
    assert other.pids == {}
    assert NativeServer(RECIPE, other_home, SMALL).status().address is None
    assert cassandra_server.status().address


def test_it_ends_with_its_owner(other_home: Path) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, other_home], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert owner.stdout is not None
    pids = [int(pid) for pid in owner.stdout.readline().split()]
    assert pids
    assert all(psutil.pid_exists(pid) for pid in pids)
    owner.kill()
    owner.communicate()
    until = time.monotonic() + 60
    while any(psutil.pid_exists(pid) for pid in pids):
        assert time.monotonic() < until
        time.sleep(0.1)
    server = NativeServer(RECIPE, other_home, SMALL)
    server.stop()
    assert server.pids == {}
