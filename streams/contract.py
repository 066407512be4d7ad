"""The interface of all brokers: topics of one partition, producers that report acknowledgements, and consumers."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, Self

from rollup_bench.servers.connection import Connection
from rollup_bench.servers.watch import Watch

PATIENCE = 300.0
"""Seconds in which a broker must acknowledge a message."""
LINGER = 5
"""Milliseconds for which a producer may hold back a message to send it in a batch with later ones."""

Acknowledged = Callable[[int, float], None]
"""Takes the number of a message, 0 for the first of its producer, and the time.monotonic() of its acknowledgement.

It is called in the order of the messages, in a thread of the producer.
"""


@dataclass(frozen=True, order=True)
class Position:
    """The place of a message in its topic; later messages of the topic have greater positions.

    Only the broker's client knows what the numbers mean. `str` returns a text to store, `parse` reads it.
    """

    numbers: tuple[int, ...]

    def __str__(self) -> str:
        return ".".join(map(str, self.numbers))

    @classmethod
    def parse(cls, text: str) -> Self:
        """The position whose text this is; ValueError if it is not the text of a position."""
        return cls(tuple(map(int, text.split("."))))


class Message(NamedTuple):
    """A message as a consumer reads it; the key is empty if the message has none."""

    position: Position
    key: str
    value: bytes


class Producer(ABC):
    """Publishes messages to one topic. Methods raise FailureError if the broker did not accept an earlier message."""

    @abstractmethod
    def send(self, value: bytes, key: str = "") -> None:
        """Sends a message without waiting for its acknowledgement; waits for room if very many are not acknowledged."""

    @abstractmethod
    def flush(self, watch: Watch) -> None:
        """Waits until the broker has acknowledged all messages; FailureError at the deadline of `watch`."""


class Consumer(ABC):
    """Reads the messages of one topic in order, and stores no position at the broker.

    While the broker is down, there are no messages; reading continues when it is back. After a FailureError, call
    `seek` before reading on.
    """

    @abstractmethod
    def read(self, most: int, seconds: float) -> list[Message]:
        """The next messages, at most `most`; waits up to `seconds` for the first one, and not for further ones."""

    @abstractmethod
    def seek(self, after: Position | None) -> None:
        """Lets the next `read` begin after this position, or with the first message of the topic if it is None."""


class Broker(ABC):
    """The client of one broker.

    Methods raise RequestError if the broker rejects the login, and FailureError if it does not answer.
    """

    name: ClassVar[str]

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    @abstractmethod
    def create(self, topic: str) -> None:
        """Creates a topic, which keeps all messages until it is dropped; RequestError if it exists already."""

    @abstractmethod
    def drop(self, topic: str) -> None:
        """Drops a topic and its messages; does nothing if there is no such topic."""

    @contextmanager
    def created(self, topic: str) -> Iterator[None]:
        """A new topic, which is dropped at the end of the block; RequestError if it exists already."""
        self.create(topic)
        try:
            yield
        finally:
            self.drop(topic)

    @abstractmethod
    def producer(self, topic: str, acknowledged: Acknowledged) -> AbstractContextManager[Producer]:
        """A producer while inside the block, at whose end messages that are not acknowledged may be lost.

        Each message is stored once, also if the producer has to send it again. RequestError if there is no such topic.
        """

    @abstractmethod
    def consumer(self, topic: str, after: Position | None = None) -> AbstractContextManager[Consumer]:
        """A consumer while inside the block, which reads as after `seek(after)`; RequestError without such a topic."""
