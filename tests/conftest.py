"""What tests share: servers, started once and always stopped; engines over them; how many random examples there are."""

import atexit
import gc
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from rollup_bench.engines.contract import Engine
from rollup_bench.engines.registry import engine_type, recipe
from rollup_bench.harness.records.kinds import RIGHT
from rollup_bench.harness.run import costs, loading, verdicts
from rollup_bench.servers import Server, open_server
from rollup_bench.servers.budget import Budget
from rollup_bench.servers.recipe import Recipe
from rollup_bench.servers.watch import Watch
from rollup_bench.streams import registry as brokers
from rollup_bench.workloads import dataset as datasets
from rollup_bench.workloads import events
from tests.support import ROOT, leftovers
from tests.support.command import Command
from tests.support.workers import ALONE, GROUPS, Workers

HOME = ROOT / ".rollup-bench" / "tests"
BUDGET = Budget(cores=2, memory=3 << 30)
SERVERS = {
    "clickhouse": None,
    "duckdb": None,
    "duckdb-served": "duckdb_served_server",
    "cassandra": "cassandra_server",
    "druid": "druid_server",
    "spark": "spark_server",
}
"""Each engine with the fixture of its server."""


@pytest.fixture(autouse=True, scope="session")
def no_other_programs() -> Iterator[None]:
    """What other programs use is left out of runs, since tests run beside each other."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(costs, "busy_seconds", lambda: 0.0)
        yield


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--examples", type=int, default=300, help="random examples of each property")
    parser.addoption("--whole", action="store_true", help="all built-in questions, not a sample, in the kit's checks")


def pytest_configure(config: pytest.Config) -> None:
    # Hypothesis adds a callback that keeps modules alive at exit; DuckDB then prints a hundred lines about leaks.
    atexit.register(gc.callbacks.clear)
    for size in ("COLUMNS", "LINES"):  # readline sets them in the environment of workers, and tables would be cut
        os.environ.pop(size, None)
    os.environ[leftovers.MARK] = leftovers.RUN
    # Servers of tests run for minutes only. The JVM's second compiler would take more time than its code saves, so only
    # the first one compiles: a method after a quarter of the usual calls, with room for the code of all methods.
    # Classes are not verified, because the checksums of their jars are pinned.
    os.environ.setdefault(
        "JDK_JAVA_OPTIONS",
        "-XX:TieredStopAtLevel=1 -XX:CompileThresholdScaling=0.25 -XX:ReservedCodeCacheSize=240m"
        " -XX:+UnlockDiagnosticVMOptions -XX:-BytecodeVerificationRemote",
    )
    config.addinivalue_line("markers", f"{ALONE}: measures real time; runs last, while no other test does")
    for name in GROUPS:
        config.addinivalue_line("markers", f"{name}: needs the server of {name}")
    config.pluginmanager.register(Workers(HOME))
    suppressed = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
    examples = config.getoption("--examples")
    same = config.getoption("--hypothesis-seed") is None
    settings.register_profile(
        "suite", max_examples=examples, deadline=None, derandomize=same, suppress_health_check=suppressed
    )
    settings.load_profile("suite")


@pytest.fixture(scope="session", autouse=True)
def nothing_left() -> Iterator[None]:
    """Set up before all servers, so that it looks when this worker has stopped its own."""
    yield
    assert (leftovers.processes(), leftovers.sockets()) == ([], [])


def _serve(engine: str) -> Iterator[Server]:
    found = recipe(engine)
    assert found is not None
    server = open_server(found, "native", HOME, BUDGET)
    with server.running(Watch(print, seconds=600)):
        yield server


@pytest.fixture(params=["cassandra", "druid", "spark", *brokers.names()])
def declared(request: pytest.FixtureRequest) -> Recipe:
    """How each Java server is started."""
    found = brokers.recipe(request.param) if request.param in brokers.names() else recipe(request.param)
    assert found is not None
    return found


@pytest.fixture(scope="session")
def cassandra_server() -> Iterator[Server]:
    yield from _serve("cassandra")


@pytest.fixture(scope="session")
def druid_server() -> Iterator[Server]:
    yield from _serve("druid")


@pytest.fixture(scope="session")
def spark_server() -> Iterator[Server]:
    yield from _serve("spark")


@pytest.fixture(scope="session")
def spark_cassandra_server() -> Iterator[Server]:
    """Its tables and statements are those of Cassandra and Spark, which pass the kit; `verify` asks it as much."""
    yield from _serve("spark-cassandra")


@pytest.fixture(scope="session")
def duckdb_served_server() -> Iterator[Server]:
    yield from _serve("duckdb-served")


@pytest.fixture(scope="session", params=list(SERVERS))
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """Each engine, over its real server where it has one."""
    fixture = SERVERS[request.param]
    server = request.getfixturevalue(fixture) if fixture else None
    opened = engine_type(request.param)(server, tmp_path_factory.mktemp("home"), BUDGET)
    yield opened
    opened.close()


@pytest.fixture
def command(
    tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Command:
    """The command line, under a home of its own."""
    return Command(tmp_path_factory.mktemp("home"), capsys, monkeypatch)


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where prepared events and the records of loads are kept."""
    return tmp_path_factory.mktemp("events")


@pytest.fixture
def ask(engine: Engine, home: Path) -> Callable[..., list[dict[str, Any]]]:
    """Asks a question of a dataset file, as a run would; the answer is right, or within its bound."""
    loads = set[str]()

    def asked(file: Path | str, name: str, layout: str = "raw", **set_to: object) -> list[dict[str, Any]]:
        dataset = datasets.read(str(file))
        question = dataset.question(name).fill(dict(set_to))
        found = events.prepare(dataset, home)
        plan = engine.plan(dataset, dataset.layout(layout), found.statistics)
        support = engine.support(question, plan)
        if support.where is None:
            pytest.skip(f"{engine.name}: {support.reason}")
        if plan.key not in loads:
            loading.ensure(engine, plan, found, home, Watch())
            loads.add(plan.key)
        with engine.session(plan) as session:
            answer = session.ask(question)
        verdict = verdicts.check(question, answer, found)
        assert verdict.kind in RIGHT, verdict.reason
        return list(answer.to_pylist())

    return asked
