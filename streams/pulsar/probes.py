"""Probes of Pulsar, with the client pulsar-client."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from http import HTTPStatus
from typing import Any

import pulsar

from rollup_bench.errors import FailureError
from rollup_bench.streams import probes
from rollup_bench.streams.probes import AGAIN, MESSAGES, TOPICS, Seen, gathered, in_order, new_names, ordered, shares
from rollup_bench.streams.pulsar import admin
from rollup_bench.streams.pulsar.broker import NAMESPACE, Pulsar, path

WAIT = 100  # milliseconds


class PulsarProbes(probes.Probes[Pulsar]):
    """See the base class."""

    def failing(self) -> AbstractContextManager[None]:
        return self.broker.failing()

    def since(self, topic: str, instant: int, count: int) -> list[bytes]:
        with self.broker.client(topic) as client:
            reader = client.create_reader(path(topic), pulsar.MessageId.earliest)
            reader.seek(instant)
            return gathered([partial(_next, reader.read_next)], count)[0]

    def retention(self) -> Seen:
        with self.topic() as topic:
            self.send(topic, MESSAGES)
            with self.broker.client(topic) as client:
                consumer = _subscribed(client, topic, pulsar.ConsumerType.Exclusive)
                gathered([partial(_acknowledged, consumer)], len(MESSAGES))
                consumer.unsubscribe()
            self._end_ledger(topic)
            found = self._stored(topic, len(MESSAGES))
        seen = f"a later consumer read {len(found)} of {len(MESSAGES)} messages; the namespace has a retention policy"
        return Seen(found == MESSAGES, f"{seen}, without which messages are deleted that all subscriptions have read")

    def deduplication(self) -> Seen:
        single, batched = (self._sent_again(batched) for batched in (False, True))
        expected = len(MESSAGES)
        seen = f"{expected} messages, of which {AGAIN} were sent again with their numbers, were stored as {single}"
        return Seen(single == expected, f"{seen}; in batches, as {batched}, since a batch has one number")

    def transactions(self) -> Seen:
        has = "has" if hasattr(pulsar.Client, "new_transaction") else "has no"
        return Seen(False, f"not tried: the client for Python {has} transactions, that for Java has them")

    def sharing(self) -> Seen:
        each = self._together(pulsar.ConsumerType.Shared)
        exactly = sorted(value for one in each for value in one) == MESSAGES
        return Seen(all(each) and exactly, f"two consumers of a shared subscription read {shares(each)} messages")

    def order(self) -> Seen:
        each = self._together(pulsar.ConsumerType.KeyShared)
        seen = f"two consumers of a key-shared subscription read {shares(each)} messages, {ordered(each)}"
        return Seen(all(each) and all(map(in_order, each)), seen)

    def many_topics(self) -> Seen:
        names, sent = new_names(TOPICS), 0
        try:
            for name in names:
                self.broker.create(name)
            with self.broker.client(names[0]) as client:
                for name in names:
                    client.create_producer(path(name)).send(b"value")
                    sent += 1
        finally:
            for name in names:
                self.broker.drop(name)
        return Seen(sent == TOPICS, f"of {TOPICS} topics, {sent} took a message")

    def _end_ledger(self, topic: str) -> None:
        """Ends the ledger of a topic: only then would Pulsar delete messages that all subscriptions have read."""
        where = f"/admin/v2/persistent/{NAMESPACE}/{topic}"
        for method, action in (("PUT", "unload"), ("POST", "trim")):
            status, _ = admin.exchange(self.broker.connection, method, f"{where}/{action}")
            if status >= HTTPStatus.BAD_REQUEST:
                raise FailureError(f"pulsar answers {status} to {action}")

    def _sent_again(self, batched: bool) -> int:
        """How many messages are stored after a restarted producer has sent some again."""
        numbers = range(len(MESSAGES))
        with self.topic() as topic:
            for part in (numbers[:-AGAIN], numbers[-2 * AGAIN :]):
                self._send_numbered(topic, part, batched)
            return len(self._stored(topic, len(MESSAGES) + AGAIN))

    def _send_numbered(self, topic: str, numbers: Sequence[int], batched: bool) -> None:
        """Sends these of the messages with their numbers, by a producer that always has the same name."""
        options = {"batching_enabled": batched, "batching_max_publish_delay_ms": WAIT}
        with self.broker.client(topic) as client:
            producer = client.create_producer(path(topic), "again", **options)
            for number in numbers:
                producer.send_async(MESSAGES[number], lambda *_: None, sequence_id=number)
            producer.flush()

    def _stored(self, topic: str, most: int) -> list[bytes]:
        """The messages of a topic, or the first `most` of them."""
        with self.broker.client(topic) as client:
            reader = client.create_reader(path(topic), pulsar.MessageId.earliest)
            return gathered([partial(_next, reader.read_next)], most)[0]

    def _together(self, kind: Any) -> Sequence[Sequence[bytes]]:
        """What each of two consumers of one subscription reads of the messages that are sent then."""
        with self.topic() as topic, ExitStack() as stack:
            clients = [stack.enter_context(self.broker.client(topic)) for _ in range(2)]
            consumers = [_subscribed(client, topic, kind) for client in clients]
            self._send_keyed(clients[0], topic)
            return gathered([partial(_acknowledged, consumer) for consumer in consumers], len(MESSAGES))

    def _send_keyed(self, client: Any, topic: str) -> None:
        """Sends the messages with keys, each by itself, since one consumer gets a whole batch."""
        producer = client.create_producer(path(topic))
        for number, value in enumerate(MESSAGES):
            producer.send_async(value, lambda *_: None, partition_key=f"{number % probes.KEYS}")
        producer.flush()


def _subscribed(client: Any, topic: str, kind: Any) -> Any:
    earliest = pulsar.InitialPosition.Earliest
    return client.subscribe(path(topic), "probe", kind, initial_position=earliest, receiver_queue_size=10)


def _next(receive: Any) -> list[bytes]:
    try:
        return [receive(WAIT).data()]
    except pulsar.Timeout:
        return []


def _acknowledged(consumer: Any) -> list[bytes]:
    try:
        message = consumer.receive(WAIT)
    except pulsar.Timeout:
        return []
    consumer.acknowledge(message)
    return [message.data()]


PROBES = PulsarProbes
