"""A cluster of one's own: several nodes behind TLS and passwords, named by the environment, used by a user who may
do no more than the README grants; of where it is and who asks, nothing is kept or told."""

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

import psutil
import pytest
from cassandra import Unauthorized
from msgspec.structs import replace

from rollup_bench.harness.conformance import checks
from rollup_bench.harness.conformance.tested_engine import EngineUnderTest
from rollup_bench.harness.records.findings import Run
from rollup_bench.harness.run.arms import opened
from rollup_bench.harness.run.profiles import PROFILES
from rollup_bench.harness.run.rounds import Effort
from rollup_bench.servers.watch import Watch
from tests.conftest import HOME
from tests.support import clusters
from tests.support.clusters import Cluster
from tests.support.command import Command
from tests.support.datasets import aggregate, cohort, write

SCOPES = {
    "cassandra": "(3 nodes, replication 3, consistency LOCAL_QUORUM)",
    "druid": "(a cluster of one's own, copies of each segment as its rules say)",
    "spark": "(a Spark of one's own behind a Connect server, tables as Parquet files)",
}
NODES = {"cassandra": 3, "druid": 2, "spark": 1}


@dataclass(frozen=True)
class Outside:
    """A cluster, and what of it must never be seen."""

    engine: str
    cluster: Cluster

    def variable(self, key: str) -> str:
        return f"ROLLUP_BENCH_{self.engine.upper()}_{key}"

    @property
    def address(self) -> str:
        return self.variable(self.cluster.server.recipe.address)

    @property
    def hidden(self) -> list[str]:
        user = self.cluster.user
        return [*filter(None, (user.user, user.password)), f":{user.port}"]


@pytest.fixture(scope="module", params=list(clusters.STARTED))
def outside(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outside]:
    """The jars are those of the other tests; one cluster has ended before the next one starts."""
    home = tmp_path_factory.mktemp("outside")
    (HOME / "jars").mkdir(parents=True, exist_ok=True)
    (home / "jars").symlink_to(HOME / "jars")
    with clusters.STARTED[request.param](home, Watch(print, seconds=600)) as cluster:
        yield Outside(request.param, cluster)


@pytest.fixture
def external(command: Command, outside: Outside, monkeypatch: pytest.MonkeyPatch) -> Iterator[Command]:
    """The command line as the user has it; what is secret is in no file of the home afterwards."""
    for name, value in outside.cluster.environment.items():
        monkeypatch.setenv(name, value)
    yield command
    for path in command.files():
        _nothing_seen(outside, path.read_bytes().decode(errors="replace"))


@pytest.fixture
def mine(tmp_path: Path) -> str:
    rows = (f"2013-0{1 + i % 6}-1{i % 5}T00:{i % 60:02}:00Z,{i % 37},{'ab'[i % 2]},{i}\n" for i in range(2000))
    (tmp_path / "data.csv").write_text("at,who,what,n\n" + "".join(rows))
    by_day = aggregate("by-day", "count()", "sum(n)", "mean(n)", grain="day", by=["what"])
    return str(write(tmp_path, by_day, cohort("back", "month", 3), columns={"dimensions": ["what"], "measures": ["n"]}))


def _nothing_seen(outside: Outside, text: str) -> None:
    assert not [secret for secret in outside.hidden if secret in text]


@contextmanager
def _processes_seen() -> Iterator[set[str]]:
    """The command lines of all processes of the machine meanwhile."""
    found, done = set[str](), Event()

    def look() -> None:
        while not done.wait(0.5):
            for process in psutil.process_iter():
                with suppress(psutil.Error):
                    found.add(" ".join(process.cmdline()))

    looking = Thread(target=look)
    looking.start()
    try:
        yield found
    finally:
        done.set()
        looking.join()


def _listening(pid: int) -> set[str]:
    sockets = psutil.Process(pid).net_connections("inet")
    return {socket.laddr.ip for socket in sockets if socket.status == psutil.CONN_LISTEN}


def test_a_run_is_right_and_tells_its_scope(
    outside: Outside, external: Command, mine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    once = Effort(launches=1, least=1, most=1, warm=0.0, alone=0.01)
    monkeypatch.setitem(PROFILES, "look", replace(PROFILES["look"], effort=once))
    out = external.home / "run.jsonl"
    asked = ("run", "--dataset", mine, "--engines", outside.engine, "--via", "external", "--layouts", "raw,tuned")
    with _processes_seen() as lines:
        text = external.done(*asked, "--out", str(out))
    told = " ".join(text.split())
    assert SCOPES[outside.engine] in told
    assert "external servers" in told
    assert "one node" not in told
    assert Run.read(out).header.nodes == {outside.engine: NODES[outside.engine]}
    _nothing_seen(outside, "\n".join([text, *lines]))


@pytest.mark.parametrize("check", [checks.nulls, checks.clients, checks.dropped], ids=lambda check: check.__name__)
def test_what_may_differ_with_several_nodes_passes(outside: Outside, external: Command, check: checks.Check) -> None:
    if NODES[outside.engine] == 1:
        pytest.skip(f"{outside.engine} has one node here")
    with (
        opened([outside.engine], "external", external.home, lambda _: None) as (engine,),
        closing(EngineUnderTest(engine, external.home, 1)) as subject,
    ):
        check(subject)


def test_it_listens_on_loopback_only_and_so_do_we(outside: Outside) -> None:
    theirs = [_listening(pid) for pid in outside.cluster.server.pids.values()]
    assert all(theirs)
    assert set().union(*theirs, _listening(os.getpid())) <= set(clusters.NODES)


@pytest.mark.parametrize(("key", "said"), [("secret", "rejected"), ("CA", "not trusted"), ("USER", "rejected")])
def test_an_error_of_login_or_certificate_names_its_variable(
    key: str, said: str, outside: Outside, external: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    *users, secret = outside.cluster.server.recipe.login
    key = secret if key == "secret" else key
    if key not in (*users, secret, "CA"):
        pytest.skip("its login is a secret alone")
    wrong = str(clusters.certificate(tmp_path / "other").pem) if key == "CA" else "another-one"
    monkeypatch.setenv(outside.variable(key), wrong)
    line = external.refused("verify", outside.engine, "--via", "external")
    assert said in line
    assert outside.variable(key) in line
    assert wrong not in line
    _nothing_seen(outside, line)


def test_without_tls_there_is_no_answer(outside: Outside, external: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(outside.variable("CA"))
    monkeypatch.setenv(outside.address, os.environ[outside.address].replace("https", "http"))
    status, out, err = external("verify", outside.engine, "--via", "external")
    assert (status, out) == (1, "")
    assert err == f"rollup-bench: {outside.engine}: no answer where {outside.address} says\n"


def test_a_ca_that_is_none(outside: Outside, external: Command, mine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(outside.variable("CA"), mine)
    line = external.refused("verify", outside.engine, "--via", "external")
    assert line == f"rollup-bench: {outside.variable('CA')} is not a file of certificates: name a file in PEM form"


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("REPLICATION", "x", "ROLLUP_BENCH_CASSANDRA_REPLICATION: 'x' is no number of copies; give a number from 1"),
        ("REPLICATION", "4", "cassandra has 3 nodes for 4 copies: set ROLLUP_BENCH_CASSANDRA_REPLICATION"),
        ("CONSISTENCY", "SOME", "ROLLUP_BENCH_CASSANDRA_CONSISTENCY: 'SOME' is no consistency level; give one of ONE"),
    ],
)
def test_settings_that_cannot_be(
    key: str, value: str, said: str, ring: Outside, external: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ring.variable(key), value)
    assert said in external.refused("verify", "cassandra", "--via", "external")


def test_settings_are_used_and_told(
    ring: Outside, external: Command, mine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ring.variable("REPLICATION"), "2")
    monkeypatch.setenv(ring.variable("CONSISTENCY"), "ALL")
    external.done("run", "--dataset", mine, "--engines", "cassandra", "--layouts", "raw", "--via", "external")
    with clusters.entered(ring.cluster.user) as session:
        found = session.execute("SELECT keyspace_name, replication FROM system_schema.keyspaces").all()
        copies = {name: replication for name, replication in found if name.startswith("rb_")}
        assert {one["datacenter1"] for one in copies.values()} == {"2", "3"}


def test_its_user_may_do_no_more(ring: Outside) -> None:
    with clusters.entered(ring.cluster.user) as session:
        for refused in ("SELECT * FROM system_auth.roles", "CREATE ROLE other", "DROP KEYSPACE system_traces"):
            with pytest.raises(Unauthorized):
                session.execute(refused)


@pytest.fixture
def ring(outside: Outside) -> Outside:
    if outside.engine != "cassandra":
        pytest.skip("Cassandra's own")
    return outside
