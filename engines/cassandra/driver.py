"""Opens sessions of the Cassandra driver, reads results as columns, and turns the driver's errors into one line."""

import os
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, TypeAlias

import cassandra
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from cassandra import (
    AuthenticationFailed,
    ConsistencyLevel,
    OperationTimedOut,
    ProtocolVersion,
    Unauthorized,
    numpy_parser,
)
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, NoHostAvailable, ResponseFuture, Session
from cassandra.connection import ConnectionException
from cassandra.io.libevreactor import LibevConnection
from cassandra.policies import DCAwareRoundRobinPolicy, TokenAwarePolicy
from cassandra.protocol import ErrorMessage, NumpyProtocolHandler
from cassandra.query import PreparedStatement

from rollup_bench.errors import FailureError, RequestError
from rollup_bench.servers import Connection

USER = "ROLLUP_BENCH_CASSANDRA_USER"
PASSWORD = "ROLLUP_BENCH_CASSANDRA_PASSWORD"  # noqa: S105 (the name of a variable)
REPLICATION = "ROLLUP_BENCH_CASSANDRA_REPLICATION"
CONSISTENCY = "ROLLUP_BENCH_CASSANDRA_CONSISTENCY"
LEVELS = ("ONE", "TWO", "THREE", "QUORUM", "ALL", "LOCAL_ONE", "LOCAL_QUORUM", "EACH_QUORUM")
TIMEOUT = 60.0
"""Seconds to wait for a page of a result."""
CONCURRENT_READS = 8
ERRORS = (cassandra.DriverException, ErrorMessage, NoHostAvailable, ConnectionException)
COLUMNS = "columns"
"""The execution profile whose results are pages of columns; those of the default profile are tuples."""
PAGE_BYTES = 2 << 20
"""The estimated size of a page. The protocol counts rows, so each statement gets a number of rows."""
CELL_BYTES = {"bigint": 12, "int": 8, "double": 12, "timestamp": 12, "varint": 16, "varchar": 20, "text": 20}
"""The estimated size of a value in a page, with its length of four bytes."""
Row = tuple[Any, ...]
Column: TypeAlias = "pa.Array | npt.NDArray[Any]"
"""Numbers as an Arrow array, values of other types as Python objects."""
Page = dict[str, Column]
"""The rows of a page by column, in the order of the statement; the names of its columns must differ."""


@dataclass(frozen=True)
class Settings:
    """The number of copies of each row in each data centre, and the consistency level of reads and writes."""

    replication: int = 1
    consistency: str = "LOCAL_QUORUM"

    def __str__(self) -> str:
        return f"replication {self.replication}, consistency {self.consistency}"


def environment_settings() -> Settings:
    """The settings of an external cluster from environment variables; by default, 3 copies and LOCAL_QUORUM.

    RequestError if the number of copies is not from 1 to 99, or if the consistency level does not exist.
    """
    copies = os.environ.get(REPLICATION) or "3"
    level = os.environ.get(CONSISTENCY) or Settings.consistency
    if not copies.isdecimal() or not 1 <= int(copies) <= 99:
        raise RequestError(f"{REPLICATION}: {copies!r} is no number of copies; give a number from 1 to 99")
    if level not in LEVELS:
        raise RequestError(f"{CONSISTENCY}: {level!r} is no consistency level; give one of {', '.join(LEVELS)}")
    return Settings(int(copies), level)


@contextmanager
def failures() -> Iterator[None]:
    """Turns an error of the Cassandra driver that the block raises into a FailureError."""
    try:
        yield
    except ERRORS as error:
        raise FailureError(f"cassandra: {summary(error)}") from None


def summary(error: BaseException) -> str:
    """One line for a driver's error; for timeouts, dead nodes and missing permissions, without addresses and user."""
    first_line = next(iter(str(error).splitlines()), type(error).__name__)
    match error:
        case NoHostAvailable():
            causes = sorted({type(cause).__name__ for cause in error.errors.values()})
            return f"no node answers: {', '.join(causes)}"
        case OperationTimedOut():
            return "no answer in time"
        case Unauthorized():
            return re.sub("User .* has no", f"{USER} has no", first_line)
        case _:
            return first_line


def _arrow(column: npt.NDArray[Any]) -> Column:
    """A column's numbers as an Arrow array, in the byte order of this machine; Python objects stay as they are."""
    if column.dtype == object:
        return column
    values, mask = np.ma.getdata(column), np.ma.getmask(column)
    return pa.array(values.astype(values.dtype.newbyteorder("=")), mask=mask if mask.any() else None)


numpy_parser.make_native_byteorder = _arrow  # the driver's function calls a method that NumPy 2 lacks


def _tuples(_names: list[str], page: Page | None) -> list[Row]:
    return list(zip(*(column.tolist() for column in page.values()), strict=True)) if page else []


def _columns(_names: list[str], page: Page) -> Page:
    return page


def connect(connection: Connection, consistency: str = Settings.consistency) -> Session:
    """Opens a session, closed by `cluster.shutdown()`. RequestError: login rejected; FailureError: any other error."""
    profile = partial(
        ExecutionProfile,
        load_balancing_policy=TokenAwarePolicy(DCAwareRoundRobinPolicy()),
        consistency_level=ConsistencyLevel.name_to_value[consistency],
        request_timeout=TIMEOUT,
    )
    cluster = Cluster(
        connection.hosts,
        connection.port,
        auth_provider=PlainTextAuthProvider(connection.user, connection.password) if connection.user else None,
        ssl_context=connection.ssl_context(),
        connection_class=LibevConnection,
        protocol_version=ProtocolVersion.V5,
        execution_profiles={EXEC_PROFILE_DEFAULT: profile(row_factory=_tuples), COLUMNS: profile(row_factory=_columns)},
        connect_timeout=TIMEOUT,
    )
    with failures():
        session = _logged_in(cluster)
    session.client_protocol_handler = NumpyProtocolHandler
    return session


def _logged_in(cluster: Cluster) -> Session:
    try:
        return cluster.connect()
    except NoHostAvailable as error:
        if not any(isinstance(cause, AuthenticationFailed) for cause in error.errors.values()):
            raise
        raise RequestError(f"cassandra rejected the login: check {USER} and {PASSWORD}") from None


def rows_of_all_nodes(session: Session, text: str) -> Iterator[Row]:
    """The rows of a query sent to every node that is up, for system tables that describe only the node that answers."""
    for host in session.cluster.metadata.all_hosts():
        if host.is_up:
            yield from session.execute(text, host=host)


def is_cut_off(session: Session) -> bool:
    """Whether no connection of a session is open; a new session then connects sooner than the driver tries again."""
    return not any(state["open_count"] for state in session.get_pool_state().values())


class Reader:
    """Executes statements, up to eight at once; each CQL text is prepared once."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.prepare: Callable[[str], PreparedStatement] = cache(self._prepared)

    def results(self, requests: Iterable[tuple[str, Row]]) -> Iterator[list[Page]]:
        """The pages of each request (a CQL text and its values), in the given order; FailureError if any fails."""
        waiting = deque[ResponseFuture]()
        with failures():
            for text, values in requests:
                waiting.append(self._session.execute_async(self.prepare(text), values, execution_profile=COLUMNS))
                if len(waiting) == CONCURRENT_READS:
                    yield _pages(waiting.popleft())
            while waiting:
                yield _pages(waiting.popleft())

    def _prepared(self, text: str) -> PreparedStatement:
        statement = self._session.prepare(text)
        statement.fetch_size = page_rows(column_type.typename for *_, column_type in statement.result_metadata)
        return statement


def page_rows(types: Iterable[str]) -> int:
    """The number of rows to fetch in a page, which is about 2 MiB, for columns of these CQL types."""
    return max(1, PAGE_BYTES // sum(CELL_BYTES.get(name, 20) for name in types))


def _pages(future: ResponseFuture) -> list[Page]:
    """Waits for a request and returns all pages of its result; DriverException if a page cannot be decoded."""
    pages: list[Page] = []
    while True:
        page = future.result().current_rows
        if len(page) != 1:
            raise cassandra.DriverException("the driver cannot decode a page of the result")
        pages += page
        if not future.has_more_pages:
            break
        future.start_fetching_next_page()
    future._timer = None  # breaks a reference cycle that would keep the rows until garbage collection
    return pages
