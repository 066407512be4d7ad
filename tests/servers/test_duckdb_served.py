"""The DuckDB server: its time limit, its files, its loads, and how many statements run at the same time."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pytest

from rollup_bench.engines.duckdb_served.client import Client
from rollup_bench.engines.duckdb_served.flight_server import cursors
from rollup_bench.engines.duckdb_served.protocol import Load, Query, StatementError
from rollup_bench.errors import FailureError
from rollup_bench.servers import Server
from tests.conftest import BUDGET

DATABASE = "test"
ENDLESS = "SELECT sum(a.range * b.range) FROM range(10000000) a, range(10000000) b"
BATCH = pa.record_batch({"n": [1, 2, 3]})
CREATE = "CREATE TABLE events AS SELECT * FROM batches"


@pytest.fixture
def client(duckdb_served_server: Server) -> Iterator[Client]:
    """A client of the server, which holds a small database."""
    with closing(Client(duckdb_served_server.connection)) as opened:
        opened.load(Load(DATABASE, (CREATE,), 3), BATCH.schema, [BATCH], 60)
        yield opened
        opened.act("drop", DATABASE)


def rows(client: Client, text: str, *values: object) -> list[dict[str, object]]:
    found: list[dict[str, object]] = client.table(Query(DATABASE, text, list(values))).to_pylist()
    return found


def test_statements_that_take_too_long_are_interrupted(client: Client, duckdb_served_server: Server) -> None:
    """As many as there are cursors; a cursor of an interrupted statement is free again."""
    with closing(Client(duckdb_served_server.connection, seconds=1)) as impatient:
        for _ in range(cursors(BUDGET)):
            with pytest.raises(FailureError, match=r"duckdb-served at 127.0.0.1:\d+ gives no answer in 1 s"):
                rows(impatient, ENDLESS)
    assert rows(client, "SELECT CAST(sum(n) AS BIGINT) AS n FROM events WHERE n > $1", 1) == [{"n": 5}]


def test_more_clients_than_cursors_are_all_answered(client: Client) -> None:
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda n: rows(client, "SELECT n FROM events WHERE n = $1", n % 3 + 1), range(200)))
    assert answers == [[{"n": n % 3 + 1}] for n in range(200)]


@pytest.mark.parametrize(
    "write",
    [
        lambda folder: f"COPY events TO '{folder}/events.csv'",
        lambda folder: f"ATTACH '{folder}/other.duckdb'",
        lambda folder: f"SELECT * FROM read_text('{__file__}')",
        lambda folder: "INSERT INTO events VALUES (4)",
        lambda folder: "SET threads = 100",
    ],
    ids=["copy", "attach", "read", "insert", "set"],
)
def test_statements_only_read_databases(client: Client, write: Callable[[Path], str], tmp_path: Path) -> None:
    with pytest.raises(StatementError):
        rows(client, write(tmp_path))
    assert not list(tmp_path.iterdir())
    assert rows(client, "SELECT count(*) AS n FROM events") == [{"n": 3}]


def test_a_load_with_fewer_rows_than_announced_stores_nothing(client: Client) -> None:
    with pytest.raises(StatementError, match="3 of 4 rows"):
        client.load(Load(DATABASE, (CREATE,), 4), BATCH.schema, [BATCH], 60)
    with pytest.raises(StatementError, match="no database test"):
        rows(client, "SELECT count(*) FROM events")


def test_a_load_whose_statement_fails_says_why(client: Client) -> None:
    with pytest.raises(StatementError, match="duckdb: Catalog Error: Table with name nothing does not exist"):
        client.load(Load(DATABASE, ("CREATE TABLE events AS FROM nothing",), 3), BATCH.schema, [BATCH], 60)


def test_a_new_load_replaces_the_database_under_open_cursors(client: Client) -> None:
    assert rows(client, "SELECT count(*) AS n FROM events") == [{"n": 3}]
    client.load(Load(DATABASE, (CREATE,), 6), BATCH.schema, [BATCH, BATCH], 60)
    with ThreadPoolExecutor(8) as pool:
        counts = list(pool.map(lambda _: rows(client, "SELECT count(*) AS n FROM events"), range(20)))
    assert counts == [[{"n": 6}]] * 20
