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
CONTEXT: dict[str, object] = {
    "useApproximateTopN": False,
    "useApproximateCountDistinct": False,
    "useGroupingSetForExactDistinct": True,
    "maxSubqueryBytes": "auto",
    "timeout": int(TIMEOUT * 1000),
}

_encode = msgspec.json.Encoder().encode
_context = [msgspec.Raw(_encode(CONTEXT | dict.fromkeys(CACHES, cached))) for cached in (False, True)]
_decode = msgspec.json.Decoder(Rows).decode


def payload(statement: str, parameters: Sequence[str | int | float], cached: bool = False) -> dict[str, object]:
    """The body of a request to Druid's SQL API, before JSON encoding; `cached` lets Druid use and fill its caches."""
    return {
        "query": statement,
        "parameters": [{"type": TYPES[type(value)], "value": value} for value in parameters],
        "context": _context[cached],
        "resultFormat": "array",
    }


class Connection(db.api.Connection):  # type: ignore[misc]
    """pydruid's connection to Druid, changed so that Druid binds the parameters and sends each row as an array.

    It keeps one HTTP connection. `cursor` of pydruid, which pastes parameters into the text, is not used.
    """

    def __init__(self, transport: Transport, cached: bool = False) -> None:
        super().__init__(context=CONTEXT)
        self._transport, self._cached = transport, cached

    def close(self) -> None:
        """Closes the connection and its HTTP connection."""
        super().close()
        self._transport.close()

    @check_closed  # type: ignore[untyped-decorator]
    def rows(self, statement: str, parameters: Sequence[str | int | float] = ()) -> Rows:
        """Executes a statement and returns all rows of the result; FailureError with Druid's message if Druid fails."""
        body = _encode(payload(statement, parameters, self._cached))
        return _decode(self._transport.send("POST", PATH, body, TIMEOUT + 5))
