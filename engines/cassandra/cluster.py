"""The driver as this project uses it: plain tuples, a deadline for every wait, errors of one line."""

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from cassandra import ConsistencyLevel, DriverException, ProtocolVersion
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, NoHostAvailable, Session
from cassandra.connection import ConnectionException
from cassandra.io.libevreactor import LibevConnection
from cassandra.policies import DCAwareRoundRobinPolicy, TokenAwarePolicy
from cassandra.protocol import ErrorMessage
from cassandra.query import PreparedStatement, tuple_factory

from engines.cassandra.tables import ROWS
from engines.servers import Connection
from workloads.errors import FailureError

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
        said = str(error).splitlines()
        raise FailureError(f"cassandra: {said[0] if said else type(error).__name__}") from None


def connect(connection: Connection) -> Session:
    """A session of the driver; shutting its `cluster` down ends it."""
    profile = ExecutionProfile(
        load_balancing_policy=TokenAwarePolicy(DCAwareRoundRobinPolicy()),
        consistency_level=ConsistencyLevel.LOCAL_QUORUM,
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
        session = cluster.connect()
    session.default_fetch_size = ROWS
    return session


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
        waiting: deque[Any] = deque()
        with one_line():
            for text, values in requests:
                waiting.append(self._session.execute_async(self.prepare(text), values))
                if len(waiting) == AHEAD:
                    yield waiting.popleft().result().all()
            while waiting:
                yield waiting.popleft().result().all()
