"""Connections to the ClickHouse of this process; the first of them starts it, and it runs until the process ends."""

import atexit
import signal
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import pyarrow as pa
from chdb.state.sqlitelike import Connection as Opened

from rollup_bench.errors import FailureError
from rollup_bench.servers.budget import Budget

SECONDS = 300
"""How long a query may take."""
ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\0": "\\0", "\b": "\\b"})
"""How ClickHouse reads the value of a text parameter."""
ADDRESS = ":memory:?custom_local_disks_base_directory=/"
CANNOT_CONVERT, TIMED_OUT = "Code: 70.", "Code: 159."
signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGPIPE])  # chDB blocks it, also for processes started later


def settings(budget: Budget) -> dict[str, str | int]:
    """The settings of a session that differ from the defaults, and hold it to a budget."""
    return {
        "max_threads": budget.cores,
        "max_memory_usage": budget.memory,
        "max_memory_usage_for_user": budget.memory,
        "max_execution_time": SECONDS,
        "session_timezone": "UTC",
        "join_use_nulls": 1,
        "group_by_use_nulls": 1,
        "enable_extended_results_for_datetime_functions": 1,
        "use_query_condition_cache": 0,
        "compile_expressions": 0,
        "max_query_size": 1 << 22,
    }


class Connection:
    """A connection, opened again after an error: else the output of the failed query begins the next answer."""

    def __init__(self, options: Mapping[str, str | int]) -> None:
        self._address = "&".join([ADDRESS, *(f"{name}={value}" for name, value in options.items())])
        self._database = "default"
        self._open = self._connected()

    def _connected(self) -> Opened:
        try:
            _permanent_connection()
            opened = Opened(self._address)
            opened.query(f"USE {self._database}")
        except RuntimeError as error:
            raise FailureError(f"clickhouse: {_line(error)}") from None
        return opened

    def use(self, database: str) -> None:
        """Makes a database, whose name is quoted, the current one."""
        self.run(f"USE {database}")
        self._database = database

    def arrow(self, text: str, values: Sequence[Any] = ()) -> pa.Table:
        """The result of a query whose parameters are called p1, p2 and so on.

        OverflowError if a number does not fit its type, FailureError for all other errors.
        """
        parameters = {f"p{i}": v.translate(ESCAPES) if isinstance(v, str) else v for i, v in enumerate(values, 1)}
        try:
            result = self._open.query(text, "Arrow", parameters)
        except RuntimeError as error:
            self.reconnect()
            raise failure(error) from None
        return pa.ipc.open_file(pa.py_buffer(result.bytes())).read_all()

    def run(self, *statements: str) -> None:
        """Executes statements that have no result; FailureError if one fails."""
        for text in statements:
            try:
                self._open.query(text, "Null")
            except RuntimeError as error:
                self.reconnect()
                raise failure(error) from None

    def insert(self, table: str, batches: Iterator[pa.RecordBatch], schema: pa.Schema) -> None:
        """Stores rows that arrive in batches; FailureError if ClickHouse fails. Errors of the iterator are raised."""
        try:
            with self._open.send_insert(f"INSERT INTO {table}", "ArrowStream") as inserter:
                with pa.ipc.new_stream(_Sink(inserter), schema) as writer:
                    for batch in batches:
                        writer.write_batch(batch)
                inserter.finish()
        except RuntimeError as error:
            self.reconnect()
            raise failure(error) from None

    def reconnect(self) -> None:
        """Replaces the connection by a new one."""
        before, self._open = self._open, self._connected()
        before.close()

    def close(self) -> None:
        """Closes the connection."""
        self._open.close()


@cache
def _permanent_connection() -> Opened:
    """A connection that is open until the process ends.

    chDB ends its ClickHouse with the last connection. Its threads stay, and make the next ClickHouse slower.
    """
    opened = Opened(ADDRESS)
    atexit.register(opened.close)
    return opened


class _Sink:
    """A file that passes what is written to an insert."""

    closed = False

    def __init__(self, inserter: Any) -> None:
        self._inserter = inserter

    def write(self, data: Any) -> int:
        self._inserter.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Does nothing: each write is passed at once."""


def failure(error: Exception) -> Exception:
    """An error of chDB as an OverflowError for a number that does not fit its type, else as a FailureError."""
    text = _line(error)
    if text.startswith(CANNOT_CONVERT):
        return OverflowError(text)
    if text.startswith(TIMED_OUT):
        return FailureError("clickhouse gives no answer in time")
    return FailureError(f"clickhouse: {text}")


def _line(error: Exception) -> str:
    return str(error).splitlines()[0]
