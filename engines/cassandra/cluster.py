"""The driver as this project uses it: plain tuples, a deadline for every wait, errors of one line."""

import re
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from cassandra import (
    AuthenticationFailed,
    ConsistencyLevel,
    DriverException,
    OperationTimedOut,
    ProtocolVersion,
    Unauthorized,
)
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, NoHostAvailable, ResponseFuture, Session
from cassandra.connection import ConnectionException
from cassandra.io.libevreactor import LibevConnection
from cassandra.policies import DCAwareRoundRobinPolicy, TokenAwarePolicy
from cassandra.protocol import ErrorMessage
from cassandra.query import PreparedStatement, tuple_factory

from rollup_bench.engines.cassandra.settings import Settings
from rollup_bench.engines.cassandra.tables import ROWS
from rollup_bench.errors import FailureError, RequestError
from rollup_bench.servers import Connection

USER = "ROLLUP_BENCH_CASSANDRA_USER"
PASSWORD = "ROLLUP_BENCH_CASSANDRA_PASSWORD"  # noqa: S105 (the name of a variable)
SECONDS = 60.0
"""How long a page of an answer may take."""
AHEAD = 8
"""Partitions read at once."""
ERRORS = (DriverException, ErrorMessage, NoHostAvailable, ConnectionException)
Row = tuple[Any, ...]


@contextmanager
def one_line() -> Iterator[None]:
    """The driver's errors as FailureError."""
    try:
        yield
    except ERRORS as error:
        raise FailureError(f"cassandra: {told(error)}") from None


def told(error: BaseException) -> str:
    """What went wrong, in one line; the driver's own words would name addresses and the user."""
    match error:
        case NoHostAvailable():
            return f"no node answers: {', '.join(sorted({type(e).__name__ for e in error.errors.values()}))}"
        case OperationTimedOut():
            return "no answer in time"
        case Unauthorized():
            return re.sub("User .* has no", f"{USER} has no", _first_line(error))
        case _:
            return _first_line(error)


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)


def connect(connection: Connection, consistency: str = Settings.consistency) -> Session:
    """A session of the driver; shutting its `cluster` down ends it. RequestError where the login is wrong."""
    profile = ExecutionProfile(
        load_balancing_policy=TokenAwarePolicy(DCAwareRoundRobinPolicy()),
        consistency_level=ConsistencyLevel.name_to_value[consistency],
        request_timeout=SECONDS,
        row_factory=tuple_factory,
    )
    cluster = Cluster(
        connection.hosts,
        connection.port,
        auth_provider=PlainTextAuthProvider(connection.user, connection.password) if connection.user else None,
        ssl_context=connection.ssl_context(),
        connection_class=LibevConnection,
        protocol_version=ProtocolVersion.V5,
        execution_profiles={EXEC_PROFILE_DEFAULT: profile},
        connect_timeout=SECONDS,
    )
    with one_line():
        session = _entered(cluster)
    session.default_fetch_size = ROWS
    return session


def _entered(cluster: Cluster) -> Session:
    try:
        return cluster.connect()
    except NoHostAvailable as error:
        if not any(isinstance(each, AuthenticationFailed) for each in error.errors.values()):
            raise
        raise RequestError(f"cassandra rejected the login: check {USER} and {PASSWORD}") from None


def everywhere(session: Session, text: str) -> Iterator[Row]:
    """The rows of every node that is up, for what each knows of itself alone."""
    for host in session.cluster.metadata.all_hosts():
        if host.is_up:
            yield from session.execute(text, host=host)


def lost(session: Session) -> bool:
    """Whether every node was last seen down; the driver looks again ever more rarely, a new session at once."""
    return not any(host.is_up for host in session.cluster.metadata.all_hosts())


class Reader:
    """Asks prepared statements, several partitions at once."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._prepared: dict[str, PreparedStatement] = {}

    def prepare(self, text: str) -> PreparedStatement:
        """The statement, prepared once."""
        if text not in self._prepared:
            self._prepared[text] = self._session.prepare(text)
        return self._prepared[text]

    def all(self, requests: Iterable[tuple[str, Row]]) -> Iterator[list[Row]]:
        """The rows of each request, in their order, while the next are on their way; FailureError where one fails."""
        waiting = deque[ResponseFuture]()
        with one_line():
            for text, values in requests:
                waiting.append(self._session.execute_async(self.prepare(text), values))
                if len(waiting) == AHEAD:
                    yield _rows(waiting.popleft())
            while waiting:
                yield _rows(waiting.popleft())


def _rows(future: ResponseFuture) -> list[Row]:
    """All of them, once they are there."""
    rows: list[Row] = future.result().all()
    future._timer = None  # else it and the future hold each other, and the rows, until the garbage collector comes
    return rows
