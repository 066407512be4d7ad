"""Writes rows in batches: each batch holds rows of one partition, and many batches are sent at once."""

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

from rollup_bench.engines.cassandra import codec
from rollup_bench.engines.cassandra.driver import summary
from rollup_bench.engines.cassandra.tables import BUCKET, Table
from rollup_bench.errors import FailureError
from rollup_bench.servers.watch import Watch

BATCH_BYTES = 32 << 10
"""Estimated bytes of a batch; by default Cassandra refuses batches of more than 50 KiB."""
CONCURRENT_BATCHES = 32
ATTEMPTS = 5
TRANSIENT = (OperationTimedOut, WriteTimeout, Unavailable, OverloadedErrorMessage, ConnectionException)
"""Errors after which a batch is sent again; if the batch had arrived, the same rows overwrite themselves."""
Longs = npt.NDArray[np.int64]


class BatchWriter:
    """Sends batches of rows without waiting for each answer; at most 32 batches are unanswered at a time."""

    def __init__(self, session: Session, watch: Watch) -> None:
        self._session, self._watch = session, watch
        self._free = threading.Semaphore(CONCURRENT_BATCHES)
        self._failed: deque[tuple[BatchStatement, int, BaseException]] = deque()

    def send(self, batch: BatchStatement) -> None:
        """Starts sending a batch; FailureError if an earlier batch failed five times, or with a lasting error."""
        self._retry_failed()
        self._start(batch, 1)

    def finish(self) -> None:
        """Waits for all batches; FailureError if a batch failed five times, or with a lasting error."""
        while True:
            for _ in range(CONCURRENT_BATCHES):
                self._acquire()
            self._free.release(CONCURRENT_BATCHES)
            if not self._failed:
                return
            self._retry_failed()

    def _retry_failed(self) -> None:
        while self._failed:
            batch, attempt, error = self._failed.popleft()
            if attempt == ATTEMPTS or not isinstance(error, TRANSIENT):
                raise FailureError(f"cassandra did not store a batch of rows: {summary(error)}") from None
            self._watch.pause(0.1 * 2**attempt)
            self._start(batch, attempt + 1)

    def _start(self, batch: BatchStatement, attempt: int) -> None:
        self._acquire()
        future = self._session.execute_async(batch)
        future.add_callbacks(lambda _rows: self._free.release(), lambda error: self._fail(batch, attempt, error))

    def _fail(self, batch: BatchStatement, attempt: int, error: BaseException) -> None:
        self._failed.append((batch, attempt, error))
        self._free.release()

    def _acquire(self) -> None:
        while not self._free.acquire(timeout=1):
            self._watch.check()
        self._watch.check()


def batches(table: Table, prepared: PreparedStatement, rows: pa.Table) -> Iterator[BatchStatement]:
    """Splits `rows`, at least one, into batches of one partition each; `rows` has columns for bucket and shard."""
    (ordered,) = rows.sort_by([(BUCKET, "ascending"), (table.shard, "ascending")]).combine_chunks().to_batches()
    types = {BUCKET: "bigint", table.shard: "int"} | table.columns
    columns = [codec.encoded(ordered[name], cql_type) for name, cql_type in types.items()]
    values = list(zip(*columns, strict=True))
    size = max(1, BATCH_BYTES * len(values) // max(1, ordered.nbytes))
    for begin, end in _partition_ranges(np.asarray(ordered[BUCKET]), np.asarray(ordered[table.shard])):
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


def _partition_ranges(buckets: Longs, shards: Longs) -> Iterator[tuple[int, int]]:
    """The positions at which the rows of each partition begin and end, among rows sorted by bucket and shard."""
    changes = np.flatnonzero(np.diff(buckets) | np.diff(shards)) + 1
    return pairwise([0, *changes.tolist(), len(buckets)])
