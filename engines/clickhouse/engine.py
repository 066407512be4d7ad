"""The ClickHouse adapter: a folder for each plan, with the tables of the plan's layout."""

import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import chdb
import pyarrow as pa

from rollup_bench.engines.clickhouse import connections, disks, export, loading
from rollup_bench.engines.clickhouse.connections import Connection
from rollup_bench.engines.clickhouse.disks import ATTACHED
from rollup_bench.engines.clickhouse.rollup import Stored
from rollup_bench.engines.clickhouse.sources import source
from rollup_bench.engines.clickhouse.statements import statement
from rollup_bench.engines.clickhouse.states import CONFIDENCE, measured
from rollup_bench.engines.clickhouse.table import Table
from rollup_bench.engines.clickhouse.tables import table_set, tables
from rollup_bench.engines.contract import Engine, Loaded, Plan, Session, Support, Where, demand, unsupported
from rollup_bench.engines.exports import write_text
from rollup_bench.engines.stages import loaded
from rollup_bench.engines.tuned import EVENTS, TableSet
from rollup_bench.errors import FailureError, RequestError
from rollup_bench.servers import Server
from rollup_bench.servers.budget import Budget
from rollup_bench.servers.watch import Watch
from rollup_bench.workloads import answers
from rollup_bench.workloads.columns import INSTANT
from rollup_bench.workloads.dataset import Dataset
from rollup_bench.workloads.events import Events, Statistics
from rollup_bench.workloads.layouts import Layout
from rollup_bench.workloads.measures import ESTIMABLE, Measure
from rollup_bench.workloads.questions import EPOCH, Question, milliseconds
from rollup_bench.workloads.templates import Template

FIRST, LAST = (milliseconds(datetime(year, 1, 1, tzinfo=UTC)) for year in (1901, 2299))
"""The times that are stored: ClickHouse has dates from 1900 to 2299, and buckets begin up to a year before events."""


@dataclass(frozen=True)
class Tables:
    """The tables of a plan, and what they store."""

    stored: TableSet[Stored]
    all: tuple[Table, ...]


class ClickHouse(Engine):
    """ClickHouse, which chDB runs in this process, with its files in the folder `clickhouse` of `home`."""

    name = "clickhouse"
    version = chdb.engine_version
    scope = "embedded: no network, no server process"

    def __init__(self, server: Server | None, home: Path, budget: Budget) -> None:
        super().__init__(server, home, budget)
        self._folder = home / "clickhouse"
        self.sessions = budget.cores
        self._settings = connections.settings(budget)

    def plan(self, dataset: Dataset, layout: Layout, statistics: Statistics) -> Plan:
        stored = table_set(dataset, layout, statistics)
        created = tuple(tables(stored, dataset, statistics))
        text = ";\n".join(table.text for table in created)
        return Plan(self.name, dataset, layout, statistics, text, Tables(stored, created))

    def support(self, question: Question, plan: Plan) -> Support:
        if reason := _unstorable(plan.statistics):
            return unsupported(reason)
        try:
            read = source(question, plan)
        except RequestError as refusal:
            return unsupported(str(refusal))
        error = max((_error(m, read.table) for m in getattr(question, "measures", ())), default=0.0)
        confidence = CONFIDENCE if error else 1.0
        return Support(Where.INGEST if read.table else Where.PROCESS, "", error, confidence, read.names)

    def explain(self, question: Question, plan: Plan) -> str:
        text, values = statement(question, plan)
        return f"{text}\n-- parameters: {', '.join(f'p{i} = {value!r}' for i, value in enumerate(values, 1))}"

    def export(self, plan: Plan, questions: Sequence[Template], events: Events, folder: Path) -> str:
        export.write_events(plan.schema, events.batches(), folder)
        write_text(folder / "settings.sql", *export.settings(self._settings))
        write_text(folder / "schema.sql", *export.schema(plan))
        for template in questions:
            lines = export.query(template, plan, source(template.fill(), plan))
            write_text(folder / "queries" / f"{template.name}.sql", *lines)
        return export.USAGE

    def load(self, plan: Plan, events: Events, watch: Watch) -> Loaded:
        if reason := _unstorable(plan.statistics):
            raise RequestError(reason)
        began, folder = time.perf_counter(), self._folder / f"{plan.name}.loading"
        with disks.loading(folder, plan.tables.all, self._settings) as connection:
            stages = loading.fill(connection, plan, events, watch)
            counts, merged = loading.counted(connection, plan), loading.merged(connection)
        for part in merged:
            shutil.rmtree(part)
        stored = EVENTS if plan.tables.stored.events else None
        result = loaded(plan, counts, stored, time.perf_counter() - began, stages)
        folder.rename(self._path(plan))
        return result

    def rows(self, plan: Plan) -> int | None:
        if not self._path(plan).exists():
            return None
        try:
            with ATTACHED.session(self._path(plan), plan.tables.all, self._settings) as connection:
                return sum(loading.counted(connection, plan).values())
        except FailureError:
            return None

    def drop(self, plan: Plan) -> None:
        for path in self._folder.glob(f"{plan.name}*"):
            shutil.rmtree(path)

    @contextmanager
    def session(self, plan: Plan) -> Iterator[Session]:
        with ATTACHED.session(self._path(plan), plan.tables.all, self._settings) as connection:
            yield _Session(connection, self, plan)

    def _path(self, plan: Plan) -> Path:
        return self._folder / plan.name


class _Session(Session):
    def __init__(self, connection: Connection, engine: ClickHouse, plan: Plan) -> None:
        self._connection, self._engine, self._plan = connection, engine, plan

    def ask(self, question: Question) -> pa.Table:
        demand(self._engine.support(question, self._plan))
        return typed(self._connection.arrow(*statement(question, self._plan)), question, self._plan)


def typed(result: pa.Table, question: Question, plan: Plan) -> pa.Table:
    """The result of a question's statement in the schema of the answer."""
    wanted = answers.schema(question, plan.schema)
    arrays = [
        column.cast(pa.int64()).cast(INSTANT) if field.type == INSTANT else column.cast(field.type)
        for column, field in zip(result.columns, wanted, strict=True)
    ]
    return pa.table(arrays, schema=wanted)


def _unstorable(statistics: Statistics) -> str | None:
    """Why ClickHouse cannot store the times of the events; None if it can."""
    if statistics.first >= FIRST and statistics.last < LAST:
        return None
    first, last = ((EPOCH + timedelta(milliseconds=end)).date() for end in (statistics.first, statistics.last))
    return f"ClickHouse has dates from 1900 to 2299: it stores events from 1901 to 2298, not from {first} to {last}"


def _error(measure: Measure, table: object) -> float:
    """The error of a measure that is computed from a table."""
    if measure.function not in ESTIMABLE:
        return 0.0
    return table.error(measure) if isinstance(table, Stored) else measured(measure).error
