"""The rows that DuckDB's adapter fetches as Python objects and those that it fetches as Arrow tables."""

from collections.abc import Iterator
from datetime import UTC, datetime

import duckdb
import pyarrow as pa
import pytest

from rollup_bench.engines.duckdb.engine import FEW, fetched, typed
from rollup_bench.workloads import answers
from rollup_bench.workloads.columns import INSTANT
from rollup_bench.workloads.measures import parse
from rollup_bench.workloads.questions import Aggregate, Span

ROWS = """SELECT i AS whole, 1.5 * CAST(i AS DOUBLE) AS number, CAST(i AS VARCHAR) AS text,
CAST(['a', 'b', NULL][1 + i % 3] AS letter) AS listed, nullif(i % 2, 0) AS missing FROM range(?) AS numbers (i)"""
SCHEMA = pa.schema({"whole": pa.int64(), "number": pa.float64(), "text": pa.string(), "missing": pa.int64()})


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        yield opened.execute("CREATE TYPE letter AS ENUM ('a', 'b')")


@pytest.mark.parametrize("count", [0, 1, FEW - 1, FEW, FEW + 1, 5000])
def test_few_and_many_rows_are_fetched_alike(connection: duckdb.DuckDBPyConnection, count: int) -> None:
    rows = fetched(connection.execute(ROWS, [count]))
    assert rows.drop_columns("listed").schema == SCHEMA  # above FEW rows, that of an ENUM is a dictionary
    assert rows.to_pylist() == [
        {"whole": i, "number": 1.5 * i, "text": str(i), "listed": ("a", "b", None)[i % 3], "missing": i % 2 or None}
        for i in range(count)
    ]


def test_rows_of_many_small_parts_are_all_fetched(connection: duckdb.DuckDBPyConnection) -> None:
    parts = " UNION ALL ".join(f"SELECT CAST({i} AS BIGINT) AS n FROM range(2)" for i in range(FEW))
    rows = fetched(connection.execute(parts))["n"].to_pylist()
    assert sorted(rows) == sorted([*range(FEW), *range(FEW)])


@pytest.mark.parametrize("count", [1, FEW + 1])
def test_few_rows_are_in_the_schema_of_the_answer(connection: duckdb.DuckDBPyConnection, count: int) -> None:
    question = Aggregate(Span(datetime(1970, 1, 1, tzinfo=UTC), datetime(1971, 1, 1, tzinfo=UTC)), (parse("count()"),))
    schema = answers.schema(question, pa.schema({"at": INSTANT}))
    result = connection.execute('SELECT i AS bucket, i AS "count()" FROM range(?) AS numbers (i)', [count])
    rows = typed(fetched(result, schema), question, schema)
    assert rows.schema == schema
    assert rows["bucket"].cast(pa.int64()).to_pylist() == rows["count()"].to_pylist() == list(range(count))


def test_versions_that_make_arrow_tables_at_once_are_asked_for_one() -> None:
    """In DuckDB 1.5, `to_arrow_table` leaves out rows of the part that `fetchmany` has begun."""
    table = pa.table({"n": [1]})

    class Result:
        def fetch_arrow_table(self) -> None:
            raise AssertionError("DuckDB 1.5 deprecates it")

        def to_arrow_table(self) -> pa.Table:
            return table

    assert fetched(Result()) is table  # type: ignore[arg-type]
