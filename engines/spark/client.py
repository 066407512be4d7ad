"""A client of Spark Connect: one session of the server, and the five calls that this adapter makes.

It uses the messages of PySpark's own client, and none of its retries: these hide for minutes that a server is gone.
"""

import uuid
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any

import grpc
import pyarrow as pa
from google.rpc.error_details_pb2 import ErrorInfo
from grpc_status import rpc_status

from rollup_bench.engines.spark.protocol import commands, expressions, messages, relations, services
from rollup_bench.errors import FailureError, RequestError
from rollup_bench.servers.connection import Connection

SECONDS = 300.0
"""How long a statement may take."""
GRACE = 5
"""Seconds in which the server must answer a request to end a statement."""
AGENT = "rollup-bench"
OPTIONS = [
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_reconnect_backoff_ms", 1000),
]
"""Each client has a TCP connection of its own, and finds a restarted server within a second."""
CHUNK = 1 << 20
"""Bytes of a file in one message."""
OUT_OF_RANGE = "22003"
"""The SQLSTATE of a number that does not fit its type."""
ONE_LINE = {"spark.sql.execution.pyspark.udf.hideTraceback.enabled": "true"}
"""The setting of a session in which an error of a Python function is one line."""
KINDS = {str: "string", int: "long", float: "double"}
Named = Mapping[str, relations.Relation]
"""Relations by the names that a statement gives them."""
NOTHING: Named = MappingProxyType({})


class StatementError(FailureError):
    """A statement that the server does not execute, although it answers."""


class Client:
    """One session, which begins with the first request. Methods raise OverflowError, FailureError and RequestError.

    An OverflowError is a number that does not fit its type, a RequestError a login that the server rejects.
    """

    def __init__(self, connection: Connection, settings: Mapping[str, str]) -> None:
        self._connection = connection
        self._channel = _channel(connection)
        self._service = services.SparkConnectServiceStub(self._channel)  # type: ignore[no-untyped-call]
        self._user = messages.UserContext(user_id=AGENT)
        self._session, self._server_session = str(uuid.uuid4()), ""
        try:
            self._configure(settings)
        except BaseException:
            self._channel.close()
            raise

    def table(
        self, text: str, values: Sequence[Any] = (), seconds: float | None = SECONDS, named: Named = NOTHING
    ) -> pa.Table:
        """The rows of a query whose parameters are called p1, p2 and so on; it may read the relations `named`."""
        return pa.Table.from_batches(list(self.batches(text, values, seconds, named)))

    def batches(
        self, text: str, values: Sequence[Any] = (), seconds: float | None = SECONDS, named: Named = NOTHING
    ) -> Iterator[pa.RecordBatch]:
        """The rows of a query, as `table` returns them, in batches that arrive while the server still computes."""
        for data in self._execute(messages.Plan(root=_sql(text, values, named)), seconds):
            yield from pa.ipc.open_stream(data)

    def run(self, text: str, seconds: float | None = SECONDS, named: Named = NOTHING) -> None:
        """Executes a statement without a result; it may read the relations `named`."""
        command = commands.Command(sql_command=commands.SqlCommand(input=_sql(text, (), named)))
        for _ in self._execute(messages.Plan(command=command), seconds):
            pass

    def setting(self, name: str) -> str:
        """The value of a setting of the session."""
        operation = messages.ConfigRequest.Operation(get=messages.ConfigRequest.Get(keys=[name]))
        return str(self._config(operation).pairs[0].value)

    def version(self) -> str:
        """The version of Spark."""
        request = messages.AnalyzePlanRequest(
            **self._known(), client_type=AGENT, spark_version=messages.AnalyzePlanRequest.SparkVersion()
        )
        with self._failing():
            return str(
                self._service.AnalyzePlan(request, timeout=SECONDS, metadata=self._metadata).spark_version.version
            )

    def send(self, file: Path, target: str, seconds: float | None = SECONDS) -> None:
        """Copies a file to a path of the server's file system."""
        with self._failing():
            self._service.AddArtifacts(self._artifact(file, target), timeout=seconds, metadata=self._metadata)

    def close(self) -> None:
        """Ends the session and the connection."""
        request = messages.ReleaseSessionRequest(session_id=self._session, user_context=self._user, client_type=AGENT)
        with suppress(grpc.RpcError):
            self._service.ReleaseSession(request, timeout=GRACE, metadata=self._metadata)
        self._channel.close()

    @property
    def _metadata(self) -> list[tuple[str, str]]:
        token = self._connection.password
        return [("authorization", f"Bearer {token}")] if token else []

    def _known(self) -> dict[str, Any]:
        """The fields that name the session in each request; a server that has restarted rejects the old session."""
        observed = {"client_observed_server_side_session_id": self._server_session} if self._server_session else {}
        return {"session_id": self._session, "user_context": self._user, **observed}

    def _configure(self, settings: Mapping[str, str]) -> None:
        pairs = [messages.KeyValue(key=name, value=value) for name, value in settings.items()]
        reply = self._config(messages.ConfigRequest.Operation(set=messages.ConfigRequest.Set(pairs=pairs)))
        self._server_session = reply.server_side_session_id

    def _config(self, operation: messages.ConfigRequest.Operation) -> messages.ConfigResponse:
        request = messages.ConfigRequest(**self._known(), client_type=AGENT, operation=operation)
        with self._failing():
            reply: messages.ConfigResponse = self._service.Config(request, timeout=SECONDS, metadata=self._metadata)
        return reply

    def _execute(self, plan: messages.Plan, seconds: float | None) -> Iterator[bytes]:
        """The batches of a result; a statement that takes too long is ended on the server too."""
        operation = str(uuid.uuid4())
        request = messages.ExecutePlanRequest(**self._known(), client_type=AGENT, plan=plan, operation_id=operation)
        with self._failing():
            try:
                for reply in self._service.ExecutePlan(request, timeout=seconds, metadata=self._metadata):
                    if reply.HasField("arrow_batch"):
                        yield reply.arrow_batch.data
            except BaseException as error:
                if not isinstance(error, grpc.RpcError) or error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
                    self._interrupt(operation)
                raise

    def _interrupt(self, operation: str) -> None:
        kind = messages.InterruptRequest.INTERRUPT_TYPE_OPERATION_ID
        request = messages.InterruptRequest(
            **self._known(), client_type=AGENT, interrupt_type=kind, operation_id=operation
        )
        with suppress(grpc.RpcError):
            self._service.Interrupt(request, timeout=GRACE, metadata=self._metadata)

    def _artifact(self, file: Path, target: str) -> Iterator[messages.AddArtifactsRequest]:
        """The messages of a file that the server shall copy: one, or one for each part of it."""
        size, name = file.stat().st_size, f"forward_to_fs{target}"
        parts = -(-size // CHUNK)
        with file.open("rb") as opened:
            for part in range(parts):
                data = opened.read(CHUNK)
                chunk = messages.AddArtifactsRequest.ArtifactChunk(data=data, crc=zlib.crc32(data))
                request = messages.AddArtifactsRequest(**self._known(), client_type=AGENT)
                if parts == 1:
                    request.batch.artifacts.add(name=name, data=chunk)
                elif part == 0:
                    request.begin_chunk.CopyFrom(
                        messages.AddArtifactsRequest.BeginChunkedArtifact(
                            name=name, total_bytes=size, num_chunks=parts, initial_chunk=chunk
                        )
                    )
                else:
                    request.chunk.CopyFrom(chunk)
                yield request

    @contextmanager
    def _failing(self) -> Iterator[None]:
        """Raises the errors of the contract in place of those of gRPC."""
        try:
            yield
        except grpc.RpcError as error:
            raise failure(error, self._connection) from None


def failure(error: grpc.RpcError, connection: Connection) -> Exception:
    """The error of the contract for an error of gRPC."""
    where = connection.alias or f"at {connection.address}"
    text = (error.details() or "no reason is given").splitlines()[0]
    match error.code():
        case grpc.StatusCode.UNAUTHENTICATED | grpc.StatusCode.PERMISSION_DENIED:
            return RequestError("spark rejected the login: check ROLLUP_BENCH_SPARK_TOKEN")
        case grpc.StatusCode.DEADLINE_EXCEEDED:
            return FailureError(f"spark gives no answer in time {where}")
        case grpc.StatusCode.UNAVAILABLE:
            return FailureError(f"spark does not answer {where}")
        case _ if _state(error) == OUT_OF_RANGE:
            return OverflowError(text)
        case _:
            return StatementError(f"spark: {text[:300]}")


def _state(error: grpc.RpcError) -> str | None:
    """The SQLSTATE of an error, if the server gives one."""
    status = rpc_status.from_call(error)
    for detail in status.details if status else ():
        info = ErrorInfo()
        if detail.Unpack(info):
            return str(info.metadata.get("sqlState", ""))
    return None


def _channel(connection: Connection) -> grpc.Channel:
    target = f"{connection.hosts[0]}:{connection.port}"
    if not connection.tls:
        return grpc.insecure_channel(target, OPTIONS)
    roots = connection.ca.read_bytes() if connection.ca else None
    return grpc.secure_channel(target, grpc.ssl_channel_credentials(roots), OPTIONS)


def _sql(text: str, values: Sequence[Any], named: Named) -> relations.Relation:
    """A statement with named parameters of the types of their values, and with named relations."""
    arguments = {
        f"p{number}": expressions.Expression(literal=expressions.Expression.Literal(**{KINDS[type(value)]: value}))
        for number, value in enumerate(values, 1)
    }
    statement = relations.Relation(sql=relations.SQL(query=text, named_arguments=arguments))
    aliases = [
        relations.Relation(subquery_alias=relations.SubqueryAlias(input=relation, alias=name))
        for name, relation in named.items()
    ]
    together = relations.WithRelations(root=statement, references=aliases)
    return relations.Relation(with_relations=together) if aliases else statement
