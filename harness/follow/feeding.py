"""A thread that reads the messages of a topic and writes their events into the tables of an engine."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

import pyarrow as pa

from rollup_bench.engines.following import Following, Mark
from rollup_bench.errors import FailureError, RequestError
from rollup_bench.harness.follow.stream import decoded
from rollup_bench.streams.contract import Broker, Consumer, Position

MOST = 10_000
"""The most messages that are written at once."""
WAIT = 0.1
"""Seconds after which it is checked whether the thread should end."""


class Feeding:
    """What the thread does: `stored` is the number of the first events of the stream that are stored."""

    def __init__(self) -> None:
        self.stored = 0
        self.failure: Exception | None = None
        self.ended = Event()

    def check(self) -> None:
        """Raises the error that has ended the thread."""
        if self.failure:
            raise self.failure


@contextmanager
def feeding(broker: Broker, topic: str, tables: Following, schema: pa.Schema) -> Iterator[Feeding]:
    """Writes events while inside the block, from where the tables say that they stand."""
    state = Feeding()
    thread = Thread(target=_run, args=(state, broker, topic, tables, schema), daemon=True)
    thread.start()
    try:
        yield state
    finally:
        state.ended.set()
        thread.join()


def _run(state: Feeding, broker: Broker, topic: str, tables: Following, schema: pa.Schema) -> None:
    try:
        mark = tables.mark()
        state.stored = mark.events
        with broker.consumer(topic, Position.parse(mark.place) if mark.place else None) as consumer:
            while not state.ended.is_set():
                if found := _next(consumer, state.stored, schema):
                    tables.write(*found)
                    state.stored = found[1].events
    except (FailureError, RequestError, OverflowError) as error:
        state.failure = error


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
