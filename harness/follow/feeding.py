"""Fills the tables of an engine with the events of a topic, in a thread."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from threading import Event, Thread

import pyarrow as pa

from rollup_bench.engines.contract import UNANSWERED
from rollup_bench.engines.following import Following, Mark, Subscribed, Written
from rollup_bench.errors import FailureError, RequestError
from rollup_bench.harness.follow.stream import POSITION, decoded
from rollup_bench.streams.contract import Broker, Consumer, Position

MOST = 10_000
"""The most messages that are written at once."""
WAIT, POLL = 0.1, 1.0
"""Seconds after which a reader without messages looks whether to end, and after which a subscribed engine is asked."""


class Feeding:
    """What the thread does: `stored` is how many of the first events of the stream are stored."""

    def __init__(self) -> None:
        self.stored = 0
        self.ended = Event()
        self._failure: Exception | None = None

    def check(self) -> None:
        """Raises the error that has ended the thread."""
        if self._failure:
            raise self._failure

    def run(self, work: Callable[["Feeding"], None]) -> None:
        """Does the work, and keeps its error."""
        try:
            work(self)
        except UNANSWERED as error:
            self._failure = error


@contextmanager
def feeding(broker: Broker, topic: str, tables: Following, schema: pa.Schema) -> Iterator[Feeding]:
    """Fills tables while inside the block, from where they say that they stand.

    RequestError if the engine reads topics by itself, and not those of this broker.
    """
    state = Feeding()
    with ExitStack() as stack:
        if isinstance(tables, Subscribed):
            if broker.name != "kafka":
                raise RequestError(f"--broker: the engine reads topics of kafka by itself, and none of {broker.name}")
            stack.enter_context(tables.subscribed(broker.connection, topic, POSITION))
        thread = Thread(target=state.run, args=(_work(broker, topic, tables, schema),), daemon=True)
        thread.start()
        try:
            yield state
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
