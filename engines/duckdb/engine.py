"""The DuckDB adapter: a database file for each plan, with the tables of the plan's layout."""

import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from rollup_bench.engines.cohorts import StoredActivity
from rollup_bench.engines.contract import Engine, Loaded, Plan, Session, Support, Where, unsupported
from rollup_bench.engines.duckdb import export, rollup, sql, tables
from rollup_bench.engines.duckdb.cohort import cohort, stored_cohort
from rollup_bench.engines.duckdb.funnel import funnel, stored_funnel
from rollup_bench.engines.duckdb.loading import filled, naive_batches, naive_schema, steps, stored_events
from rollup_bench.engines.duckdb.sources import source
from rollup_bench.engines.duckdb.timeout import SECONDS, Timeout
from rollup_bench.engines.duckdb.zones import LocalTime, local_time
from rollup_bench.engines.exports import write_text
from rollup_bench.engines.sql import Parameters, quoted
from rollup_bench.engines.stages import loaded
from rollup_bench.errors import FailureError, RequestError
from rollup_bench.servers import Server
from rollup_bench.servers.budget import Budget
from rollup_bench.servers.watch import Watch
from rollup_bench.workloads import answers
from rollup_bench.workloads.columns import INSTANT
from rollup_bench.workloads.dataset import Dataset
from rollup_bench.workloads.events import Events, Statistics
from rollup_bench.workloads.layouts import Layout
from rollup_bench.workloads.measures import Measure
from rollup_bench.workloads.questions import Aggregate, Cohort, Grain, Question, milliseconds, spanless
from rollup_bench.workloads.templates import Template

BUCKET = pa.field("bucket", INSTANT)
FETCHED = {"bigint": pa.int64(), "double": pa.float64(), "varchar": pa.string(), "enum": pa.string()}
"""The Arrow types of the columns of answers and counts, by DuckDB's types."""
FEW = 200
"""How many rows are fetched as Python objects; for more rows, DuckDB's Arrow table takes less time."""
NO_CLOCK = LocalTime("UTC", 0, 0)
"""For questions of a single bucket, whose SQL contains no local time."""
warnings.filterwarnings("ignore", "Arrow output on a DB-API result makes an extra copy")


class DuckDB(Engine):
    """DuckDB, which runs in this process and has its files in the folder `duckdb` of `home`."""

    name = "duckdb"
    version = duckdb.__version__
    scope = "embedded: no network, no server process"

    def __init__(self, server: Server | None, home: Path, budget: Budget) -> None:
        super().__init__(server, home, budget)
        self._folder = home / "duckdb"
        self.sessions = budget.cores
        self._config = settings(budget)

    def plan(self, dataset: Dataset, layout: Layout, statistics: Statistics) -> Plan:
        table_set = tables.tables(dataset, layout, statistics)
        text = ";\n".join(filter(None, tables.statements(table_set, statistics, dataset.columns)))
        return Plan(self.name, dataset, layout, statistics, text, table_set)

    def support(self, question: Question, plan: Plan) -> Support:
        try:
            read = source(question, plan)
        except RequestError as refusal:
            return unsupported(str(refusal))
        return Support(Where.INGEST if read.table else Where.PROCESS, tables=read.names)

    def explain(self, question: Question, plan: Plan) -> str:
        text, values = statement(question, plan)
        bound = ", ".join(f"${place} = {export.literal(value)}" for place, value in enumerate(values, 1))
        return "\n-- ".join([text, *f"parameters: {bound}".split("\n")])

    def export(self, plan: Plan, questions: Sequence[Template], events: Events, folder: Path) -> str:
        export.write_events(naive_schema(plan.schema), naive_batches(events, Watch()), folder)
        write_text(folder / "settings.sql", *export.settings(settings(self.budget)))
        write_text(folder / "schema.sql", *export.schema(plan))
        for template in questions:
            lines = export.query(template, plan, statement, source(template.fill(), plan))
            write_text(folder / "queries" / f"{template.name}.sql", *lines)
        return export.USAGE

    def load(self, plan: Plan, events: Events, watch: Watch) -> Loaded:
        began = time.perf_counter()
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self.path(plan)
        try:
            with self.connected(path) as connection, watch.ending(connection.interrupt):
                batches = pa.RecordBatchReader.from_batches(naive_schema(plan.schema), naive_batches(events, watch))
                connection.register("batches", batches)
                stages = filled(connection, steps(plan), path)
                counts = _counts(connection, plan)
        except duckdb.Error as error:
            raise failure(error) from None
        return loaded(plan, counts, stored_events(plan), time.perf_counter() - began, stages)

    def rows(self, plan: Plan) -> int | None:
        path = self.path(plan)
        if not path.exists():
            return None
        try:
            with self.connected(path, read_only=True) as connection:
                return sum(_counts(connection, plan).values())
        except duckdb.Error:
            return None

    def drop(self, plan: Plan) -> None:
        for path in self._folder.glob(f"{plan.name}.*"):
            path.unlink()

    @contextmanager
    def session(self, plan: Plan) -> Iterator[Session]:
        with self.connected(self.path(plan), read_only=True) as connection, asking(connection, plan) as session:
            yield session

    def path(self, plan: Plan) -> Path:
        """The database file of a plan."""
        return self._folder / f"{plan.name}.duckdb"

    def connected(self, path: Path, read_only: bool = False) -> duckdb.DuckDBPyConnection:
        """A connection to a database file, held to the budget."""
        return duckdb.connect(str(path), read_only=read_only, config=self._config)


def settings(budget: Budget) -> dict[str, str | bool | int | float | list[str]]:
    """The settings that hold a DuckDB instance to a budget."""
    return {"threads": budget.cores, "memory_limit": f"{budget.memory >> 20}MiB"}


def statement(question: Question, plan: Plan, local: LocalTime | None = None) -> tuple[str, list[object]]:
    """The SQL of a question and its bound values; RequestError if the plan does not support the question.

    The SQL contains the clock changes of `local`, by default those that the question needs.
    """
    text, values = _open_statement(question, plan, local)
    return text, [value(question.span) if callable(value) else value for value in values]


def _open_statement(question: Question, plan: Plan, local: LocalTime | None) -> tuple[str, list[Any]]:
    """The SQL of a question and its bound values; functions of the span stand for values that depend on it."""
    read, columns = source(question, plan), plan.dataset.columns
    match question:
        case Aggregate():
            if local is None and question.grain is not Grain.ALL:
                local = local_time(question.zone, question.span.milliseconds, plan.statistics, question.where)
            return _aggregate(spanless(question), plan, read.name, bool(read.whole), local)
        case Cohort():
            span = question.span.milliseconds[0], milliseconds(question.until)
            local = local or local_time(question.zone, span, plan.statistics)
            if isinstance(read.table, StoredActivity):
                return stored_cohort(question, read.table, _integers(plan), local)
            return cohort(question, columns, _integers(plan), local)
        case _:
            return stored_funnel(question, read.name, columns) if read.table else funnel(question, columns)


@lru_cache(maxsize=1024)
def _aggregate(
    question: Aggregate, plan: Plan, table: str, cut: bool, local: LocalTime | None
) -> tuple[str, list[Any]]:
    """The SQL of an aggregate over a table, and its bound values; functions of the span stand for some of them.

    `cut` says that the table is a roll-up and that the events of the buckets that a span cuts are read too.
    """
    parameters, time, stored = Parameters(), plan.dataset.columns.time.name, plan.tables.rollups.get(table)
    integers, local = _integers(plan), local or NO_CLOCK
    if stored is not None and cut:
        rows = rollup.with_ends(table, stored, time, parameters)
    else:
        start, end = sql.span_ends(parameters)
        rows = sql.Rows(quoted(table), sql.in_span(time, start, end), start)
    if stored is None:
        return sql.aggregate(question, time, rows, lambda m: sql.measure(m, integers), local, parameters)
    flagging, few = stored.flagging(question), replace(local, events=0)
    if question.grain == stored.layout.grain:
        rows = rows._replace(bucket=f"epoch_ms({quoted(time)})")

    def measure(wanted: Measure) -> str:
        return rollup.measure(wanted, flagging, stored, integers)

    return sql.aggregate(flagging, time, rows, measure, few, parameters)


def _integers(plan: Plan) -> set[str]:
    """The names of the integer columns of the events."""
    return {name for name, kind in plan.statistics.types.items() if kind == "int64"}


def fetched(result: duckdb.DuckDBPyConnection, schema: pa.Schema | None = None) -> pa.Table:
    """The rows of the statement that a connection has just executed; a few rows are in `schema` if there is one.

    `execute` binds a statement once, and `sql` twice. After `execute`, DuckDB 2.0 makes an Arrow table by a second
    statement, which takes longer than making a table of a few Python objects.
    """
    if hasattr(result, "fetch_arrow_table"):  # before DuckDB 2.0, which makes an Arrow table without another statement
        table: pa.Table = (getattr(result, "to_arrow_table", None) or result.fetch_arrow_table)()
        return table
    schema = schema or pa.schema([(name, FETCHED[kind.id]) for name, kind, *_ in result.description])
    rows = result.fetchmany(FEW)
    values = zip(*rows, strict=True) if rows else [()] * len(schema)
    arrays = [pa.array(column, kind) for column, kind in zip(values, schema.types, strict=True)]
    few = pa.Table.from_arrays(arrays, schema=schema)
    rest = result.to_arrow_table() if len(rows) == FEW else None  # None if no row remains
    return few if rest is None else pa.concat_tables([few.cast(rest.schema), rest])


def typed(result: pa.Table, question: Question, schema: pa.Schema) -> pa.Table:
    """The result of a question's statement in `schema`, that of the answer; the texts of an ENUM become plain texts."""
    if result.schema == schema:
        return result
    if isinstance(question, Aggregate):  # casting all columns is slow, and so is combining a single chunk
        column = result.column(0)
        buckets = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
        result = result.set_column(0, BUCKET, buckets.view(INSTANT))
        for i, name in enumerate(question.by, 1):
            result = result.set_column(i, name, result.column(i).cast(schema.field(name).type))
        return result
    return result.cast(schema)


def _counts(connection: duckdb.DuckDBPyConnection, plan: Plan) -> dict[str, int]:
    """The number of rows in each table, by the table's name."""
    (row,) = connection.execute(counting(plan)).fetchall()
    return dict(zip(plan.tables.names, row, strict=True))


def counting(plan: Plan) -> str:
    """The statement that counts the rows of each table, in a column with the table's name."""
    counts = (f"(SELECT count(*) FROM {quoted(name)}) AS {quoted(name)}" for name in plan.tables.names)
    return f"SELECT {', '.join(counts)}"


def failure(error: duckdb.Error) -> Exception:
    """DuckDB's error as an OverflowError for a value out of range, else as a FailureError."""
    text = str(error).splitlines()[0]
    if isinstance(error, (duckdb.OutOfRangeException, duckdb.ConversionException)):
        return OverflowError(text)
    if isinstance(error, duckdb.InterruptException):
        return FailureError(f"duckdb gives no answer in {SECONDS:g} s")
    return FailureError(f"duckdb: {text}")


@contextmanager
def asking(connection: duckdb.DuckDBPyConnection, plan: Plan) -> Iterator[Session]:
    """A session that asks by a connection."""
    with closing(Timeout(connection.interrupt)) as timeout:
        yield _Session(connection, plan, timeout)


class _Session(Session):
    def __init__(self, connection: duckdb.DuckDBPyConnection, plan: Plan, timeout: Timeout) -> None:
        self._connection = connection
        self._plan = plan
        self._schema = lru_cache(partial(answers.schema, events=plan.schema))
        self._timeout = timeout

    def ask(self, question: Question) -> pa.Table:
        text, values = statement(question, self._plan)
        schema = self._schema(spanless(question))
        try:
            with self._timeout:
                return typed(fetched(self._connection.execute(text, values), schema), question, schema)
        except duckdb.Error as error:
            raise failure(error) from None
