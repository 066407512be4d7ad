"""SQLite behind the contract: a file a plan, a table `events` with times in milliseconds since 1970."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pyarrow as pa

from rollup_bench.engines import ordering
from rollup_bench.engines.contract import Engine, Loaded, Plan, Session, Support, Where, demand, unsupported
from rollup_bench.errors import FailureError
from rollup_bench.servers.watch import Watch
from rollup_bench.workloads import answers, layouts
from rollup_bench.workloads.dataset import Dataset
from rollup_bench.workloads.events import Events, Statistics
from rollup_bench.workloads.questions import Aggregate, Question

TYPES = {"timestamp": "INTEGER", "int64": "INTEGER", "string": "TEXT", "double": "REAL"}
MEASURES = {"count": "count(*)", "mean": "avg({})", "distinct": "count(DISTINCT {})"}
CONDITIONS = {"eq": "{} = ?", "ne": "{} <> ?", "lt": "{} < ?", "le": "{} <= ?", "gt": "{} > ?", "ge": "{} >= ?"}
CONDITIONS |= {"in": "{} IN ({})", "null": "({} IS NULL) = ?"}
LENGTHS = {"minute": (60_000, 0), "hour": (3_600_000, 0), "day": (86_400_000, 0), "week": (604_800_000, 259_200_000)}


class SQLite(Engine):
    """Raw events in rows, in this process."""

    name, version, scope = "sqlite", sqlite3.sqlite_version, "embedded: no network, no server process, rows"

    def plan(self, dataset: Dataset, layout: layouts.Layout, statistics: Statistics) -> Plan:
        columns = ", ".join(f"{_quoted(name)} {TYPES[kind]}" for name, kind in statistics.types.items())
        return Plan(self.name, dataset, layout, statistics, f"CREATE TABLE events ({columns})")

    def support(self, question: Question, plan: Plan) -> Support:
        if plan.layout != layouts.raw or not isinstance(question, Aggregate):
            return unsupported("only aggregates over raw events are written for SQLite")
        if question.zone != "UTC" or question.subtotals != "none" or any(m.at for m in question.measures):
            return unsupported("SQLite has no time zones, no ROLLUP or CUBE, and no quantiles")
        return Support(Where.PROCESS, tables=("events",))

    def explain(self, question: Question, plan: Plan) -> str:
        return "{}\n-- parameters: {}".format(*statement(question, plan))

    def load(self, plan: Plan, events: Events, watch: Watch) -> Loaded:
        began, insert = time.perf_counter(), f"INSERT INTO events VALUES ({', '.join('?' * len(plan.schema))})"
        with closing(sqlite3.connect(self._path(plan))) as connection, connection:
            connection.execute(plan.text)
            for batch in events.batches():
                watch.check()
                columns = [c.cast(pa.int64()) if pa.types.is_timestamp(c.type) else c for c in batch.columns]
                connection.executemany(insert, zip(*(c.to_pylist() for c in columns), strict=True))
        return Loaded(self.rows(plan) or 0, time.perf_counter() - began, self._path(plan).stat().st_size)

    def rows(self, plan: Plan) -> int | None:
        with closing(sqlite3.connect(self._path(plan))) as connection:
            there = connection.execute("SELECT count(*) FROM sqlite_master").fetchone() != (0,)
            return connection.execute("SELECT count(*) FROM events").fetchone()[0] if there else None

    def drop(self, plan: Plan) -> None:
        self._path(plan).unlink(missing_ok=True)

    @contextmanager
    def session(self, plan: Plan) -> Iterator[Session]:
        with closing(sqlite3.connect(self._path(plan))) as connection:
            yield _Asker(connection, self, plan)

    def _path(self, plan: Plan) -> Path:
        return self.home / f"{plan.name}.sqlite"


class _Asker(Session):
    def __init__(self, connection: sqlite3.Connection, engine: SQLite, plan: Plan) -> None:
        self._connection, self._engine, self._plan = connection, engine, plan

    def ask(self, question: Question) -> pa.Table:
        demand(self._engine.support(question, self._plan))
        try:
            rows = self._connection.execute(*statement(question, self._plan)).fetchall()
        except sqlite3.Error as error:
            raise (OverflowError if "integer overflow" in str(error) else FailureError)(f"sqlite: {error}") from None
        schema = answers.schema(question, self._plan.schema)
        return pa.Table.from_pylist([dict(zip(schema.names, row, strict=True)) for row in rows], schema)


def statement(question: Question, plan: Plan) -> tuple[str, list[object]]:
    """The SQL of a question and the values bound to it."""
    assert isinstance(question, Aggregate)
    instant, span, by = _quoted(plan.dataset.columns.time.name), question.span.milliseconds, map(_quoted, question.by)
    groups, conditions, values = ["bucket", *by], [f"{instant} >= ?", f"{instant} < ?"], list[object](span)
    conditions += [CONDITIONS[f.op].format(_quoted(f.column), ", ".join("?" * len(f.values))) for f in question.where]
    values += [value for f in question.where for value in f.values]
    forms = [MEASURES.get(m.function, f"{m.function}({{}})").format(_quoted(m.column or "")) for m in question.measures]
    columns = [f"{form} AS {_quoted(str(m))}" for form, m in zip(forms, question.measures, strict=True)]
    text = f"SELECT {', '.join([f'{bucket(question.grain, instant, span[0])} AS bucket', *groups[1:], *columns])}"
    text += f" FROM events WHERE {' AND '.join(conditions)} GROUP BY {', '.join(groups)}"
    order = [f"{_quoted(n)} {way.removesuffix('ending')} NULLS LAST" for n, way in ordering.order(question)]
    if question.top is not None:
        names = ", ".join(map(_quoted, answers.schema(question, plan.schema).names))
        place = f"row_number() OVER (PARTITION BY bucket ORDER BY {', '.join(order[1:])})"
        text = f"SELECT {names} FROM (SELECT *, {place} AS place FROM ({text})) WHERE place <= ?"
        values.append(question.top.n)
    return f"{text} ORDER BY {', '.join(order)}", values


def bucket(grain: str, instant: str, start: int) -> str:
    """The start of an event's bucket in milliseconds since 1970, UTC."""
    if grain in LENGTHS:
        length, offset = LENGTHS[grain]
        return f"{instant} - (({instant} + {offset}) % {length} + {length}) % {length}"
    seconds = f"{instant} / 1000.0, 'unixepoch'"
    quarter = f"'-' || ((strftime('%m', {seconds}) - 1) % 3) || ' months'"
    day = f"'start of month', {quarter}" if grain == "quarter" else f"'start of {grain}'"
    return str(start) if grain == "all" else f"unixepoch({seconds}, {day}) * 1000"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
