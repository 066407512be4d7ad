"""The Spark adapter: a folder of Parquet tables for each plan, which a Connect server reads."""

import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pyarrow as pa

from rollup_bench.engines.contract import Engine, Loaded, Plan, Session, Support, Where, demand, unsupported
from rollup_bench.engines.exports import write_server_settings, write_text
from rollup_bench.engines.spark import export, loading
from rollup_bench.engines.spark.client import ONE_LINE, Client
from rollup_bench.engines.spark.loading import Folder
from rollup_bench.engines.spark.rollup import Stored
from rollup_bench.engines.spark.server import RECIPE
from rollup_bench.engines.spark.sources import source
from rollup_bench.engines.spark.statements import error, statement
from rollup_bench.engines.spark.states import CONFIDENCE
from rollup_bench.engines.spark.table import Table
from rollup_bench.engines.spark.tables import table_set, tables
from rollup_bench.engines.stages import loaded
from rollup_bench.engines.tuned import EVENTS, TableSet
from rollup_bench.errors import RequestError
from rollup_bench.servers import Server
from rollup_bench.servers.budget import Budget
from rollup_bench.servers.watch import Watch
from rollup_bench.workloads import answers
from rollup_bench.workloads.columns import INSTANT
from rollup_bench.workloads.dataset import Dataset
from rollup_bench.workloads.events import Events, Statistics
from rollup_bench.workloads.layouts import Layout
from rollup_bench.workloads.measures import ESTIMABLE, Measure
from rollup_bench.workloads.questions import Question
from rollup_bench.workloads.templates import Template

SETTINGS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.caseSensitive": "true",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    **ONE_LINE,
}
"""The settings of a session."""


@dataclass(frozen=True)
class Tables:
    """The tables of a plan, and what they store."""

    stored: TableSet[Stored]
    all: tuple[Table, ...]


class Spark(Engine):
    """Spark, which is reached through a Connect server; the server's warehouse has the tables."""

    name = "spark"
    scope = "one Connect server that runs all tasks itself, tables as Parquet files"
    steps = ("The client sends events as Parquet files.",)

    def __init__(self, server: Server | None, home: Path, budget: Budget) -> None:
        super().__init__(server, home, budget)
        self.sessions = budget.cores
        if server is not None and server.via == "external":
            self.scope = "a Spark of one's own behind a Connect server, tables as Parquet files"
        elif server is not None and (workers := server.recipe.workers):
            self.scope = f"{workers} workers and a Connect server on one machine, tables as Parquet files"

    @cached_property
    def version(self) -> str:  # type: ignore[override]
        """The version of Spark that the server reports."""
        with self._client() as client:
            return client.version()

    def plan(self, dataset: Dataset, layout: Layout, statistics: Statistics) -> Plan:
        stored = table_set(dataset, layout, statistics)
        created = tuple(tables(stored, dataset, statistics))
        text = ";\n".join(table.text for table in created)
        return Plan(self.name, dataset, layout, statistics, text, Tables(stored, created))

    def support(self, question: Question, plan: Plan) -> Support:
        try:
            read = source(question, plan)
        except RequestError as refusal:
            return unsupported(str(refusal))
        bound = max((_error(m, read.table, plan.statistics) for m in getattr(question, "measures", ())), default=0.0)
        confidence = CONFIDENCE if bound else 1.0
        return Support(Where.INGEST if read.table else Where.SERVER, "", bound, confidence, read.names)

    def explain(self, question: Question, plan: Plan) -> str:
        text, values = statement(question, plan)
        return f"{text}\n-- parameters: {', '.join(f'p{i} = {value!r}' for i, value in enumerate(values, 1))}"

    def export(self, plan: Plan, questions: Sequence[Template], events: Events, folder: Path) -> str:
        write_server_settings(RECIPE, self.budget, folder)
        export.write_events(events, folder)
        write_text(folder / "settings.sql", *export.settings(SETTINGS))
        write_text(folder / "schema.sql", *export.schema(plan))
        for template in questions:
            lines = export.query(template, plan, source(template.fill(), plan))
            write_text(folder / "queries" / f"{template.name}.sql", *lines)
        return export.USAGE

    def load(self, plan: Plan, events: Events, watch: Watch) -> Loaded:
        began = time.perf_counter()
        with self._client() as client:
            counts, stages = loading.fill(client, plan, events, watch)
        every = EVENTS if plan.tables.stored.events else None
        return loaded(plan, counts, every, time.perf_counter() - began, stages)

    def rows(self, plan: Plan) -> int | None:
        with self._client() as client:
            return loading.stored(client, plan)

    def drop(self, plan: Plan) -> None:
        with self._client() as client:
            loading.drop(client, plan)

    @contextmanager
    def session(self, plan: Plan) -> Iterator[Session]:
        with self._client() as client:
            yield _Session(client, self, plan)

    def _client(self) -> closing[Client]:
        return closing(Client(self.served_by.connection, SETTINGS))


class _Session(Session):
    def __init__(self, client: Client, engine: Spark, plan: Plan) -> None:
        self._client, self._engine, self._plan = client, engine, plan
        self._folder = Folder.of(client, plan)
        self._attached = set[str]()

    def ask(self, question: Question) -> pa.Table:
        demand(self._engine.support(question, self._plan))
        self._attach(source(question, self._plan).names)
        return typed(self._client.table(*statement(question, self._plan)), question, self._plan)

    def _attach(self, names: Sequence[str]) -> None:
        """Names the tables that a question reads, the first time that they are read."""
        for table in self._plan.tables.all:
            if table.name in names and table.name not in self._attached:
                loading.attach(self._client, self._folder, table)
                self._attached.add(table.name)


def typed(result: pa.Table, question: Question, plan: Plan) -> pa.Table:
    """The result of a question's statement in the schema of the answer."""
    wanted = answers.schema(question, plan.schema)
    arrays = [
        column.cast(pa.int64()).cast(INSTANT) if field.type == INSTANT else column.cast(field.type)
        for column, field in zip(result.columns, wanted, strict=True)
    ]
    return pa.table(arrays, schema=wanted)


def _error(measure: Measure, table: object, statistics: Statistics) -> float:
    """The error of a measure that is computed from a table."""
    if measure.function not in ESTIMABLE:
        return 0.0
    return table.error(measure) if isinstance(table, Stored) else error(measure, statistics)
