"""Probes: what a broker can do, tried on a broker that runs."""

import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Generic, NamedTuple, TypeVar

import msgspec

from rollup_bench.servers.watch import Watch
from rollup_bench.streams.contract import Broker, Consumer

B = TypeVar("B", bound=Broker)
M = TypeVar("M")
PATIENCE = 60.0
"""Seconds in which messages must arrive."""
QUIET = 1.0
"""Seconds without a message after which no further one is expected."""
MESSAGES = [f"{number:03}".encode() for number in range(200)]
AGAIN = 50
"""How many messages a restarted producer sends again."""
KEYS = 7
TOPICS = 200


class Seen(NamedTuple):
    """Whether a broker has a capability, and what was seen, as a sentence without a full stop."""

    holds: bool
    seen: str


class Probed(msgspec.Struct, frozen=True):
    """The outcome of a probe."""

    capability: str
    question: str
    holds: bool
    seen: str


class Probes(ABC, Generic[B]):
    """The probes of a broker. Each has topics of its own, and raises FailureError if the broker does not answer."""

    def __init__(self, broker: B) -> None:
        self.broker = broker

    @abstractmethod
    def failing(self) -> AbstractContextManager[None]:
        """Raises errors of this program in place of those of the client."""

    @abstractmethod
    def since(self, topic: str, instant: int, count: int) -> list[bytes]:
        """The first `count` messages of a topic from an instant on, in milliseconds since 1970."""

    @abstractmethod
    def retention(self) -> Seen:
        """Lets all consumers read and acknowledge all messages, and then reads the topic from its beginning."""

    @abstractmethod
    def deduplication(self) -> Seen:
        """Restarts a producer that sends its last messages again."""

    @abstractmethod
    def transactions(self) -> Seen:
        """Sends messages to two topics in a transaction that is committed, and in one that is aborted."""

    @abstractmethod
    def sharing(self) -> Seen:
        """Lets two consumers of one subscription read a topic of one partition."""

    @abstractmethod
    def order(self) -> Seen:
        """Lets two consumers of one subscription read messages with keys."""

    @abstractmethod
    def many_topics(self) -> Seen:
        """Creates `TOPICS` topics, and sends a message to each."""

    def replay(self) -> Seen:
        """Reads a topic from an instant between two halves of its messages."""
        half = len(MESSAGES) // 2
        with self.topic() as topic:
            self.send(topic, MESSAGES[:half])
            time.sleep(0.1)
            instant = round(time.time() * 1000)
            self.send(topic, MESSAGES[half:])
            found = self.since(topic, instant, half)
        first = int(found[0]) if found else "none"
        seen = f"the instant lay before message {half}, and the first message that was read is {first}"
        return Seen(found == MESSAGES[half:], seen)

    def slow_beside_fast(self) -> Seen:
        """Lets one consumer read all messages while another one has read a single message, which then reads on."""
        with self.topic() as topic, self.broker.consumer(topic) as slow, self.broker.consumer(topic) as fast:
            self.send(topic, MESSAGES)
            first = read(slow, 1)
            whole = read(fast, len(MESSAGES))
            rest = read(slow, len(MESSAGES) - 1)
        seen = f"while the slow consumer stood at the first message, the fast one read {len(whole)} of {len(MESSAGES)}"
        return Seen(
            whole == MESSAGES and first + rest == MESSAGES, f"{seen}; the slow one then read {len(rest)} others"
        )

    @contextmanager
    def topic(self) -> Iterator[str]:
        """A new topic, which is dropped at the end of the block."""
        (name,) = new_names(1)
        with self.broker.created(name):
            yield name

    def send(self, topic: str, values: list[bytes]) -> None:
        """Sends messages with `KEYS` keys in turn, and waits until they are acknowledged."""
        with self.broker.producer(topic, lambda _number, _instant: None) as producer:
            for number, value in enumerate(values):
                producer.send(value, f"{number % KEYS}")
            producer.flush(Watch(seconds=PATIENCE))


def new_names(number: int) -> list[str]:
    """Names that no topic has."""
    return [f"probe-{uuid.uuid4().hex[:12]}" for _ in range(number)]


def read(consumer: Consumer, count: int) -> list[bytes]:
    """The values of the next `count` messages; FailureError if they do not arrive."""
    found, watch = list[bytes](), Watch(seconds=PATIENCE)
    while len(found) < count:
        found += [message.value for message in consumer.read(count - len(found), QUIET)]
        watch.check()
    return found


def gathered(reads: Sequence[Callable[[], list[M]]], count: int) -> list[list[M]]:
    """The messages that each of several consumers reads, until there are `count`, or none came for `QUIET` seconds.

    `reads` has a function for each consumer, which returns its next messages, and waits for them only for a moment.
    The first message may take `PATIENCE` seconds.
    """
    found: list[list[M]] = [[] for _ in reads]
    until = time.monotonic() + PATIENCE
    while sum(map(len, found)) < count and time.monotonic() < until:
        for messages, more in zip(found, reads, strict=True):
            new = more()
            messages += new
            until = time.monotonic() + QUIET if new else until
    return found


def ordered(each: Sequence[Sequence[bytes]]) -> str:
    """Whether each consumer read the messages of each key in order, in words."""
    return "each key in order" if all(map(in_order, each)) else "not each key in order"


def shares(each: Sequence[Sequence[object]]) -> str:
    """How many messages each consumer read, in words."""
    return " and ".join(str(len(one)) for one in sorted(each, key=len))


def in_order(values: Sequence[bytes]) -> bool:
    """Whether these values of `MESSAGES` are in the order of sending for each key."""
    numbers = [int(value) for value in values]
    return all((own := [n for n in numbers if n % KEYS == key]) == sorted(own) for key in range(KEYS))


CAPABILITIES: Mapping[str, str] = {
    "replay": "Can a topic be read again from an instant?",
    "retention": "Does a topic keep messages that all consumers have read?",
    "deduplication": "If a restarted producer sends a message again, is it stored only once?",
    "transactions": "Do messages of several topics become readable together, or not at all?",
    "sharing": "Can several consumers share a topic of one partition?",
    "order": "Do messages of a key stay in order while consumers share a topic?",
    "slow beside fast": "Can a fast consumer read on while a slow one stands still?",
    "many topics": "Can one broker have 200 topics?",
}
"""What is probed, as a question; the names are those of the methods of `Probes`, with spaces."""


def probed(probes: Probes[B]) -> Iterator[Probed]:
    """Tries one capability after the other."""
    for capability, question in CAPABILITIES.items():
        with probes.failing():
            outcome: Seen = getattr(probes, capability.replace(" ", "_"))()
        yield Probed(capability, question, *outcome)
