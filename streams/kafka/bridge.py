"""Copies a topic of another broker into Kafka, for engines that read only Kafka."""

from collections.abc import Callable, Sequence
from contextlib import closing
from threading import Event
from typing import Any

import confluent_kafka as kafka

from rollup_bench.errors import FailureError
from rollup_bench.servers.connection import Connection
from rollup_bench.streams.contract import Broker, Message, Position
from rollup_bench.streams.kafka.broker import SECONDS, Kafka, line

MOST = 10_000
"""The most messages of one transaction."""
WAIT = 0.1
"""Seconds after which a bridge without messages looks whether to end."""


def copy(source: Broker, connection: Connection, topic: str, ended: Event) -> None:
    """Copies messages until `ended` into the topic of the same name of a Kafka; it exists in both brokers.

    A transaction stores messages together with their place in the source, where the next call continues: also after a
    kill, each message is copied once, in order. FailureError if a broker fails.
    """
    settings = Kafka(connection).settings
    group = kafka.Consumer(settings | {"group.id": f"bridge {topic}"})
    producer = kafka.Producer(settings | {"transactional.id": f"bridge {topic}"})
    with closing(group):
        _done(producer.init_transactions, SECONDS)
        with source.consumer(topic, _place(group, topic)) as consumer:
            while not ended.is_set():
                if messages := consumer.read(MOST, WAIT):
                    _copied(producer, group, topic, messages)


def _place(group: Any, topic: str) -> Position | None:
    """The place in the source of the last message that was copied."""
    (stored,) = _done(group.committed, [kafka.TopicPartition(topic, 0)], SECONDS)
    if stored.error:
        raise FailureError(f"the bridge to {line(stored.error)}")
    return Position.parse(stored.metadata) if stored.metadata else None


def _copied(producer: Any, group: Any, topic: str, messages: Sequence[Message]) -> None:
    place = kafka.TopicPartition(topic, 0, 0, metadata=str(messages[-1].position))
    _done(producer.begin_transaction)
    for message in messages:
        while True:
            try:
                _done(producer.produce, topic, message.value, message.key or None)
                break
            except BufferError:
                producer.poll(WAIT)
    _done(producer.send_offsets_to_transaction, [place], group.consumer_group_metadata(), SECONDS)
    _done(producer.commit_transaction, SECONDS)


def _done(request: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return request(*arguments)
    except kafka.KafkaException as error:
        raise FailureError(f"the bridge to {line(error.args[0])}") from None
