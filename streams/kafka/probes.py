"""Probes of Kafka, with the client confluent-kafka."""

import uuid
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from typing import Any

import confluent_kafka as kafka
from confluent_kafka.admin import NewTopic

from rollup_bench.errors import FailureError
from rollup_bench.servers.watch import Watch
from rollup_bench.streams import probes
from rollup_bench.streams.kafka.broker import Kafka, failing, finish, line
from rollup_bench.streams.probes import (
    AGAIN,
    MESSAGES,
    PATIENCE,
    TOPICS,
    Seen,
    gathered,
    in_order,
    new_names,
    ordered,
    shares,
)


class KafkaProbes(probes.Probes[Kafka]):
    """See the base class."""

    def failing(self) -> AbstractContextManager[None]:
        return failing()

    def since(self, topic: str, instant: int, count: int) -> list[bytes]:
        with self._consumer() as consumer:
            consumer.assign(consumer.offsets_for_times([kafka.TopicPartition(topic, 0, instant)], PATIENCE))
            return gathered([partial(_read, consumer)], count)[0]

    def retention(self) -> Seen:
        with self.topic() as topic:
            self.send(topic, MESSAGES)
            with self._consumer() as consumer:
                consumer.subscribe([topic])
                gathered([partial(_read, consumer)], len(MESSAGES))
                consumer.commit(asynchronous=False)
            found = self._stored(topic, len(MESSAGES))
        seen = f"a later consumer read {len(found)} of {len(MESSAGES)} messages"
        return Seen(found == MESSAGES, f"{seen}; Kafka deletes messages by age or size, whether or not they were read")

    def deduplication(self) -> Seen:
        with self.topic() as topic:
            self.send(topic, MESSAGES[:-AGAIN])
            self.send(topic, MESSAGES[-2 * AGAIN :])
            found = self._stored(topic, len(MESSAGES) + AGAIN)
        seen = f"{len(MESSAGES)} messages, of which {AGAIN} were sent again, were stored as {len(found)}; a producer"
        return Seen(len(found) == len(MESSAGES), f"{seen} drops only what it sends again before it ends")

    def transactions(self) -> Seen:
        with self.topic() as one, self.topic() as two:
            producer = kafka.Producer(self.broker.settings | {"transactional.id": f"{one}-{two}"})
            producer.init_transactions(PATIENCE)
            for value, end in ((b"aborted", producer.abort_transaction), (b"committed", producer.commit_transaction)):
                producer.begin_transaction()
                for topic in (one, two):
                    producer.produce(topic, value)
                producer.flush(PATIENCE)
                end(PATIENCE)
            found = [self._stored(topic, 2) for topic in (one, two)]
        shown = " and ".join(", ".join(value.decode() for value in values) or "nothing" for values in found)
        seen = f"after an aborted and a committed transaction over two topics, these show {shown}"
        return Seen(found == [[b"committed"]] * 2, seen)

    def sharing(self) -> Seen:
        with self.topic() as topic:
            each = self._in_a_group(topic)
        seen = f"two consumers of a group read {shares(each)} messages: a partition has one reader in a group"
        return Seen(all(each), f"{seen}; share groups, which lift this, are a preview, and off by default")

    def order(self) -> Seen:
        (topic,) = self._created(1, partitions=4)
        try:
            each = self._in_a_group(topic)
        finally:
            self.broker.drop(topic)
        seen = f"two consumers of a group read {shares(each)} messages of four partitions, {ordered(each)}"
        return Seen(all(each) and all(map(in_order, each)), seen)

    def many_topics(self) -> Seen:
        names, errors = self._created(TOPICS), list[Any]()
        try:
            producer = kafka.Producer(self.broker.settings)
            for name in names:
                producer.produce(name, b"value", on_delivery=lambda error, _: errors.append(error))
            producer.flush(PATIENCE)
        finally:
            for dropped in self.broker.admin.delete_topics(names).values():
                finish(dropped)
        sent = errors.count(None)
        return Seen(sent == TOPICS, f"of {TOPICS} topics, {sent} took a message")

    def _created(self, number: int, partitions: int = 1) -> list[str]:
        """The names of new topics."""
        names = new_names(number)
        for made in self.broker.admin.create_topics([NewTopic(name, partitions, -1) for name in names]).values():
            finish(made)
        return names

    def _stored(self, topic: str, most: int) -> list[bytes]:
        """The messages of a topic, or the first `most` of them."""
        with self._consumer() as consumer:
            consumer.assign([kafka.TopicPartition(topic, 0, kafka.OFFSET_BEGINNING)])
            return gathered([partial(_read, consumer)], most)[0]

    def _in_a_group(self, topic: str) -> Sequence[Sequence[bytes]]:
        """What each of two consumers of one group reads of the messages that are sent after both have joined."""
        joined, group, watch = set[int](), uuid.uuid4().hex, Watch(seconds=PATIENCE)
        with ExitStack() as stack:
            consumers = [stack.enter_context(self._consumer(group)) for _ in range(2)]
            for number, consumer in enumerate(consumers):
                consumer.subscribe([topic], on_assign=lambda *_, number=number: joined.add(number))
            while len(joined) < len(consumers):
                for consumer in consumers:
                    _read(consumer)
                watch.check()
            self.send(topic, MESSAGES)
            return gathered([partial(_read, consumer) for consumer in consumers], len(MESSAGES))

    @contextmanager
    def _consumer(self, group: str = "") -> Iterator[Any]:
        settings = {
            "group.id": group or uuid.uuid4().hex,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed",
        }
        consumer = kafka.Consumer(self.broker.settings | settings)
        try:
            yield consumer
        finally:
            consumer.close()


def _read(consumer: Any) -> list[bytes]:
    messages = consumer.consume(100, 0.1)
    for error in filter(None, (message.error() for message in messages)):
        raise FailureError(line(error))
    return [message.value() for message in messages]


PROBES = KafkaProbes
