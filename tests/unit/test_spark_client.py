"""The client of Spark Connect against a server that records requests and fails as it is told."""

import time
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pyarrow as pa
import pytest
from google.protobuf.any_pb2 import Any as Packed
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status

from rollup_bench.engines.spark import client as clients
from rollup_bench.engines.spark.client import Client, StatementError
from rollup_bench.engines.spark.protocol import messages, services
from rollup_bench.engines.spark.server import answers
from rollup_bench.errors import FailureError, RequestError
from rollup_bench.servers import Connection

TOKEN = "secret-token"
Fail = Callable[[grpc.ServicerContext], None]


@dataclass
class Service(services.SparkConnectServiceServicer):
    """Records what it is asked; `fail` may end a request of a statement with an error."""

    fail: Fail | None = None
    seen: list[Any] = field(default_factory=list)
    metadata: list[dict[str, str]] = field(default_factory=list)

    def _saw(self, request: Any, context: grpc.ServicerContext) -> None:
        self.seen.append(request)
        self.metadata.append(dict(context.invocation_metadata()))

    def Config(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        self._saw(request, context)
        return messages.ConfigResponse(server_side_session_id="here")

    def ExecutePlan(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:  # noqa: N802
        self._saw(request, context)
        if self.fail:
            self.fail(context)
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, pa.schema([("x", pa.int64())])) as writer:
            writer.write_table(pa.table({"x": [1]}))
        batch = messages.ExecutePlanResponse.ArrowBatch(row_count=1, data=sink.getvalue().to_pybytes())
        yield messages.ExecutePlanResponse(arrow_batch=batch)

    def Interrupt(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        self._saw(request, context)
        return messages.InterruptResponse()

    def AddArtifacts(self, requests: Iterator[Any], context: grpc.ServicerContext) -> Any:  # noqa: N802
        for request in requests:
            self._saw(request, context)
        return messages.AddArtifactsResponse()

    def ReleaseSession(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        self._saw(request, context)
        return messages.ReleaseSessionResponse()


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def connection(service: Service) -> Iterator[Connection]:
    server = grpc.server(ThreadPoolExecutor(4))
    services.add_SparkConnectServiceServicer_to_server(service, server)  # type: ignore[no-untyped-call]
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield Connection(("127.0.0.1",), port, password=TOKEN, alias="where VARIABLE says")
    server.stop(None).wait()


@pytest.fixture
def client(connection: Connection) -> Iterator[Client]:
    with closing(Client(connection, {"a": "b"})) as opened:
        yield opened


def refuses(code: grpc.StatusCode, said: str) -> Fail:
    def fail(context: grpc.ServicerContext) -> None:
        context.abort(code, said)

    return fail


def overflows(context: grpc.ServicerContext) -> None:
    detail = Packed()
    detail.Pack(ErrorInfo(metadata={"sqlState": "22003"}))
    status = Status(code=grpc.StatusCode.INTERNAL.value[0], message="[CAST_OVERFLOW] too large\nmore", details=[detail])
    context.abort_with_status(rpc_status.to_status(status))


def test_a_server_that_speaks_grpc_answers(connection: Connection) -> None:
    assert answers(connection)


def test_requests_name_their_session_and_show_the_token(client: Client, service: Service) -> None:
    assert client.table("SELECT :p1 AS x, :p2, :p3", [1, "a", 0.5]).to_pydict() == {"x": [1]}
    configured, executed = service.seen
    assert {pair.key: pair.value for pair in configured.operation.set.pairs} == {"a": "b"}
    assert executed.session_id == configured.session_id
    assert executed.client_observed_server_side_session_id == "here"
    bound = executed.plan.root.sql.named_arguments
    assert (bound["p1"].literal.long, bound["p2"].literal.string, bound["p3"].literal.double) == (1, "a", 0.5)
    assert {known["authorization"] for known in service.metadata} == {f"Bearer {TOKEN}"}


@pytest.mark.parametrize("code", [grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED])
def test_a_rejected_login_names_the_variable(client: Client, service: Service, code: grpc.StatusCode) -> None:
    service.fail = refuses(code, f"not {TOKEN}")
    with pytest.raises(RequestError, match=r"^spark rejected the login: check ROLLUP_BENCH_SPARK_TOKEN$"):
        client.table("SELECT 1")


def test_a_number_that_does_not_fit_is_an_overflow(client: Client, service: Service) -> None:
    service.fail = overflows
    with pytest.raises(OverflowError, match=r"^\[CAST_OVERFLOW\] too large$"):
        client.table("SELECT 1")


def test_an_error_of_a_statement_is_one_line(client: Client, service: Service) -> None:
    service.fail = refuses(grpc.StatusCode.INTERNAL, "[PARSE_SYNTAX_ERROR] here\n == SQL ==")
    with pytest.raises(StatementError, match=r"^spark: \[PARSE_SYNTAX_ERROR\] here$"):
        client.run("SELEC")


def test_a_statement_that_takes_too_long_is_interrupted(client: Client, service: Service) -> None:
    service.fail = lambda _: time.sleep(1)
    with pytest.raises(FailureError, match=r"^spark gives no answer in time where VARIABLE says$"):
        client.table("SELECT 1", seconds=0.2)
    executed, interrupted = service.seen[-2:]
    assert interrupted.operation_id == executed.operation_id != ""


def test_a_server_that_is_gone(connection: Connection) -> None:
    gone = Connection(connection.hosts, 1, alias=connection.alias)
    with pytest.raises(FailureError, match=r"^spark does not answer where VARIABLE says$"):
        Client(gone, {})


def test_a_small_file_is_one_message(client: Client, service: Service, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"text")
    client.send(tmp_path / "file", "/there/file")
    _, sent = service.seen
    (artifact,) = sent.batch.artifacts
    assert (artifact.name, artifact.data.data) == ("forward_to_fs/there/file", b"text")
    assert artifact.data.crc == zlib.crc32(b"text")


@pytest.mark.parametrize("size", [6, 10, 11])
def test_a_file_is_sent_in_parts(
    size: int, client: Client, service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clients, "CHUNK", 5)
    file = tmp_path / "file"
    file.write_bytes(bytes(range(size)))
    client.send(file, "/there/file")
    _, first, *others = service.seen
    begin = first.begin_chunk
    assert (begin.name, begin.total_bytes, begin.num_chunks) == ("forward_to_fs/there/file", size, 1 + len(others))
    chunks = [begin.initial_chunk, *(other.chunk for other in others)]
    assert b"".join(chunk.data for chunk in chunks) == bytes(range(size))
    assert all(chunk.crc == zlib.crc32(chunk.data) for chunk in chunks)
