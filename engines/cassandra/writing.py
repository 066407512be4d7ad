"""Writing rows in batches of one partition, as many at once as the server keeps up with."""

import threading
from collections import deque
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from cassandra import OperationTimedOut, Unavailable, WriteTimeout
from cassandra.cluster import Session
from cassandra.connection import ConnectionException
from cassandra.protocol import OverloadedErrorMessage
from cassandra.query import BatchStatement, BatchType, BoundStatement, PreparedStatement

from rollup_bench.engines.cassandra import wire
from rollup_bench.engines.cassandra.cluster import told
from rollup_bench.engines.cassandra.tables import BUCKET, Table
from rollup_bench.errors import FailureError
from rollup_bench.servers.watch import Watch

BATCH = 32 << 10
"""Bytes of a batch, to the best of what is known: below the 50 KiB at which Cassandra refuses unless told otherwise."""
AHEAD = 32
"""Batches under way at once."""
ATTEMPTS = 5
PASSING = (OperationTimedOut, WriteTimeout, Unavailable, OverloadedErrorMessage, ConnectionException)
"""What may succeed when tried again; a write that did arrive is merely repeated, onto itself."""
Longs = npt.NDArray[np.int64]


class Writer:
    """Sends batches; `send` waits while too many are under way, `finish` until all have arrived."""

    def __init__(self, session: Session, watch: Watch) -> None:
        self._session, self._watch = session, watch
        self._free = threading.Semaphore(AHEAD)
        self._failed: deque[tuple[BatchStatement, int, BaseException]] = deque()

    def send(self, batch: BatchStatement) -> None:
        """FailureError once a batch has failed for good."""
        self._again()
        self._start(batch, 1)

    def finish(self) -> None:
        """FailureError where a batch has failed for good."""
        while True:
            for _ in range(AHEAD):
                self._acquire()
            self._free.release(AHEAD)
            if not self._failed:
                return
            self._again()

    def _again(self) -> None:
        while self._failed:
            batch, attempt, error = self._failed.popleft()
            if attempt == ATTEMPTS or not isinstance(error, PASSING):
                raise FailureError(f"cassandra did not take a batch: {told(error)}") from None
            self._watch.pause(0.1 * 2**attempt)
            self._start(batch, attempt + 1)

    def _start(self, batch: BatchStatement, attempt: int) -> None:
        self._acquire()
        future = self._session.execute_async(batch)
        future.add_callbacks(lambda _rows: self._free.release(), lambda e: self._fail(batch, attempt, e))

    def _fail(self, batch: BatchStatement, attempt: int, error: BaseException) -> None:
        self._failed.append((batch, attempt, error))
        self._free.release()

    def _acquire(self) -> None:
        while not self._free.acquire(timeout=1):
            self._watch.check()
        self._watch.check()


def partitions(table: Table, times: Longs, before: dict[int, int]) -> tuple[Longs, Longs]:
    """The bucket and the shard of each row; `before` holds the rows that each bucket has already, and is brought up."""
    buckets = times // table.width
    order = np.argsort(buckets, kind="stable")
    known, begins, counts = np.unique(buckets[order], return_index=True, return_counts=True)
    places = np.empty(len(times), np.int64)
    earlier = np.array([before.get(b, 0) for b in known.tolist()], np.int64)
    places[order] = np.arange(len(times)) - np.repeat(begins - earlier, counts)
    before.update(zip(known.tolist(), (earlier + counts).tolist(), strict=True))
    return buckets, places // table.most


def batches(table: Table, prepared: PreparedStatement, rows: pa.Table) -> Iterator[BatchStatement]:
    """The rows, which have their bucket and shard too, in batches of one partition each."""
    ordered = rows.sort_by([(BUCKET, "ascending"), (table.shard, "ascending")]).combine_chunks()
    kinds = {BUCKET: "bigint", table.shard: "int"} | table.columns
    columns = [wire.cells(_array(ordered[name]), kind) for name, kind in kinds.items()]
    values = list(zip(*columns, strict=True))
    size = max(1, BATCH * len(values) // max(1, ordered.nbytes))
    for begin, end in _runs(np.asarray(ordered[BUCKET]), np.asarray(ordered[table.shard])):
        for first in range(begin, end, size):
            yield _batch(prepared, values[first : min(first + size, end)])


def _batch(prepared: PreparedStatement, rows: list[tuple[Any, ...]]) -> BatchStatement:
    batch = BatchStatement(BatchType.UNLOGGED)
    batch.is_idempotent = True
    for row in rows:
        bound = BoundStatement(prepared)
        bound.values = row
        batch.add(bound)
    return batch


def _runs(buckets: Longs, shards: Longs) -> Iterator[tuple[int, int]]:
    """Where each partition's rows begin and end."""
    changes = np.flatnonzero(np.diff(buckets) | np.diff(shards)) + 1
    edges = [0, *changes.tolist(), len(buckets)]
    return pairwise(edges)


def _array(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
