"""Pulsar behind the contract, by pulsar-client: a position is ledger, entry, and place in the batch of the entry."""

import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from http.client import HTTPException
from typing import Any

import msgspec
import pulsar

from rollup_bench.errors import FailureError, RequestError
from rollup_bench.servers.watch import Watch
from rollup_bench.streams import contract
from rollup_bench.streams.acknowledgements import Acknowledgements
from rollup_bench.streams.contract import Acknowledged, Message, Position
from rollup_bench.streams.pulsar import admin

NAMESPACE = f"{admin.TENANT}/rollup-bench"
POLICIES = {
    "deduplicationEnabled": True,
    "retention_policies": {"retentionTimeInMinutes": -1, "retentionSizeInMB": -1},
    "autoTopicCreationOverride": {"allowAutoTopicCreation": False},
}
"""Of the namespace: a message that is sent again is stored once, and messages are kept although nobody subscribes."""


class Pulsar(contract.Broker):
    """Topics without partitions, in a namespace of their own."""

    name = "pulsar"

    def create(self, topic: str) -> None:
        self._administer("PUT", f"/admin/v2/namespaces/{NAMESPACE}", POLICIES, 409)
        if self._administer("PUT", f"/admin/v2/persistent/{NAMESPACE}/{topic}", None, 409)[0] == 409:
            raise RequestError(f"pulsar has a topic {topic} already: drop it, or choose another name")

    def drop(self, topic: str) -> None:
        self._administer("DELETE", f"/admin/v2/persistent/{NAMESPACE}/{topic}?force=true", None, 404)

    @contextmanager
    def producer(self, topic: str, acknowledged: Acknowledged) -> Iterator[contract.Producer]:
        self._demand(topic)
        with self.client(topic) as client:
            with self.failing():
                opened = client.create_producer(
                    path(topic),
                    batching_enabled=True,
                    batching_max_publish_delay_ms=contract.LINGER,
                    block_if_queue_full=True,
                    send_timeout_millis=int(contract.PATIENCE * 1000),
                )
            yield _Producer(opened, Acknowledgements(acknowledged))

    @contextmanager
    def consumer(self, topic: str, after: Position | None = None) -> Iterator[contract.Consumer]:
        self._demand(topic)
        with self.client(topic) as client:
            opened = _Consumer(self, client, topic)
            opened.seek(after)
            yield opened

    @contextmanager
    def client(self, topic: str) -> Iterator[Any]:
        """A client of the broker that serves the topic, until the end of the block."""
        known, options = self.connection, dict[str, Any]()
        if known.tls:
            trusted = known.ca or ssl.get_default_verify_paths().cafile
            options |= {"tls_trust_certs_file_path": str(trusted), "tls_validate_hostname": True}
        if known.user is not None:
            options["authentication"] = pulsar.AuthenticationBasic(known.user, known.password or "")
        silent = pulsar.FileLogger(pulsar.LoggerLevel.Error, os.devnull)
        client = pulsar.Client(self._address(topic), logger=silent, **options)
        try:
            yield client
        finally:
            with suppress(pulsar.PulsarException):
                client.close()

    @contextmanager
    def failing(self) -> Iterator[None]:
        """Raises the errors of the contract in place of the client's."""
        try:
            yield
        except (pulsar.AuthenticationError, pulsar.AuthorizationError):
            raise RequestError(REJECTED) from None
        except pulsar.PulsarException as error:
            raise FailureError(f"pulsar {self.connection.location}: {type(error).__name__}") from None

    def _address(self, topic: str) -> str:
        """The address of the broker that serves the topic, by HTTP; the client's own lookup by HTTPS crashes."""
        _, reply = self._administer("GET", f"/lookup/v2/topic/persistent/{NAMESPACE}/{topic}", None, 200)
        key = "brokerUrlTls" if self.connection.tls else "brokerUrl"
        found: str | None = msgspec.json.decode(reply).get(key)
        if not found:
            raise FailureError(f"pulsar {self.connection.location} announces no {key} for its topics")
        return found

    def _demand(self, topic: str) -> None:
        status, reply = self._administer("GET", f"/admin/v2/persistent/{NAMESPACE}", None, 404)
        if status == 404 or path(topic) not in msgspec.json.decode(reply):
            raise RequestError(f"pulsar has no topic {topic}: create it first")

    def _administer(self, method: str, path: str, body: object, accepted: int) -> tuple[int, bytes]:
        """The status and the body of a response; FailureError for a status from 300 other than `accepted`."""
        try:
            status, reply = admin.exchange(self.connection, method, path, body)
        except PermissionError:
            raise RequestError(REJECTED) from None
        except (OSError, HTTPException):
            raise FailureError(f"pulsar: no answer {self.connection.location}") from None
        if status >= 300 and status != accepted:
            raise FailureError(f"pulsar answers {status} to {method} {path}")
        return status, reply


REJECTED = "pulsar rejected the login: check ROLLUP_BENCH_PULSAR_USER and ROLLUP_BENCH_PULSAR_PASSWORD"
BROKER = Pulsar


class _Producer(contract.Producer):
    def __init__(self, client: Any, pending: Acknowledgements) -> None:
        self._client, self._pending = client, pending

    def send(self, value: bytes, key: str = "") -> None:
        ended = partial(self._end, self._pending.next())
        self._client.send_async(value, ended, partition_key=key or None)  # reports all errors to `ended`

    def flush(self, watch: Watch) -> None:
        self._pending.wait(watch)

    def _end(self, number: int, result: Any, _position: Any) -> None:
        self._pending.end(number, None if result == pulsar.Result.Ok else f"pulsar: {result.name}")


class _Consumer(contract.Consumer):
    def __init__(self, broker: Pulsar, client: Any, topic: str) -> None:
        self._broker, self._client, self._topic = broker, client, topic
        self._reader: Any = None

    def read(self, most: int, seconds: float) -> list[Message]:
        found, wait = list[Message](), int(seconds * 1000)
        with self._broker.failing():
            try:
                while len(found) < most:
                    found.append(_message(self._reader.read_next(wait)))
                    wait = 0
            except pulsar.Timeout:
                pass
        return found

    def seek(self, after: Position | None) -> None:
        start = pulsar.MessageId.earliest
        if after:
            ledger, entry, place = after.numbers
            start = pulsar.MessageId(-1, ledger, entry, place)._msg_id
        if self._reader:
            self._reader.close()
        with self._broker.failing():
            self._reader = self._client.create_reader(path(self._topic), start)


def path(topic: str) -> str:
    """The whole name of a topic."""
    return f"persistent://{NAMESPACE}/{topic}"


def _message(found: Any) -> Message:
    at = found.message_id()
    position = Position((at.ledger_id(), at.entry_id(), at.batch_index()))
    return Message(position, found.partition_key(), found.data())
