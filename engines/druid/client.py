"""Druid's SQL over HTTP: pydruid's connection over one kept-alive HTTP connection, with bound parameters."""

from collections.abc import Sequence
from typing import Any

import msgspec
from pydruid import db
from pydruid.db.api import check_closed

from rollup_bench.engines.druid.http_transport import Transport

Rows = list[tuple[Any, ...]]
"""The rows of a result."""
PATH = "/druid/v2/sql"
TIMEOUT = 300.0
"""Seconds after which Druid cancels a query."""
TYPES = {str: "VARCHAR", int: "BIGINT", float: "DOUBLE"}
CACHES = ("useCache", "populateCache", "useResultLevelCache", "populateResultLevelCache")
AUTO = "auto"
"""Druid's own limit of a subquery's rows: an equal share of half of the broker's heap for each thread that may ask."""
CONTEXT: dict[str, object] = {
    "useApproximateTopN": False,
    "useApproximateCountDistinct": False,
    "useGroupingSetForExactDistinct": True,
    "timeout": int(TIMEOUT * 1000),
}

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Rows).decode


def context(subquery_bytes: int | str = AUTO, cached: bool = False) -> msgspec.Raw:
    """A query's context as JSON: the most bytes of a subquery's rows, and whether Druid uses and fills its caches."""
    return msgspec.Raw(_encode(CONTEXT | {"maxSubqueryBytes": subquery_bytes} | dict.fromkeys(CACHES, cached)))


UNCACHED = context()


def payload(
    statement: str, parameters: Sequence[str | int | float], context: msgspec.Raw = UNCACHED
) -> dict[str, object]:
    """The body of a request to Druid's SQL API, before JSON encoding."""
    return {
        "query": statement,
        "parameters": [{"type": TYPES[type(value)], "value": value} for value in parameters],
        "context": context,
        "resultFormat": "array",
    }


class Connection(db.api.Connection):  # type: ignore[misc]
    """pydruid's connection to Druid, changed so that Druid binds the parameters and sends each row as an array.

    It keeps one HTTP connection. `cursor` of pydruid, which pastes parameters into the text, is not used.
    """

    def __init__(self, transport: Transport, context: msgspec.Raw = UNCACHED) -> None:
        super().__init__()
        self._transport, self._context = transport, context

    def close(self) -> None:
        """Closes the connection and its HTTP connection."""
        super().close()
        self._transport.close()

    @check_closed  # type: ignore[untyped-decorator]
    def rows(self, statement: str, parameters: Sequence[str | int | float] = ()) -> Rows:
        """Executes a statement and returns all rows of the result; FailureError with Druid's message if Druid fails."""
        body = _encode(payload(statement, parameters, self._context))
        return _decode(self._transport.send("POST", PATH, body, TIMEOUT + 5))
