"""The server: one DuckDB instance behind Arrow Flight on loopback.

`python -m rollup_bench.engines.duckdb_served.flight_server FOLDER PORT CORES MEMORY`. Each database is a file in
FOLDER. Statements are executed by few cursors, first come first served.
"""

import secrets
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from threading import Lock

import duckdb
import pyarrow as pa
from pyarrow import flight

from rollup_bench.engines.duckdb.engine import failure, fetched, settings
from rollup_bench.engines.duckdb.loading import filled
from rollup_bench.engines.duckdb_served import protocol
from rollup_bench.engines.duckdb_served.turns import Interrupter, Turns
from rollup_bench.engines.sql import quoted
from rollup_bench.errors import FailureError
from rollup_bench.servers.budget import Budget


class Cursor:
    """A cursor of the instance, and the database that its statements are about."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection
        self.database = ""

    def rows(self, query: protocol.Query) -> pa.Table:
        """The rows of a statement's result."""
        if query.database != self.database:
            self.connection.execute(f"USE {quoted(query.database)}")
            self.database = query.database
        return fetched(self.connection.execute(query.text, query.values))


class FlightServer(flight.FlightServerBase):  # type: ignore[misc]
    """The service at a port of 127.0.0.1; all databases share the threads and the memory of one budget."""

    def __init__(self, folder: Path, port: int, budget: Budget) -> None:
        self._folder, self._instance = folder, _instance(folder, budget)
        self._turns = Turns([Cursor(self._instance.cursor()) for _ in range(cursors(budget))])
        self._interrupter = Interrupter()
        self._attached: set[str] = set()
        self._locks: defaultdict[str, Lock] = defaultdict(Lock)
        super().__init__(f"grpc://127.0.0.1:{port}")  # listens from now on

    def do_get(self, context: flight.ServerCallContext, ticket: flight.Ticket) -> flight.RecordBatchStream:
        """The result of a query."""
        query = protocol.query(ticket.ticket)
        with _reporting():
            if query.database not in self._attached:
                self._attach(query.database)
            with self._turns.turn() as cursor, self._interrupting(context, cursor.connection):
                return flight.RecordBatchStream(cursor.rows(query))

    def do_put(
        self,
        context: flight.ServerCallContext,
        descriptor: flight.FlightDescriptor,
        reader: flight.MetadataRecordBatchReader,
        writer: flight.FlightMetadataWriter,
    ) -> None:
        """Creates a database in a file that gets its final name only when it is complete; replies with the stages."""
        load = protocol.load(descriptor.command)
        partial = self._folder / f"{load.database}.{secrets.token_hex(4)}.loading"
        name = quoted(f"{load.database} loading")
        with self._locks[load.database], _reporting(), closing(self._instance.cursor()) as connection:
            self._delete(load.database)
            connection.execute(f"ATTACH {_literal(partial)} AS {name}")
            try:
                with self._interrupting(context, connection):
                    connection.execute(f"USE {name}")
                    connection.register("batches", _complete(reader, load.rows))
                    stages = filled(connection, load.texts, partial)
            finally:
                connection.execute("USE memory")
                connection.execute(f"DETACH {name}")
            partial.rename(partial.with_suffix(".duckdb"))
            writer.write(pa.py_buffer(protocol.encode(stages)))

    def do_action(self, _context: flight.ServerCallContext, action: flight.Action) -> list[flight.Result]:
        """The reply to an action, which `Client.act` describes."""
        database, reply = action.body.to_pybytes().decode(), ""
        with _reporting():
            match action.type:
                case "version":
                    reply = duckdb.__version__
                case "drop":
                    with self._locks[database]:
                        self._delete(database)
        return [flight.Result(reply.encode())]

    def _attach(self, database: str) -> None:
        with self._locks[database], closing(self._instance.cursor()) as connection:
            if database not in self._attached:
                connection.execute(f"ATTACH {_literal(self._path(database))} AS {quoted(database)} (READ_ONLY)")
                self._attached.add(database)

    def _delete(self, database: str) -> None:
        if database in self._attached:
            self._attached.remove(database)
            with closing(self._instance.cursor()) as connection:
                connection.execute(f"DETACH {quoted(database)}")
        for path in self._folder.glob(f"{database}.*"):
            path.unlink()

    def _interrupting(
        self, context: flight.ServerCallContext, connection: duckdb.DuckDBPyConnection
    ) -> AbstractContextManager[None]:
        return self._interrupter.interrupting(connection.interrupt, context.is_cancelled)

    def _path(self, database: str) -> Path:
        """The file of a database; each load names its own, because DuckDB before 2.0 may still hold the last one."""
        for path in self._folder.glob(f"{database}.*.duckdb"):
            return path
        raise FileNotFoundError(f"no database {database}")


def cursors(budget: Budget) -> int:
    """How many statements run at the same time: as many as there are cores, but at least two and at most four."""
    return min(max(budget.cores, 2), 4)


def _instance(folder: Path, budget: Budget) -> duckdb.DuckDBPyConnection:
    """DuckDB with the threads and the memory of the budget; statements can read and write no file outside `folder`."""
    connection = duckdb.connect(config=settings(budget) | {"temp_directory": str(folder / "spilled")})
    connection.execute(f"SET allowed_directories = [{_literal(folder)}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


def _complete(reader: flight.MetadataRecordBatchReader, rows: int) -> pa.RecordBatchReader:
    """The batches of a stream; raises an error at its end if it had fewer rows, because the client ended early."""

    def batches() -> Iterator[pa.RecordBatch]:
        missing = rows
        for chunk in reader:
            missing -= chunk.data.num_rows
            yield chunk.data
        if missing:
            raise FailureError(f"the client sent {rows - missing} of {rows} rows")

    return pa.RecordBatchReader.from_batches(reader.schema, batches())


@contextmanager
def _reporting() -> Iterator[None]:
    """Sends the client the error of the contract for an error of DuckDB or of a file."""
    try:
        yield
    except (duckdb.Error, OSError) as error:
        reported = failure(error) if isinstance(error, duckdb.Error) else FailureError(f"duckdb: {error}")
        raise flight.FlightServerError("failed", protocol.error_bytes(reported)) from None


def _literal(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"


def main() -> None:
    """Serves until the process is ended; the databases are complete at any time."""
    folder, port, budget = Path(sys.argv[1]), int(sys.argv[2]), Budget(int(sys.argv[3]), int(sys.argv[4]))
    server = FlightServer(folder, port, budget)
    running = f"{budget.cores} threads, {budget.memory >> 20} MiB, {cursors(budget)} cursors"
    print(f"DuckDB {duckdb.__version__} listens at 127.0.0.1:{port}: {running}", flush=True)
    server.serve()


if __name__ == "__main__":
    main()
