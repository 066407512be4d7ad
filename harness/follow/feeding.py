"""Fills the tables of an engine with the events of a topic, in a thread."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from threading import Event, Thread
from typing import Any

import pyarrow as pa

from rollup_bench.engines.following import Following, Mark, Subscribed, Written
from rollup_bench.errors import FailureError
from rollup_bench.harness.follow.stream import POSITION, decoded
from rollup_bench.servers.connection import Connection
from rollup_bench.streams.contract import Broker, Consumer, Position

MOST = 10_000
"""The most messages that are written at once."""
WAIT, POLL = 0.1, 1.0
"""Seconds after which a reader without messages looks whether to end, and after which a subscribed engine is asked."""


class Feeding:
    """What the thread does; the shared number `counter` is how many of the first events of the stream are stored."""

    def __init__(self, counter: Any) -> None:
        self._counter = counter
        self.ended = Event()
        self._failure: Exception | None = None

    @property
    def stored(self) -> int:
        """How many of the first events of the stream are stored."""
        return int(self._counter.value)

    @stored.setter
    def stored(self, events: int) -> None:
        self._counter.value = events

    def check(self) -> None:
        """Raises the error that has ended the thread."""
        if self._failure:
            raise self._failure

    def run(self, work: Callable[["Feeding"], None]) -> None:
        """Does the work, and keeps its error."""
        try:
            work(self)
        except Exception as error:  # the other thread reports it
            self._failure = error


@contextmanager
def feeding(
    broker: Broker, bridge: Connection | None, topic: str, tables: Following, schema: pa.Schema, counter: Any
) -> Iterator[Feeding]:
    """Fills tables while inside the block, from where they say that they stand; `counter` is that of `Feeding`.

    If the engine reads topics by itself and there is a `bridge`, the address of a Kafka, the topic is copied there.
    """
    state = Feeding(counter)
    with ExitStack() as stack:
        if isinstance(tables, Subscribed):
            if bridge:
                stack.enter_context(_running(state, _copying(broker, bridge, topic)))
            stack.enter_context(tables.subscribed(bridge or broker.connection, topic, POSITION))
        with _running(state, _work(broker, topic, tables, schema)):
            yield state


def _copying(broker: Broker, bridge: Connection, topic: str) -> Callable[[Feeding], None]:
    from rollup_bench.streams.kafka.bridge import copy  # needs the client library of Kafka

    return lambda state: copy(broker, bridge, topic, state.ended)


@contextmanager
def _running(state: Feeding, work: Callable[[Feeding], None]) -> Iterator[None]:
    """Does the work in a thread, which ends with the block."""
    thread = Thread(target=state.run, args=(work,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        state.ended.set()
        thread.join()


def _work(broker: Broker, topic: str, tables: Following, schema: pa.Schema) -> Callable[[Feeding], None]:
    def write(state: Feeding) -> None:
        assert isinstance(tables, Written)
        mark = tables.mark()
        state.stored = mark.events
        with broker.consumer(topic, Position.parse(mark.place) if mark.place else None) as consumer:
            while not state.ended.is_set():
                if found := _next(consumer, state.stored, schema):
                    tables.write(*found)
                    state.stored = found[1].events

    def watch(state: Feeding) -> None:
        while not state.ended.wait(POLL):
            state.stored = tables.mark().events

    return write if isinstance(tables, Written) else watch


def _next(consumer: Consumer, stored: int, schema: pa.Schema) -> tuple[pa.Table, Mark] | None:
    """The next events that are not `stored`, and how far the stream is stored with them; None if there are none.

    FailureError if events are missing before them.
    """
    messages = consumer.read(MOST, WAIT)
    if not messages:
        return None
    first, events = decoded([message.value for message in messages], schema)
    if first > stored:
        raise FailureError(f"the topic lacks the events {stored} to {first - 1} of the stream")
    events = events.slice(stored - first)
    return (events, Mark(stored + events.num_rows, str(messages[-1].position))) if events.num_rows else None
