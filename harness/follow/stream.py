"""The events of a stream, in the order in which they are sent, and their messages."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import count

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.json

from rollup_bench.errors import FailureError, RequestError
from rollup_bench.harness.stats.freshness import Seconds
from rollup_bench.workloads import events as event_store
from rollup_bench.workloads.columns import INSTANT
from rollup_bench.workloads.dataset import Dataset
from rollup_bench.workloads.events import Events
from rollup_bench.workloads.questions import EPOCH, Span

DAY = 86_400_000
LATE = 2 * DAY
"""The milliseconds by which the time of a late event lies before its sending."""
POSITION = "position"
"""The field of a message with the number of its event in the stream, 0 for the first."""


@dataclass(frozen=True)
class Stream:
    """Events in the order in which they are sent; event number n is due n / `rate` seconds after the start."""

    dataset: Dataset
    events: Events
    rate: float

    @property
    def due(self) -> Seconds:
        """When each event is due, in seconds after the start."""
        return np.arange(self.events.statistics.rows) / self.rate

    @property
    def seconds(self) -> float:
        """How long the stream lasts."""
        return self.events.statistics.rows / self.rate

    @property
    def days(self) -> Span:
        """The days, UTC, in which the times of all events lie."""
        first, last = (known // DAY for known in (self.events.statistics.first, self.events.statistics.last))
        return Span(EPOCH + timedelta(days=first), EPOCH + timedelta(days=last + 1))


def by_time(events: Events, number: int) -> pa.Table:
    """The first `number` events by time; RequestError if there are fewer."""
    if events.statistics.rows < number:
        fewer = f"the stream has {number:,} events, and the dataset only {events.statistics.rows:,}"
        raise RequestError(f"--rate, --seconds: {fewer}; give smaller ones")
    order = [(name, "ascending") for name in events.columns.ordering]
    return pa.Table.from_batches(events.batches()).sort_by(order).slice(0, number)


def live(dataset: Dataset, table: pa.Table, rate: float, start: int, late: float, rng: np.random.Generator) -> Stream:
    """Events that happen when they are sent, from `start`, in milliseconds since 1970.

    A share `late` of them, drawn at random, happened two days before.
    """
    sent = start + (np.arange(table.num_rows) * 1000 / rate).astype(np.int64)
    times = np.where(rng.random(table.num_rows) < late, sent - LATE, sent)
    columns = {dataset.columns.time.name: times}
    if dataset.columns.received:
        columns[dataset.columns.received.name] = sent
    for name, instants in columns.items():
        place = table.schema.get_field_index(name)
        table = table.set_column(place, name, pa.array(instants, pa.int64()).cast(INSTANT))
    return Stream(dataset, event_store.of(table, dataset.columns), rate)


def replayed(dataset: Dataset, table: pa.Table, rate: float, late: float, rng: np.random.Generator) -> Stream:
    """Events with times of their own, in this order; a share `late` is drawn at random, and sent at later places."""
    places = np.arange(table.num_rows, dtype=np.float64)
    chosen = rng.random(table.num_rows) < late
    places[chosen] += rng.random(int(chosen.sum())) * (table.num_rows - places[chosen])
    ordered = table.take(pa.array(np.argsort(places, kind="stable")))
    return Stream(dataset, event_store.of(ordered, dataset.columns), rate)


def encoded(events: Events) -> Iterator[bytes]:
    """Yields the messages of the events: JSON objects with their columns and positions.

    Times are milliseconds since 1970.
    """
    encoder, position = msgspec.json.Encoder(), count()
    for batch in events.batches():
        plain = pa.Table.from_batches([batch]).cast(_plain(batch.schema))
        for row in plain.to_pylist():
            yield encoder.encode({POSITION: next(position), **row})


def decoded(messages: Sequence[bytes], schema: pa.Schema) -> tuple[int, pa.Table]:
    """The position of the first of these messages, and their events in the `schema`.

    FailureError if their positions are not consecutive.
    """
    fields = pa.schema([(POSITION, pa.int64()), *_plain(schema)])
    options = pyarrow.json.ParseOptions(explicit_schema=fields, unexpected_field_behavior="error")
    block = pyarrow.json.ReadOptions(use_threads=False, block_size=sum(map(len, messages)) + len(messages) + 1)
    table = pyarrow.json.read_json(io.BytesIO(b"\n".join(messages)), block, options)
    positions = table[POSITION].to_numpy()
    first, last = int(positions[0]), int(positions[-1])
    if not np.array_equal(positions, np.arange(first, first + len(positions))):
        raise FailureError(f"the topic repeats or lacks events from {first} to {last} of the stream")
    return first, table.drop_columns(POSITION).cast(schema)


def _plain(schema: pa.Schema) -> pa.Schema:
    """The schema with times as integers."""
    kinds = ((f.name, pa.int64() if pa.types.is_timestamp(f.type) else f.type) for f in schema)
    return pa.schema(list(kinds))
