"""Tables of DuckDB that a stream fills; each write is a transaction, which stores how far the stream is stored, too."""

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb
import pyarrow as pa

from rollup_bench.engines.contract import Plan, Session, Support, Where, demand, unsupported
from rollup_bench.engines.duckdb import rollup
from rollup_bench.engines.duckdb.engine import DuckDB, asking, failure
from rollup_bench.engines.duckdb.loading import naive_schema
from rollup_bench.engines.duckdb.tables import TYPES
from rollup_bench.engines.duckdb.zones import LocalTime
from rollup_bench.engines.following import Follower, Mark, Written
from rollup_bench.engines.sql import quoted
from rollup_bench.workloads import layouts

MARK = quoted("stored of the stream")
BATCH = "batch"
"""The name under which the statements read the events of a write."""


class DuckDBFollower(Follower[DuckDB]):
    """Fills the tables of raw events or of a roll-up; sessions are cursors of the connection that writes."""

    def support(self, plan: Plan) -> Support:
        if plan.layout == layouts.tuned:
            return unsupported("the tables of tuned are made from all events at once")
        return Support(Where.PROCESS if plan.layout == layouts.raw else Where.INGEST)

    @contextmanager
    def opened(self, plan: Plan) -> Iterator[Written]:
        demand(self.support(plan))
        path = self.engine.path(plan)
        path.parent.mkdir(parents=True, exist_ok=True)
        with self.engine.connected(path) as connection:
            yield _Tables(connection, plan)


FOLLOWER = DuckDBFollower


class _Tables(Written):
    def __init__(self, connection: duckdb.DuckDBPyConnection, plan: Plan) -> None:
        self._connection, self._plan = connection, plan
        self._schema = naive_schema(plan.schema)
        connection.register(BATCH, self._schema.empty_table())
        for text in _created(plan):
            connection.execute(text)

    def mark(self) -> Mark:
        (row,) = self._connection.execute(f"FROM {MARK}").fetchall()
        return Mark(*row)

    def write(self, events: pa.Table, mark: Mark) -> None:
        self._connection.register(BATCH, events.cast(self._schema))
        try:
            self._connection.execute("BEGIN")
            for text in _written(self._plan):
                self._connection.execute(text)
            self._connection.execute(f"UPDATE {MARK} SET events = ?, place = ?", list(mark))
            self._connection.execute("COMMIT")
        except duckdb.Error as error:
            raise failure(error) from None

    @contextmanager
    def session(self) -> Iterator[Session]:
        with self._connection.cursor() as cursor, asking(cursor, self._plan) as session:
            yield session


def _created(plan: Plan) -> list[str]:
    """The statements that create the tables if they do not exist.

    Texts have no ENUM, because the values of a stream are not known beforehand.
    """
    columns = ", ".join(f"{quoted(name)} {TYPES[kind]}" for name, kind in plan.statistics.types.items())
    return [
        f"CREATE TABLE IF NOT EXISTS {MARK} (events BIGINT, place VARCHAR)",
        f"INSERT INTO {MARK} SELECT 0, '' WHERE NOT EXISTS (FROM {MARK})",
        *([f"CREATE TABLE IF NOT EXISTS events ({columns})"] if plan.tables.events else []),
        *(f"CREATE TABLE IF NOT EXISTS {quoted(name)} AS {text}" for name, text in _selected(plan).items()),
    ]


def _written(plan: Plan) -> list[str]:
    """The statements that store the events named `BATCH`."""
    time, stored = plan.dataset.columns.time.name, plan.tables.rollups
    return [
        *([f"INSERT INTO events BY NAME FROM {BATCH}"] if plan.tables.events else []),
        *(rollup.merge(name, stored[name], time, text) for name, text in _selected(plan).items()),
    ]


def _selected(plan: Plan) -> dict[str, str]:
    """The SELECT of the rows of each roll-up from the events named `BATCH`."""
    time, known = plan.dataset.columns.time.name, plan.statistics
    return {
        name: rollup.select(each, time, BATCH, LocalTime(each.layout.zone, known.first, known.last))
        for name, each in plan.tables.rollups.items()
    }
