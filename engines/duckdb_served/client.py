"""A client of the server: one connection, by which queries, loads and actions are sent."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

import pyarrow as pa
from pyarrow import flight

from rollup_bench.engines.duckdb.timeout import SECONDS
from rollup_bench.engines.duckdb_served import protocol
from rollup_bench.engines.stages import Stage
from rollup_bench.errors import FailureError
from rollup_bench.servers.connection import Connection

OPTIONS = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_reconnect_backoff_ms", 1000)]
"""Each client has a TCP connection of its own, and finds a restarted server within a second."""


class Client:
    """One client's connection, which opens at the first request; a request without an answer fails after `seconds`.

    Methods raise OverflowError or StatementError for an error of DuckDB, and FailureError if the server does not
    answer.
    """

    def __init__(self, connection: Connection, seconds: float = SECONDS) -> None:
        self._address, self._seconds = connection.address, seconds
        self._options = flight.FlightCallOptions(timeout=seconds)
        self._flight = flight.FlightClient(f"grpc://{connection.address}", generic_options=OPTIONS)

    def table(self, query: protocol.Query) -> pa.Table:
        """The rows of a statement's result."""
        with self._failing():
            return self._flight.do_get(flight.Ticket(protocol.query_bytes(query)), self._options).read_all()

    def load(
        self, load: protocol.Load, schema: pa.Schema, batches: Iterable[pa.RecordBatch], seconds: float | None
    ) -> list[Stage]:
        """Sends batches, and returns once the server has stored all rows; the server stores all or nothing.

        Returns what each step took. `seconds` is the time limit. An error that reading `batches` raises ends the load
        and is raised again.
        """
        descriptor = flight.FlightDescriptor.for_command(protocol.encode(load))
        with self._failing():
            writer, reader = self._flight.do_put(descriptor, schema, flight.FlightCallOptions(timeout=seconds))
            try:
                for batch in batches:
                    writer.write_batch(batch)
            except pa.ArrowException:
                writer.close()  # raises the server's error, which says more
                raise
            except BaseException:
                with suppress(pa.ArrowException):
                    writer.close()
                raise
            writer.done_writing()
            reply = reader.read()
            writer.close()  # raises the server's error if there is no reply
        return protocol.stages(reply.to_pybytes())

    def act(self, action: str, database: str = "") -> str:
        """The reply to an action: `version` of DuckDB, or `drop` of a database."""
        with self._failing():
            (reply,) = self._flight.do_action(flight.Action(action, database.encode()), self._options)
        return str(reply.body.to_pybytes().decode())

    def close(self) -> None:
        """Closes the connection."""
        self._flight.close()

    @contextmanager
    def _failing(self) -> Iterator[None]:
        """Raises the errors of the contract in place of Arrow's."""
        try:
            yield
        except flight.FlightTimedOutError:
            raise FailureError(f"duckdb-served at {self._address} gives no answer in {self._seconds:g} s") from None
        except flight.FlightUnavailableError:
            raise FailureError(f"duckdb-served does not answer at {self._address}") from None
        except pa.ArrowException as error:
            if data := getattr(error, "extra_info", b""):
                raise protocol.error(data) from None
            raise FailureError(f"duckdb-served at {self._address}: {str(error).splitlines()[0][:300]}") from None
