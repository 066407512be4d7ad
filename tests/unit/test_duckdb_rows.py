"""The rows that DuckDB's adapter fetches as Python objects and those that it fetches as Arrow tables."""

from collections.abc import Iterator

import duckdb
import pyarrow as pa
import pytest

from rollup_bench.engines.duckdb.engine import FEW, fetched

ROWS = """SELECT i AS whole, 1.5 * CAST(i AS DOUBLE) AS number, CAST(i AS VARCHAR) AS text,
CAST(['a', 'b', NULL][1 + i % 3] AS letter) AS listed, nullif(i % 2, 0) AS missing FROM range(?) AS numbers (i)"""
SCHEMA = pa.schema(
    {"whole": pa.int64(), "number": pa.float64(), "text": pa.string(), "listed": pa.string(), "missing": pa.int64()}
)


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        yield opened.execute("CREATE TYPE letter AS ENUM ('a', 'b')")


@pytest.mark.filterwarnings("ignore:Arrow output")
@pytest.mark.parametrize("count", [0, 1, FEW - 1, FEW, FEW + 1, 5000])
def test_few_and_many_rows_are_fetched_alike(connection: duckdb.DuckDBPyConnection, count: int) -> None:
    rows = fetched(connection.execute(ROWS, [count]))
    assert rows.schema == SCHEMA
    assert rows.to_pylist() == [
        {"whole": i, "number": 1.5 * i, "text": str(i), "listed": ("a", "b", None)[i % 3], "missing": i % 2 or None}
        for i in range(count)
    ]
