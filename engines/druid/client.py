"""Druid's SQL over HTTP: pydruid's connection over one kept-alive HTTP connection, with bound parameters."""

from collections.abc import Sequence
from typing import Any

import msgspec
from pydruid import db
from pydruid.db.api import check_closed

from rollup_bench.engines.druid.http_transport import Transport

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
_decode = msgspec.json.Decoder(list[list[Any]]).decode


def payload(statement: str, parameters: Sequence[str | int | float], cached: bool = False) -> dict[str, object]:
    """The body of a request to Druid's SQL API, before JSON encoding; `cached` lets Druid use and fill its caches."""
    return {
        "query": statement,
        "parameters": [{"type": TYPES[type(value)], "value": value} for value in parameters],
        "context": _context[cached],
        "resultFormat": "array",
        "header": True,
    }


class Cursor(db.api.Cursor):  # type: ignore[misc]
    """pydruid's cursor, changed so that Druid binds the parameters and sends each row as an array."""

    def __init__(self, transport: Transport, cached: bool) -> None:
        super().__init__(PATH, context=CONTEXT, header=True)
        self._transport, self._cached = transport, cached

    @check_closed  # type: ignore[untyped-decorator]
    def execute(self, operation: str, parameters: Sequence[str | int | float] = ()) -> "Cursor":
        """Executes a statement with a value for each `?` and reads all rows; FailureError if no result arrives."""
        body = _encode(payload(operation, parameters, self._cached))
        names, *rows = _decode(self._transport.send("POST", PATH, body, TIMEOUT + 5))
        self.description = [(name, None, None, None, None, None, True) for name in names]
        self._results = iter(rows)
        return self

    @check_closed  # type: ignore[untyped-decorator]
    def fetchall(self) -> list[list[Any]]:
        """All rows of the result that were not fetched before, each as a list."""
        return list(self._results)


class Connection(db.api.Connection):  # type: ignore[misc]
    """pydruid's connection to Druid, with one HTTP connection for all its cursors."""

    def __init__(self, transport: Transport, cached: bool = False) -> None:
        super().__init__(context=CONTEXT)
        self._transport, self._cached = transport, cached

    @check_closed  # type: ignore[untyped-decorator]
    def cursor(self) -> Cursor:
        """A new cursor, which executes a statement and fetches its rows."""
        return Cursor(self._transport, self._cached)

    def close(self) -> None:
        """Closes the connection and its HTTP connection."""
        super().close()
        self._transport.close()

    def rows(self, statement: str, parameters: Sequence[str | int | float] = ()) -> list[list[Any]]:
        """Executes a statement and returns all rows of the result; FailureError with Druid's message if Druid fails."""
        rows: list[list[Any]] = self.cursor().execute(statement, parameters).fetchall()
        return rows
