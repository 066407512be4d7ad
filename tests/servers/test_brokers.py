"""Brokers that really run: order, stored positions, a SIGKILL, dropped topics, TLS and logins, and the commands."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import msgspec
import psutil
import pytest

from rollup_bench.errors import FailureError, RequestError
from rollup_bench.harness.run.home import VARIABLE
from rollup_bench.servers import Server, open_server
from rollup_bench.servers.watch import Watch
from rollup_bench.streams import registry
from rollup_bench.streams.contract import Broker, Message, Position
from rollup_bench.streams.probes import Probed, probed
from tests.conftest import BUDGET, HOME
from tests.support import clusters
from tests.support.clusters import Cluster
from tests.support.command import Command

SENT = 2000
TOPIC = "events"
EACH = pytest.mark.parametrize("name", registry.names())


@pytest.fixture(scope="module", params=registry.names())
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    found = open_server(registry.recipe(request.param), "native", HOME, BUDGET)
    with found.running(Watch(print, seconds=300)):
        yield found


@pytest.fixture
def broker(server: Server) -> Iterator[Broker]:
    """A broker with an empty topic."""
    opened = registry.broker(server.name, server.connection)
    opened.drop(TOPIC)
    opened.create(TOPIC)
    yield opened
    opened.drop(TOPIC)


def _value(number: int) -> bytes:
    return f"message {number}".encode()


def _row(table: str, name: str) -> list[str]:
    """The cells of the row that begins with this name."""
    (row,) = (cells for line in table.splitlines() if (cells := line.split()) and cells[0] == name)
    return row


def _send(broker: Broker, numbers: range) -> list[tuple[int, float]]:
    """The acknowledgements of messages that were sent and flushed."""
    acknowledged = list[tuple[int, float]]()
    with broker.producer(TOPIC, lambda number, instant: acknowledged.append((number, instant))) as producer:
        for number in numbers:
            producer.send(_value(number), f"key {number % 7}")
        producer.flush(Watch(seconds=120))
    return acknowledged


def _read(broker: Broker, count: int, after: Position | None = None) -> list[Message]:
    """This many messages, and all further ones that there are."""
    found, watch = list[Message](), Watch(seconds=120)
    with broker.consumer(TOPIC, after) as consumer:
        while len(found) < count:
            found += consumer.read(333, 1.0)
            watch.check()
        return found + consumer.read(333, 1.0)


def test_messages_are_read_in_the_order_in_which_they_were_sent(broker: Broker) -> None:
    before = time.monotonic()
    acknowledged = _send(broker, range(SENT))
    assert [number for number, _ in acknowledged] == list(range(SENT))
    instants = [before, *(instant for _, instant in acknowledged), time.monotonic()]
    assert instants == sorted(instants)
    found = _read(broker, SENT)
    assert [(one.key, one.value) for one in found] == [(f"key {n % 7}", _value(n)) for n in range(SENT)]
    positions = [one.position for one in found]
    assert positions == sorted(set(positions))


def test_a_new_consumer_resumes_after_a_stored_position(broker: Broker) -> None:
    _send(broker, range(SENT))
    with broker.consumer(TOPIC) as consumer:
        (first,) = consumer.read(1, 60.0)
        assert first.value == _value(0)
    whole = _read(broker, SENT)
    for number in (0, 777, SENT - 1):
        stored = str(whole[number].position)
        found = _read(registry.broker(broker.name, broker.connection), SENT - 1 - number, Position.parse(stored))
        assert found == whole[number + 1 :]


def test_a_consumer_seeks_back_and_forth(broker: Broker) -> None:
    _send(broker, range(100))
    whole = _read(broker, 100)
    with broker.consumer(TOPIC, whole[50].position) as consumer:
        assert consumer.read(1, 60.0) == [whole[51]]
        consumer.seek(whole[10].position)
        assert consumer.read(1, 60.0) == [whole[11]]
        consumer.seek(None)
        assert consumer.read(1, 60.0) == [whole[0]]
        consumer.seek(whole[-1].position)
        assert consumer.read(1, 0.2) == []


def test_a_sigkill_of_the_broker_loses_and_doubles_nothing(broker: Broker, server: Server) -> None:
    acknowledged = list[int]()
    with broker.producer(TOPIC, lambda number, _: acknowledged.append(number)) as producer:
        for number in range(1000):
            producer.send(_value(number))
        producer.flush(Watch(seconds=60))
        assert len(acknowledged) == 1000
        for number in range(1000, 1500):
            producer.send(_value(number))
        for pid in server.pids.values():
            os.kill(pid, signal.SIGKILL)
        for number in range(1500, SENT):
            producer.send(_value(number))
        with pytest.raises(FailureError, match=r"not done after 0\.5 s"):
            producer.flush(Watch(seconds=0.5))
        server.restart(Watch(seconds=300))
        producer.flush(Watch(seconds=120))
    assert acknowledged == list(range(SENT))
    assert [one.value for one in _read(broker, SENT)] == [_value(number) for number in range(SENT)]


def test_a_dropped_topic_is_gone_with_its_messages(broker: Broker) -> None:
    _send(broker, range(10))
    with pytest.raises(RequestError, match=f"{broker.name} has a topic {TOPIC} already: drop it"):
        broker.create(TOPIC)
    broker.drop(TOPIC)
    broker.drop(TOPIC)
    for opening in (broker.consumer(TOPIC), broker.producer(TOPIC, lambda _number, _instant: None)):
        with pytest.raises(RequestError, match=f"{broker.name} has no topic {TOPIC}: create it first"), opening:
            pass
    broker.create(TOPIC)
    assert _read(broker, 0) == []


def test_it_listens_on_loopback_only(server: Server) -> None:
    listening = [
        socket.laddr.ip.removeprefix("::ffff:")  # an address of IPv4 on a socket of IPv6
        for pid in server.pids.values()
        for socket in psutil.Process(pid).net_connections("inet")
        if socket.status == psutil.CONN_LISTEN
    ]
    assert set(listening) == {"127.0.0.1"}
    assert len(listening) >= len(server.recipe.ports)


def test_status_and_logs_name_it(server: Server, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(HOME))
    monkeypatch.setenv("COLUMNS", "200")
    row = _row(command.done("status"), server.name)
    (pid,) = server.pids.values()
    assert row[:3] == [server.name, "native", server.connection.address]
    assert row[-2:] == [server.name, str(pid)]
    assert f"{server.name}.log" in command.done("logs", server.name, "--lines", "3")
    assert f"in use by process {os.getpid()}" in command("down", server.name)[2]


def test_it_is_found_as_a_cluster_of_ones_own(server: Server, broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    variable = f"ROLLUP_BENCH_{server.name.upper()}_{server.recipe.address}"
    monkeypatch.setenv(variable, server.connection.address)
    external = open_server(server.recipe, "external", HOME, BUDGET)
    assert external.status().address == f"as {variable} says"
    _send(broker, range(3))
    assert len(_read(registry.broker(server.name, external.connection), 3)) == 3


@pytest.fixture(scope="module", params=registry.names())
def secured(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A broker behind TLS and a password."""
    home = tmp_path_factory.mktemp("secured")
    (HOME / "jars").mkdir(parents=True, exist_ok=True)
    (home / "jars").symlink_to(HOME / "jars")
    with clusters.broker(request.param, home, Watch(print, seconds=300)) as cluster:
        yield cluster


@pytest.fixture
def external(secured: Cluster, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Server]:
    """The server as its user names it in the environment; other values can be given for some variables."""

    def opened(**values: str) -> Server:
        recipe = secured.server.recipe
        for name, value in secured.environment.items():
            monkeypatch.setenv(name, values.get(name.rpartition("_")[2], value))
        return open_server(recipe, "external", secured.server.home, BUDGET)

    return opened


def test_messages_travel_by_tls_with_a_login(external: Callable[..., Server]) -> None:
    server = external()
    assert server.status().address
    broker = registry.broker(server.name, server.connection)
    broker.create(TOPIC)
    _send(broker, range(10))
    assert len(_read(broker, 10)) == 10


@pytest.mark.parametrize("key", ["USER", "PASSWORD"])
def test_a_rejected_login_names_its_variables(external: Callable[..., Server], key: str) -> None:
    server = external(**{key: "another-one"})
    with pytest.raises(RequestError, match=f"ROLLUP_BENCH_{server.name.upper()}_USER and ") as refusal:
        registry.broker(server.name, server.connection).create(TOPIC)
    assert str(refusal.value).startswith(f"{server.name} rejected the login: check")


def test_a_certificate_that_is_not_trusted_names_its_variable(external: Callable[..., Server], tmp_path: Path) -> None:
    server = external(CA=str(clusters.certificate(tmp_path / "other").pem))
    with pytest.raises(RequestError, match=f"not trusted: .* ROLLUP_BENCH_{server.name.upper()}_CA"):
        server.start(Watch())


@pytest.mark.parametrize("name", ["kafka"])
def test_up_and_down(name: str, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    (HOME / "jars").mkdir(parents=True, exist_ok=True)
    (command.home / "jars").symlink_to(HOME / "jars")
    monkeypatch.setenv("COLUMNS", "200")
    assert name not in command.done("status")
    with ExitStack() as ending:
        ending.callback(command, "down", name)
        assert f"{name}: up at 127.0.0.1:" in command("up", name)[2]
        assert f"{name}: already runs at 127.0.0.1:" in command("up", name)[2]
        command.done("down")
        assert _row(command.done("status"), name) == [name, "native", "down"]


@EACH
def test_without_an_answer_the_line_says_where(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = registry.recipe(name)
    variable = f"ROLLUP_BENCH_{name.upper()}_{recipe.address}"
    monkeypatch.setenv(variable, "127.0.0.1:1")
    if name == "kafka":  # its client tries again until the time is over
        monkeypatch.setattr("rollup_bench.streams.kafka.broker.SECONDS", 0.5)
    connection = open_server(recipe, "external", HOME, BUDGET).connection
    with pytest.raises(FailureError, match=f"{name}: no answer where {variable} says"):
        registry.broker(name, connection).create(TOPIC)


@EACH
def test_a_missing_client_library_is_named_with_the_remedy(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "find_spec", lambda _: None)
    connection = open_server(registry.recipe(name), "external", HOME, BUDGET)
    monkeypatch.setenv(f"ROLLUP_BENCH_{name.upper()}_{registry.recipe(name).address}", "127.0.0.1")
    remedy = rf"make all, or pip install 'rollup-bench\[{name}\]'"
    with pytest.raises(RequestError, match=f"{name} needs the Python package .*: {remedy}"):
        registry.broker(name, connection.connection)


def test_an_unknown_broker_is_refused() -> None:
    with pytest.raises(RequestError, match="`x` is not a broker; the brokers are kafka, pulsar"):
        registry.recipe("x")


@pytest.mark.parametrize("text", ["", "1.x", "a", "1..2"])
def test_a_text_that_is_no_position_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        Position.parse(text)


def test_probes_see_what_is_stored_and_shown(server: Server) -> None:
    stored = msgspec.json.decode((registry.HERE / server.name / "probed.json").read_bytes(), type=list[Probed])
    seen = list(probed(registry.probes(registry.broker(server.name, server.connection))))
    assert [(one.capability, one.holds) for one in seen] == [(one.capability, one.holds) for one in stored], seen
