"""Connections to the ClickHouse of this process, which chDB starts with the first of them and ends with the last.

One process has one ClickHouse, whatever the number of homes and plans. Its own data path is a temporary folder; the
tables of a plan are in a folder of the plan, as tables on a disk of its own. So any number of processes read a plan,
each through its own ClickHouse, and none locks another out.
"""

import json
import signal
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import Any

import pyarrow as pa
from chdb.state.sqlitelike import Connection as Opened

from rollup_bench.engines.clickhouse.sql import literal, quoted
from rollup_bench.engines.clickhouse.table import Table
from rollup_bench.errors import FailureError
from rollup_bench.servers.budget import Budget

SECONDS = 300
"""How long a query may take."""
ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\0": "\\0", "\b": "\\b"})
"""How ClickHouse reads the value of a text parameter."""
IDENTIFIERS = "tables.json"
"""The file with the identifier of each table, from which the folder of the table's files follows."""
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
        "max_query_size": 1 << 22,
    }


class Connection:
    """A connection, opened again after an error: else the output of the failed query begins the next answer."""

    def __init__(self, options: Mapping[str, str | int]) -> None:
        text = "&".join(f"{name}={value}" for name, value in options.items())
        self._address = f":memory:?custom_local_disks_base_directory=/&{text}"
        self._database = "default"
        self._open = self._connected()

    def _connected(self) -> Opened:
        try:
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
        """Replaces the connection by a new one, which is opened first, so that the tables stay attached."""
        before, self._open = self._open, self._connected()
        before.close()

    def close(self) -> None:
        """Closes the connection; the last one of the process ends its ClickHouse."""
        self._open.close()


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


class Attached:
    """The tables that sessions of this process have open, by folder; each further session counts one more."""

    def __init__(self) -> None:
        self._counts: dict[Path, int] = {}
        self._lock = Lock()

    @contextmanager
    def session(self, folder: Path, tables: Sequence[Table], options: Mapping[str, str | int]) -> Iterator[Connection]:
        """A connection that reads the tables in a folder; FailureError if they are not there."""
        with self._lock:
            connection = Connection(options)
            try:
                if folder not in self._counts:
                    _attach(connection, folder, tables)
                connection.use(database(folder))
            except BaseException:
                connection.close()
                raise
            self._counts[folder] = self._counts.get(folder, 0) + 1
        try:
            yield connection
        finally:
            with self._lock:
                self._left(connection, folder, tables)

    def _left(self, connection: Connection, folder: Path, tables: Sequence[Table]) -> None:
        self._counts[folder] -= 1
        try:
            if not self._counts[folder]:
                del self._counts[folder]
                _detach(connection, folder, tables)
        finally:
            connection.close()


ATTACHED = Attached()


@contextmanager
def loading(folder: Path, tables: Sequence[Table], options: Mapping[str, str | int]) -> Iterator[Connection]:
    """A connection to new, empty tables in a new folder; they are detached after the block, complete or not."""
    folder.mkdir(parents=True)
    identifiers = {table.name: str(uuid.uuid4()) for table in tables}
    (folder / IDENTIFIERS).write_text(json.dumps(identifiers), "utf-8")
    connection = Connection(options)
    try:
        _create(connection, folder, tables, "CREATE", "")
        connection.use(database(folder))
        yield connection
    finally:
        try:
            _detach(connection, folder, tables)
        finally:
            connection.close()


def database(folder: Path) -> str:
    """The quoted name of the database that has the tables of a folder; each folder of each home has its own."""
    return quoted(str(folder.absolute()))


def failure(error: Exception) -> Exception:
    """An error of chDB as an OverflowError for a number that does not fit its type, else as a FailureError."""
    text = _line(error)
    if text.startswith(CANNOT_CONVERT):
        return OverflowError(text)
    if text.startswith(TIMED_OUT):
        return FailureError("clickhouse gives no answer in time")
    return FailureError(f"clickhouse: {text}")


def _attach(connection: Connection, folder: Path, tables: Sequence[Table]) -> None:
    """Attaches the tables on disks that are only read; if one cannot be attached, none is."""
    try:
        _create(connection, folder, tables, "ATTACH", "readonly = 1, ")
    except FailureError:
        _detach(connection, folder, tables)
        raise


def _create(connection: Connection, folder: Path, tables: Sequence[Table], verb: str, mode: str) -> None:
    """Creates or attaches the tables in a folder, which is their disk."""
    identifiers = json.loads((folder / IDENTIFIERS).read_bytes())
    disk = f"disk({mode}type = 'local', path = {literal(f'{folder.absolute()}/')})"
    connection.run(f"CREATE DATABASE {database(folder)}")
    for table in tables:
        name = f"{database(folder)}.{quoted(table.name)} UUID '{identifiers[table.name]}'"
        connection.run(f"{verb} TABLE {name} {table.definition}, disk = {disk}")


def _detach(connection: Connection, folder: Path, tables: Sequence[Table]) -> None:
    """Forgets the tables, whose files stay."""
    connection.use("default")
    for table in tables:
        with suppress(FailureError):  # it may not have been created
            connection.run(f"DETACH TABLE {database(folder)}.{quoted(table.name)} SYNC")
    connection.run(f"DROP DATABASE {database(folder)} SYNC")


def _line(error: Exception) -> str:
    return str(error).splitlines()[0]
