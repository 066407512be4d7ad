"""Kafka behind the contract, by confluent-kafka: a position is an offset."""

import logging
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from functools import cached_property, partial
from threading import Event, Thread
from typing import Any

import confluent_kafka as kafka
from confluent_kafka.admin import AdminClient, NewTopic

from rollup_bench.errors import FailureError, RequestError
from rollup_bench.servers.connection import Connection
from rollup_bench.servers.watch import Watch
from rollup_bench.streams import contract
from rollup_bench.streams.acknowledgements import Acknowledgements
from rollup_bench.streams.contract import Acknowledged, Message, Position
from rollup_bench.streams.kafka.wire import mechanism

SECONDS = 30.0
"""Seconds in which a broker must answer a request about topics."""
ATTEMPT = 1.0
"""Seconds after which it is checked whether the broker has rejected the login."""
FULL = 0.01
"""Seconds between attempts to send while the queue of the client is full."""
UNREACHABLE = (kafka.KafkaError._TRANSPORT, kafka.KafkaError._TIMED_OUT, kafka.KafkaError._ALL_BROKERS_DOWN)
SILENT = logging.getLogger(f"{__name__}.client")
SILENT.addHandler(logging.NullHandler())
SILENT.propagate = False


class Kafka(contract.Broker):
    """Topics of one partition, with as many replicas as the broker's default says."""

    name = "kafka"

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._rejected = False

    def create(self, topic: str) -> None:
        if topic in self._topics():
            raise RequestError(f"kafka has a topic {topic} already: drop it, or choose another name")
        new = NewTopic(topic, num_partitions=1, replication_factor=-1, config={"retention.ms": "-1"})
        finish(self.admin.create_topics([new], request_timeout=SECONDS)[topic])
        self._await(topic, present=True)

    def drop(self, topic: str) -> None:
        if topic in self._topics():
            finish(self.admin.delete_topics([topic], request_timeout=SECONDS)[topic])
            self._await(topic, present=False)

    @contextmanager
    def producer(self, topic: str, acknowledged: Acknowledged) -> Iterator[contract.Producer]:
        self._demand(topic)
        settings = {
            "enable.idempotence": True,
            "acks": "all",
            "linger.ms": contract.LINGER,
            "message.timeout.ms": int(contract.PATIENCE * 1000),
        }
        client, ended = kafka.Producer(self.settings | settings), Event()
        poller = Thread(target=_poll, args=(client, ended), daemon=True)
        poller.start()
        try:
            yield _Producer(client, topic, Acknowledgements(acknowledged))
        finally:
            ended.set()
            poller.join()
            client.purge()

    @contextmanager
    def consumer(self, topic: str, after: Position | None = None) -> Iterator[contract.Consumer]:
        self._demand(topic)
        settings = {
            "group.id": "rollup-bench",  # the client demands one, and the broker never sees it
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "auto.offset.reset": "error",
        }
        client = kafka.Consumer(self.settings | settings)
        try:
            opened = _Consumer(client, topic)
            opened.seek(after)
            yield opened
        finally:
            client.close()

    @cached_property
    def settings(self) -> dict[str, Any]:
        """The settings of every client."""
        known, security = self.connection, "SSL" if self.connection.tls else "PLAINTEXT"
        settings: dict[str, Any] = {
            "bootstrap.servers": known.address,
            "reconnect.backoff.max.ms": 1000,
            "logger": SILENT,
        }
        if known.ca:
            settings["ssl.ca.location"] = str(known.ca)
        if known.user is not None:
            login = {"sasl.username": known.user, "sasl.password": known.password or ""}
            settings |= login | {"sasl.mechanism": mechanism(known)}
            security = f"SASL_{security}"
        return settings | {"security.protocol": security}

    @cached_property
    def admin(self) -> Any:
        """The client that creates and deletes topics."""
        return AdminClient(self.settings | {"error_cb": self._note})

    def _note(self, error: Any) -> None:
        """Remembers that the broker has rejected the login; the client would try again until the request times out."""
        self._rejected = self._rejected or error.code() == kafka.KafkaError._AUTHENTICATION

    def _topics(self) -> set[str]:
        until = time.monotonic() + SECONDS
        while True:
            try:
                return set(self.admin.list_topics(timeout=ATTEMPT).topics)
            except kafka.KafkaException as error:
                self.admin.poll(0)
                if self._rejected:
                    remedy = "check ROLLUP_BENCH_KAFKA_USER and ROLLUP_BENCH_KAFKA_PASSWORD"
                    raise RequestError(f"kafka rejected the login: {remedy}") from None
                if error.args[0].code() not in UNREACHABLE:
                    raise FailureError(line(error.args[0])) from None
                if time.monotonic() > until:
                    where = self.connection.alias or f"at {self.connection.address}"
                    raise FailureError(f"kafka: no answer {where}") from None

    def _await(self, topic: str, present: bool) -> None:
        """Waits until the broker lists the topic, or lists it no longer."""
        watch = Watch(seconds=SECONDS)
        while (topic in self._topics()) != present:
            watch.pause(0.05)

    def _demand(self, topic: str) -> None:
        if topic not in self._topics():
            raise RequestError(f"kafka has no topic {topic}: create it first")


BROKER = Kafka


class _Producer(contract.Producer):
    def __init__(self, client: Any, topic: str, pending: Acknowledgements) -> None:
        self._client, self._topic, self._pending = client, topic, pending

    def send(self, value: bytes, key: str = "") -> None:
        number = self._pending.next()
        ended = partial(self._end, number)
        while True:
            try:
                self._client.produce(self._topic, value, key or None, on_delivery=ended)
                return
            except BufferError:
                time.sleep(FULL)
            except kafka.KafkaException as error:
                self._pending.end(number, line(error.args[0]))
                raise FailureError(line(error.args[0])) from None

    def flush(self, watch: Watch) -> None:
        self._pending.wait(watch)

    def _end(self, number: int, error: Any, _message: Any) -> None:
        self._pending.end(number, line(error) if error else None)


class _Consumer(contract.Consumer):
    def __init__(self, client: Any, topic: str) -> None:
        self._client, self._topic = client, topic

    def read(self, most: int, seconds: float) -> list[Message]:
        first = self._client.poll(seconds)
        if first is None:
            return []
        return [_message(one) for one in (first, *self._client.consume(most - 1, 0))]

    def seek(self, after: Position | None) -> None:
        offset = after.numbers[0] + 1 if after else kafka.OFFSET_BEGINNING
        self._client.assign([kafka.TopicPartition(self._topic, 0, offset)])


def _message(found: Any) -> Message:
    if error := found.error():
        raise FailureError(line(error))
    return Message(Position((found.offset(),)), (found.key() or b"").decode(), found.value())


@contextmanager
def failing() -> Iterator[None]:
    """Raises FailureError in place of the client's error."""
    try:
        yield
    except kafka.KafkaException as error:
        raise FailureError(line(error.args[0])) from None


def finish(request: Future[None]) -> None:
    """Waits for a request about topics; FailureError if it fails."""
    with failing():
        request.result()


def _poll(client: Any, ended: Event) -> None:
    while not ended.is_set():
        client.poll(0.1)


def line(error: Any) -> str:
    """Returns an error of the client in one line that names no address."""
    return f"kafka: {kafka.KafkaError(error.code()).str()}"
