"""Druid over HTTP: pydruid's connection with one kept-alive session, bound parameters and array results."""

from collections.abc import Sequence
from typing import Any

import msgspec
from pydruid import db
from pydruid.db.api import check_closed

from rollup_bench.engines.druid.wire import Wire

PATH = "/druid/v2/sql"
TIMEOUT = 300.0
"""Seconds after which an answer is no longer waited for."""
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
    """What the SQL API is sent for a statement; `cached` lets it answer from its caches."""
    return {
        "query": statement,
        "parameters": [{"type": TYPES[type(value)], "value": value} for value in parameters],
        "context": _context[cached],
        "resultFormat": "array",
        "header": True,
    }


class Cursor(db.api.Cursor):  # type: ignore[misc]
    """pydruid's cursor, but values travel as the SQL API's parameters and rows come back as arrays."""

    def __init__(self, wire: Wire, cached: bool) -> None:
        super().__init__(PATH, context=CONTEXT, header=True)
        self._wire, self._cached = wire, cached

    @check_closed  # type: ignore[untyped-decorator]
    def execute(self, operation: str, parameters: Sequence[str | int | float] = ()) -> "Cursor":
        """Runs a statement with a value for each `?` in it; Druid ends it when it takes too long."""
        body = _encode(payload(operation, parameters, self._cached))
        names, *rows = _decode(self._wire.send("POST", PATH, body, TIMEOUT + 5))
        self.description = [(name, None, None, None, None, None, True) for name in names]
        self._results = iter(rows)
        return self

    @check_closed  # type: ignore[untyped-decorator]
    def fetchall(self) -> list[list[Any]]:
        """The rows that are left, at once; pydruid would look at each of them in turn."""
        return list(self._results)


class Connection(db.api.Connection):  # type: ignore[misc]
    """pydruid's connection, with one wire for all of its cursors."""

    def __init__(self, wire: Wire, cached: bool = False) -> None:
        super().__init__(context=CONTEXT)
        self._wire, self._cached = wire, cached

    @check_closed  # type: ignore[untyped-decorator]
    def cursor(self) -> Cursor:
        """A cursor; it lasts for one statement."""
        return Cursor(self._wire, self._cached)

    def close(self) -> None:
        """Lets go of the wire too."""
        super().close()
        self._wire.close()

    def rows(self, statement: str, parameters: Sequence[str | int | float] = ()) -> list[list[Any]]:
        """All rows of a statement's result; FailureError with Druid's own words."""
        found: list[list[Any]] = self.cursor().execute(statement, parameters).fetchall()
        return found
