"""The tables of a plan on a disk of their own, so that the ClickHouse of any process attaches them.

The data path of a process's ClickHouse is a temporary folder, and the tables of a plan are in a folder of the plan. So
any number of processes read a plan, each through its own ClickHouse, and none locks another out.
"""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import NamedTuple

from rollup_bench.engines.clickhouse.connections import Connection
from rollup_bench.engines.clickhouse.sql import literal, quoted
from rollup_bench.engines.clickhouse.table import Table
from rollup_bench.errors import FailureError

CACHES = ("MARK", "PRIMARY INDEX", "UNCOMPRESSED", "COMPILED EXPRESSION")
"""The caches that are cleared when tables are detached, so that each launch begins with empty ones."""
NUMBER = "load"
"""The file with the number of a load, from which the folders of its tables follow."""


class Load(NamedTuple):
    """A load of a plan: the folder of its tables, and its number, which no other load has."""

    folder: Path
    number: uuid.UUID

    @classmethod
    def read(cls, folder: Path) -> "Load":
        """The load whose tables are in a folder; FailureError if there is none."""
        try:
            return cls(folder, uuid.UUID((folder / NUMBER).read_text("utf-8")))
        except OSError as error:
            raise FailureError(f"clickhouse has no tables of {folder.name}: {error.strerror}") from None

    @property
    def database(self) -> str:
        """The quoted name of the database that has the tables."""
        return quoted(f"{self.folder.absolute()} {self.number}")

    def definition(self, table: Table, mode: str) -> str:
        """What follows CREATE TABLE or ATTACH TABLE; the table's disk is the folder."""
        disk = f"disk({mode}type = 'local', path = {literal(f'{self.folder.absolute()}/')})"
        identifier = uuid.uuid5(self.number, table.name)
        return f"{self.database}.{quoted(table.name)} UUID '{identifier}' {table.definition}, disk = {disk}"


class Attached:
    """The number of sessions of this process that have the tables of each load open; the first attaches them."""

    def __init__(self) -> None:
        self._counts: dict[Load, int] = {}
        self._lock = Lock()

    @contextmanager
    def session(self, folder: Path, tables: Sequence[Table], options: Mapping[str, str | int]) -> Iterator[Connection]:
        """A connection that reads the tables in a folder; FailureError if they are not there."""
        load = Load.read(folder)
        with self._lock:
            connection = Connection(options)
            try:
                if load not in self._counts:
                    _attach(connection, load, tables)
                connection.use(load.database)
            except BaseException:
                connection.close()
                raise
            self._counts[load] = self._counts.get(load, 0) + 1
        try:
            yield connection
        finally:
            with self._lock:
                self._left(connection, load, tables)

    def _left(self, connection: Connection, load: Load, tables: Sequence[Table]) -> None:
        self._counts[load] -= 1
        try:
            if not self._counts[load]:
                del self._counts[load]
                _detach(connection, load, tables)
        finally:
            connection.close()


ATTACHED = Attached()


@contextmanager
def loading(folder: Path, tables: Sequence[Table], options: Mapping[str, str | int]) -> Iterator[Connection]:
    """A connection to new, empty tables in a new folder; they are detached after the block, complete or not."""
    load = Load(folder, uuid.uuid4())
    folder.mkdir(parents=True)
    (folder / NUMBER).write_text(str(load.number), "utf-8")
    connection = Connection(options)
    try:
        _create(connection, load, tables, "CREATE", "")
        connection.use(load.database)
        yield connection
    finally:
        try:
            _detach(connection, load, tables)
        finally:
            connection.close()


def _attach(connection: Connection, load: Load, tables: Sequence[Table]) -> None:
    """Attaches the tables on disks that are only read; if one cannot be attached, none is."""
    try:
        _create(connection, load, tables, "ATTACH", "readonly = 1, ")
    except FailureError:
        _detach(connection, load, tables)
        raise


def _create(connection: Connection, load: Load, tables: Sequence[Table], verb: str, mode: str) -> None:
    """Creates or attaches the tables of a load in a new database."""
    connection.run(f"CREATE DATABASE {load.database}")
    connection.run(*(f"{verb} TABLE {load.definition(table, mode)}" for table in tables))


def _detach(connection: Connection, load: Load, tables: Sequence[Table]) -> None:
    """Forgets the tables, whose files stay."""
    connection.use("default")
    for table in tables:
        with suppress(FailureError):  # it may not have been created
            connection.run(f"DETACH TABLE {load.database}.{quoted(table.name)} SYNC")
    connection.run(f"DROP DATABASE {load.database} SYNC", *(f"SYSTEM CLEAR {cache} CACHE" for cache in CACHES))
