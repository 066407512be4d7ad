"""What keeps a server from starting is one line; what its environment says stays there."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from rollup_bench.engines.druid import server as druid
from rollup_bench.errors import FailureError, RequestError
from rollup_bench.servers import Connection, open_server, pins, ports, processes
from rollup_bench.servers.budget import Budget
from rollup_bench.servers.java import jars, java
from rollup_bench.servers.lock import Lock
from rollup_bench.servers.recipe import Recipe
from rollup_bench.servers.watch import Watch
from tests.support import install

BUDGET = Budget(cores=2, memory=3 << 30)
APT = "-qq install --yes --no-install-recommends openjdk-17-jre-headless maven"
HOLDER = """
import os, sys
from pathlib import Path
from threading import Thread
from rollup_bench.servers.lock import Lock
from rollup_bench.servers.watch import Watch
with Lock(Path(sys.argv[1]), "it").hold(Watch()):
    print("held", flush=True)
    os.kill(os.getpid(), 9)
"""

GUARDED = """
import signal, sys, time
from pathlib import Path
from threading import Thread
from rollup_bench.servers.guard import guarded
from rollup_bench.servers.lock import Lock
from rollup_bench.servers.watch import Watch
signal.signal(signal.SIGINT, signal.default_int_handler)
folder = Path(sys.argv[1])
with Lock(folder / "lock", "it").hold(Watch()) as held:
    with guarded(["sh", "-c", f"sleep 0.5; touch {folder}/acted"], held):
        print("guarded", flush=True)
        time.sleep(600)
"""


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[processes.Record]:
    record = processes.spawn("sleeper", 0, ["sleep", "600"], tmp_path, tmp_path / "logs" / "sleeper.log")
    yield record
    processes.remember(tmp_path / "left.json", [record])
    processes.end(tmp_path / "left.json")


def _program(path: Path, script: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def _refused(declared: Recipe, home: Path, budget: Budget = BUDGET) -> str:
    with pytest.raises(RequestError) as refusal:
        open_server(declared, "native", home, budget).start(Watch())
    text = str(refusal.value)
    assert "\n" not in text
    assert not list(home.glob("servers/*/processes.json"))
    return text


def test_a_start_without_java_is_refused(declared: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert f"no Java 17 in JAVA_HOME={tmp_path}: install" in _refused(declared, tmp_path)


def test_another_java_is_refused(declared: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _program(tmp_path / "jdk/bin/java", """echo 'openjdk version "11.0.2" 2019-01-15' >&2""")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "jdk"))
    assert "only 11: install" in _refused(declared, tmp_path)


def test_the_right_java_is_found_behind_a_wrong_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    _program(tmp_path / "path/java", """echo 'openjdk version "21.0.2" 2024-01-16' >&2""")
    _program(tmp_path / "jvm/java-17/bin/java", """echo 'openjdk version "17.0.9" 2023-10-17' >&2""")
    monkeypatch.setenv("PATH", f"{tmp_path / 'path'}:{os.environ['PATH']}")
    monkeypatch.setattr("rollup_bench.servers.java.INSTALLED", tmp_path / "jvm")
    assert java() == tmp_path / "jvm/java-17"


def test_a_start_without_maven_is_refused(declared: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", str(java()))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "no mvn on the path: install maven" in _refused(declared, tmp_path)
    assert "no mvn" in (install.missing() or "")


def test_maven_that_fails_leaves_no_jars(declared: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", str(java()))
    _program(tmp_path / "bin/mvn", "echo '[ERROR] Unknown host'; exit 1")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    with pytest.raises(FailureError, match="could not fetch the jars: Unknown host"):
        jars(declared.folder / "pom.xml", tmp_path / "jars", Watch())
    assert not list(tmp_path.glob("jars/*"))


def test_maven_that_hangs_is_ended(declared: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", str(java()))
    _program(tmp_path / "bin/mvn", "exec sleep 600")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    with pytest.raises(FailureError, match=r"not done after 0.5 s: .*: Maven resolves the jars"):
        jars(declared.folder / "pom.xml", tmp_path / "jars", Watch(seconds=0.5))


def test_progress_while_jars_arrive(declared: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", str(java()))
    _program(
        tmp_path / "bin/mvn",
        'echo "[INFO] Downloaded from central: https://repo/a.jar"\n'
        'for word; do case $word in -DoutputDirectory=*) mkdir -p "${word#*=}"; touch "${word#*=}/a.jar";; esac; done',
    )
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    pom = _pinned(tmp_path / "some", {"a.jar": b""})
    said: list[str] = []
    folder = jars(pom, tmp_path / "jars", Watch(said.append))
    assert [path.name for path in folder.iterdir()] == ["a.jar"]
    assert said == [f"some: {rest}" for rest in ("Maven resolves the jars", "fetching jars, 1 so far", "1 jars")]


@pytest.mark.parametrize(
    ("pinned", "said"),
    [
        ({"a.jar": b"changed"}, "a.jar has another hash; run make lock"),
        ({"a.jar": b"", "b.jar": b""}, "b.jar is missing"),
        ({}, "a.jar is not pinned"),
    ],
)
def test_jars_that_are_not_the_pinned_ones_are_refused(
    pinned: dict[str, bytes], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fetched(_pom: Path, target: Path, _watch: Watch) -> None:
        target.mkdir(parents=True)
        (target / "a.jar").touch()

    monkeypatch.setattr("rollup_bench.servers.java.fetch", fetched)
    with pytest.raises(FailureError, match=said):
        jars(_pinned(tmp_path / "some", pinned), tmp_path / "jars", Watch())
    assert [path.suffix for path in tmp_path.glob("jars/*")] == [".partial"]


def _pinned(folder: Path, contents: dict[str, bytes]) -> Path:
    """A pom with jars of these contents pinned beside it."""
    (folder / "jars").mkdir(parents=True)
    for name, content in contents.items():
        (folder / "jars" / name).write_bytes(content)
    pins.write(folder / "jars", folder / pins.FILE)
    (folder / "pom.xml").touch()
    return folder / "pom.xml"


def test_a_start_on_a_port_in_use_is_refused(declared: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rollup_bench.servers.jvm.jars", lambda *_: tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setenv(ports.variable(declared.name), str(port))
        assert f"{ports.variable(declared.name)}: port {port} is in use" in _refused(declared, tmp_path)


@pytest.mark.parametrize("value", ["80", "x", "65536", "-1"])
def test_a_number_that_is_no_port_is_refused(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLUP_BENCH_DRUID_PORT", value)
    with pytest.raises(RequestError, match=r"ROLLUP_BENCH_DRUID_PORT: .* is not a port"):
        ports.wished("druid")


def test_too_little_memory_is_refused(declared: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rollup_bench.servers.jvm.jars", lambda *_: tmp_path)
    assert f"set ROLLUP_BENCH_MEMORY={declared.least >> 20}MiB" in _refused(declared, tmp_path, Budget(2, 100 << 20))
    assert "MiB are free" in _refused(declared, tmp_path, Budget(2, 1 << 50))


def test_too_little_disk_is_refused(declared: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rollup_bench.servers.native.DISK", 1 << 60)
    assert f"{tmp_path}: " in _refused(declared, tmp_path)


def test_ports_are_kept_and_move_when_taken(tmp_path: Path) -> None:
    first = ports.choose(tmp_path / "ports.json", "druid", ["a", "b"])
    assert ports.choose(tmp_path / "ports.json", "druid", ["a", "b"]) == first
    with socket.create_server(("127.0.0.1", first["a"])):
        moved = ports.choose(tmp_path / "ports.json", "druid", ["a", "b"])
    assert moved["b"] == first["b"]
    assert moved["a"] != first["a"]


def test_what_is_ended_is_what_was_started(tmp_path: Path, sleeper: processes.Record) -> None:
    recycled = processes.Record("other", 0, sleeper.pid, sleeper.created - 60)
    processes.remember(tmp_path / "processes.json", [recycled])
    processes.end(tmp_path / "processes.json")
    assert sleeper.process()
    processes.remember(tmp_path / "processes.json", [sleeper])
    processes.end(tmp_path / "processes.json")
    assert not sleeper.process()
    assert processes.remembered(tmp_path / "processes.json") == []


def _trapping(trap: str, then: str, stage: int, folder: Path) -> processes.Record:
    """A process of that stage that has set its trap for SIGTERM."""
    log = folder / f"{stage}.log"
    record = processes.spawn(log.stem, stage, ["sh", "-c", f"trap {trap} TERM; echo set; {then}"], folder, log)
    watch = Watch(seconds=60)
    while log.read_text() != "set\n":
        watch.pause(0.01)
    return record


def test_a_later_stage_ends_before_an_earlier_one_is_told(tmp_path: Path) -> None:
    records = [
        _trapping(f"'{ending} >> {tmp_path}/order; exit'", "while :; do sleep 0.05; done", stage, tmp_path)
        for stage, ending in enumerate(["echo early", "sleep 0.3; echo late"])
    ]
    processes.remember(tmp_path / "processes.json", records)
    processes.end(tmp_path / "processes.json")
    assert (tmp_path / "order").read_text().split() == ["late", "early"]


def test_a_process_that_does_not_end_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "GRACE", 0.3)
    deaf = _trapping("''", "exec sleep 600", 0, tmp_path)
    processes.remember(tmp_path / "processes.json", [deaf])
    processes.end(tmp_path / "processes.json")
    assert not deaf.process()


def test_the_environment_names_a_cluster(declared: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prefix = f"ROLLUP_BENCH_{declared.name.upper()}_"
    monkeypatch.setenv(prefix + declared.address, f"{declared.schemes[-1]}://secret-host:9999")
    monkeypatch.setenv(prefix + "TLS", "1")
    for key in declared.login:
        monkeypatch.setenv(prefix + key, f"secret-{key}")
    server = open_server(declared, "external", tmp_path, BUDGET)
    found = server.connection
    user, secret = [None, *(f"secret-{key}" for key in declared.login)][-2:]
    assert found == Connection(("secret-host",), 9999, True, None, user, secret)
    assert found.url == "https://secret-host:9999"
    assert found.ssl_context() is not None
    assert "secret" not in repr(found)
    assert not server.restartable
    with pytest.raises(RequestError, match="cannot restart"):
        server.restart(Watch())


def test_an_https_address_turns_tls_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLUP_BENCH_DRUID_URL", "https://secret-host:9999")
    assert open_server(druid.RECIPE, "external", tmp_path, BUDGET).connection.tls


def test_a_cluster_that_does_not_answer(declared: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    variable = f"ROLLUP_BENCH_{declared.name.upper()}_{declared.address}"
    monkeypatch.setenv(variable, "127.0.0.1:1")
    server = open_server(declared, "external", tmp_path, BUDGET)
    assert server.status().address is None
    with pytest.raises(FailureError, match=f"no answer where {variable} says") as failure:
        server.start(Watch())
    assert "127.0.0.1" not in str(failure.value)


@pytest.mark.parametrize("value", ["", "http://", "ftp://host", "https://secret:word@host", "a:1,b:2", "host:x", "h/p"])
def test_a_malformed_address_is_not_repeated(value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLUP_BENCH_DRUID_URL", value)
    with pytest.raises(RequestError, match="ROLLUP_BENCH_DRUID_URL: give http://host:8888") as refusal:
        open_server(druid.RECIPE, "external", tmp_path, BUDGET).start(Watch())
    assert "secret" not in str(refusal.value)


def test_an_unknown_way_to_start_a_server_is_refused(declared: Recipe, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="--via cloud: give one of native, compose, external"):
        open_server(declared, "cloud", tmp_path, BUDGET)


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_guard_acts_however_its_owner_ends(end: signal.Signals, tmp_path: Path) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", GUARDED, tmp_path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert owner.stdout is not None
    assert owner.stdout.readline() == b"guarded\n"
    assert not (tmp_path / "acted").exists()
    owner.send_signal(end)
    owner.communicate()
    with Lock(tmp_path / "lock", "it").hold(Watch(seconds=10)):
        assert (tmp_path / "acted").exists()


def test_a_dead_holder_leaves_no_lock(tmp_path: Path) -> None:
    dead = subprocess.run([sys.executable, "-c", HOLDER, tmp_path / "lock"], capture_output=True, check=False)
    assert dead.stdout == b"held\n"
    with Lock(tmp_path / "lock", "it").hold(Watch(seconds=5)):
        pass


@pytest.mark.parametrize(("user", "asked"), [(0, ["-qq update", APT]), (1000, [])])
def test_a_fresh_machine_gets_its_tools_by_apt_as_root_only(
    user: int, asked: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _program(tmp_path / "bin/apt-get", f'echo "$*" >> {tmp_path}/asked')
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setattr("os.geteuid", lambda: user)
    (tmp_path / "asked").touch()
    install.install(install.SERVERS)
    assert (tmp_path / "asked").read_text().splitlines() == asked
    said = "apt-get installs on this system, once: openjdk-17-jre-headless maven\n"
    assert capsys.readouterr().out == (said if asked else "")


def test_something_else_that_answers_there_is_no_server(declared: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    asked = []
    with socket.create_server(("127.0.0.1", 0)) as other:

        def reply() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = other.accept()
                    with connection:
                        asked.append(connection.recv(9))
                        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")

        thread = Thread(target=reply)
        thread.start()
        found = declared.answers(Connection(("127.0.0.1",), other.getsockname()[1]))
        other.shutdown(socket.SHUT_RDWR)
        thread.join()
    assert not found
    assert asked
    assert all(asked)


@pytest.mark.parametrize("leads", [True, False])
def test_a_druid_answers_where_its_overlord_leads(leads: bool) -> None:
    roles = [{"server_type": role} for role in ("coordinator", "overlord", "broker", "historical", "indexer")]

    class Router(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._say(200 if leads else 404, {"leader": leads})

        def do_POST(self) -> None:
            self._say(200, roles)

        def _say(self, status: int, body: object) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Router) as router:
        thread = Thread(target=router.serve_forever)
        thread.start()
        found = druid.answers(Connection(("127.0.0.1",), router.server_port))
        router.shutdown()
        thread.join()
    assert found is leads
