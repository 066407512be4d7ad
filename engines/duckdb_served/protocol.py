"""What clients and the server of DuckDB send each other besides Arrow record batches: MessagePack, and errors."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from rollup_bench.engines.stages import Stage
from rollup_bench.errors import FailureError


class Query(msgspec.Struct, frozen=True, array_like=True):
    """A statement about a database, and the values of its parameters: integers, floats, texts and naive datetimes."""

    database: str
    text: str
    values: list[Any]


class Load(msgspec.Struct, frozen=True, array_like=True):
    """The steps that create a database from record batches, which the statements read as the table `batches`.

    `rows` is the number of rows in all batches. The server needs it because a client that ends and one that has sent
    everything look the same.
    """

    database: str
    texts: tuple[str, ...]
    rows: int


class StatementError(FailureError):
    """DuckDB reported an error; the server works."""


_query_decoder = msgspec.msgpack.Decoder(Query)
encode = msgspec.msgpack.Encoder().encode


def query_bytes(query: Query) -> bytes:
    """A query as bytes; naive datetimes travel as instants in UTC, because MessagePack has no other datetimes."""
    values = [value.replace(tzinfo=UTC) if isinstance(value, datetime) else value for value in query.values]
    return encode(Query(query.database, query.text, values))


def query(data: bytes) -> Query:
    """The query that `query_bytes` encoded."""
    sent = _query_decoder.decode(data)
    values = [value.replace(tzinfo=None) if isinstance(value, datetime) else value for value in sent.values]
    return Query(sent.database, sent.text, values)


def load(data: bytes) -> Load:
    """The load that `encode` encoded."""
    return msgspec.msgpack.decode(data, type=Load)


def stages(data: bytes) -> list[Stage]:
    """What the steps of a load took, which `encode` encoded."""
    return msgspec.msgpack.decode(data, type=list[Stage])


def error_bytes(error: Exception) -> bytes:
    """An OverflowError or a FailureError as bytes, cut to 300 characters."""
    return encode((isinstance(error, OverflowError), str(error)[:300]))


def error(data: bytes) -> Exception:
    """The error that `error_bytes` encoded, a FailureError as a StatementError."""
    overflow, text = msgspec.msgpack.decode(data, type=tuple[bool, str])
    return OverflowError(text) if overflow else StatementError(text)
