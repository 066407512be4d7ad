"""The Druid adapter: one or more datasources for each plan."""

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import replace
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa

from rollup_bench import servers
from rollup_bench.engines.contract import Built, Engine, Loaded, Plan, Session, Support, Where, unsupported
from rollup_bench.engines.druid import (
    bitmap_retention,
    cohort,
    cohort_tables,
    exact_quantiles,
    export,
    funnel_tables,
    loading,
    planning,
    sketches,
    sql,
)
from rollup_bench.engines.druid.client import Connection
from rollup_bench.engines.druid.cluster import POLL, Cluster
from rollup_bench.engines.druid.cohort_tables import CohortTable
from rollup_bench.engines.druid.datasource import Datasource, quoted
from rollup_bench.engines.druid.funnel_tables import FunnelTable
from rollup_bench.engines.druid.http_transport import Transport
from rollup_bench.engines.druid.loading import Load
from rollup_bench.engines.druid.planning import Table
from rollup_bench.engines.druid.server import RECIPE
from rollup_bench.engines.druid.sql import Statement
from rollup_bench.engines.exports import write_server_settings
from rollup_bench.errors import FailureError, RequestError
from rollup_bench.servers import Server
from rollup_bench.servers.budget import Budget
from rollup_bench.servers.watch import Watch
from rollup_bench.workloads.dataset import Dataset
from rollup_bench.workloads.events import Events, Statistics
from rollup_bench.workloads.layouts import Layout
from rollup_bench.workloads.questions import Aggregate, Cohort, Funnel, Question, spanless
from rollup_bench.workloads.templates import Template

DROPPED_TABLE = "getJdbcTableType"
"""Part of Druid's error message if a table was dropped while it listed all tables."""
DROP_SECONDS = 300.0
"""The deadline for dropping a plan."""


class Druid(Engine):
    """The adapter to a Druid cluster, which is reached through its router."""

    name = "druid"
    scope = "one node of each role, one copy of each segment"
    divides = True
    steps = (
        "Ingestion tasks, which are JSON, create and fill the datasources.",
        "The client computes the rows of cohorts and funnels from the events before the load.",
        "The client computes retention from a scan with a bitmap for each subject, and arranges the cells of cohorts.",
        "The client takes each subject's best entry of a funnel, and ranks the values of exact quantiles.",
    )

    def __init__(self, server: Server | None, home: Path, budget: Budget) -> None:
        super().__init__(server, home, budget)
        if server is not None and server.via == "external":
            self.scope = "a cluster of one's own, copies of each segment as its rules say"

    @cached_property
    def version(self) -> str:  # type: ignore[override]
        """The version of Druid that the cluster's router reports."""
        return self._cluster.version

    @cached_property
    def nodes(self) -> int:  # type: ignore[override]
        """The number of historicals."""
        ((count,),) = self._connection.rows("SELECT COUNT(*) FROM sys.servers WHERE server_type = 'historical'")
        return int(count)

    def plan(self, dataset: Dataset, layout: Layout, statistics: Statistics) -> Plan:
        datasources = planning.datasources(dataset, layout, statistics)
        specs = [loading.spec(datasource, f"*_{datasource.name}", self.budget) for datasource in datasources]
        text = "\n".join(msgspec.json.format(msgspec.json.encode(spec)).decode() for spec in specs)
        return Plan(self.name, dataset, layout, statistics, text, datasources)

    def support(self, question: Question, plan: Plan) -> Support:
        try:
            datasource = _answering(question, plan)
        except RequestError as refusal:
            return unsupported(str(refusal))
        work = _client_work(question, datasource)
        if not isinstance(datasource, Datasource):
            how = "; ".join(filter(None, [f"{datasource.title}: computed by the client before the load", work]))
            return Support(Where.INGEST, how, tables=(datasource.name,))
        measures = question.measures if isinstance(question, Aggregate) else ()
        error = max((datasource.error(m) for m in measures), default=0.0)
        where = Where.SERVER if datasource.raw else Where.INGEST
        confidence = sketches.CONFIDENCE if error else 1.0
        return Support(where, work, error=error, confidence=confidence, tables=(datasource.name,))

    def explain(self, question: Question, plan: Plan) -> str:
        query = statement(question, plan)
        work = _client_work(question, _answering(question, plan))
        notes = [f"parameters: {', '.join(map(repr, query.values))}", *filter(None, [work])]
        return "\n-- ".join([query.text, *notes])

    def export(self, plan: Plan, questions: Sequence[Template], events: Events, folder: Path) -> str:
        write_server_settings(RECIPE, self.budget, folder)
        files = folder / "data"
        loading.write_events(events, files, self.budget.cores, Watch())
        for load in loading.loads(plan, plan.tables, events, files, self.budget, Watch()):
            export.write_task(load, folder)
        for template in questions:
            export.write_query(template, plan, statement, _answering(template.fill(), plan), folder)
        return export.USAGE

    def load(self, plan: Plan, events: Events, watch: Watch) -> Loaded:
        began = time.perf_counter()
        folder = self._folder(plan)
        parts: list[Built] = []
        try:
            if not loading.has_all_parts(folder):
                loading.write_events(events, folder, self.budget.cores, watch)
            for datasources in filter(None, (planning.events(plan.tables), planning.built(plan.tables))):
                parts.append(self._load(plan, datasources, events, folder, watch))
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        rows, size = sum(part.rows for part in parts), sum(part.bytes or 0 for part in parts)
        return Loaded(rows, time.perf_counter() - began, size, parts[1] if len(parts) > 1 else None)

    def parts(self, plan: Plan, events: Events) -> list[Callable[[], int]]:
        if not self.served_by.shares_disk:
            raise RequestError("--load-on: this druid does not read the files of this machine; give --via native")
        for source in _sources(plan):
            self._cluster.cancel_tasks(source, Watch(seconds=DROP_SECONDS))
        return loading.missing_parts(events, self._folder(plan).absolute())

    def _folder(self, plan: Plan) -> Path:
        """The folder of the files of a load."""
        return self.home / "druid" / plan.name

    def _load(self, plan: Plan, datasources: Sequence[Table], events: Events, folder: Path, watch: Watch) -> Built:
        """Loads some datasources of a plan and returns when queries see all of their rows."""
        began = time.perf_counter()
        loads = loading.loads(plan, datasources, events, folder, self.budget, watch)
        loading.ingest_all(loads, self._cluster, self.served_by.shares_disk, watch)
        for load in loads:
            self._wait_until_counted(load, watch)
        rows = sum(self._count(load.source, "COUNT(*)") or 0 for load in loads)
        seconds = time.perf_counter() - began
        return Built(rows, seconds, sum(self._cluster.size(load.source) for load in loads))

    def rows(self, plan: Plan) -> int | None:
        counts = [self._count(source, "COUNT(*)") for source in _sources(plan)]
        return None if None in counts else sum(count or 0 for count in counts)

    def drop(self, plan: Plan) -> None:
        watch, cluster = Watch(seconds=DROP_SECONDS), self._cluster
        for source in (sources := _sources(plan)):
            cluster.cancel_tasks(source, watch)
        stored = sorted(set(cluster.datasources(plan.name)).intersection(sources))
        for source in stored:
            cluster.mark_unused(source)
        while any(map(self._is_served, stored)):
            watch.pause(POLL)
        cluster.delete_unused(stored, watch)
        shutil.rmtree(self._folder(plan), ignore_errors=True)

    def session(self, plan: Plan) -> AbstractContextManager[Session]:
        return self._session(plan, cached=False)

    def cached_session(self, plan: Plan) -> AbstractContextManager[Session]:
        return self._session(plan, cached=True)

    @contextmanager
    def _session(self, plan: Plan, cached: bool) -> Iterator[Session]:
        with closing(Connection(Transport(self._broker), cached)) as connection:
            yield _Session(connection, plan)

    def close(self) -> None:
        for opened in ("_cluster", "_connection"):
            if opened in self.__dict__:
                self.__dict__[opened].close()

    @cached_property
    def _cluster(self) -> Cluster:
        return Cluster(Transport(self.served_by.connection))

    @cached_property
    def _broker(self) -> servers.Connection:
        """Where questions are sent: to the broker itself if all processes are on this machine, else to the router."""
        address = self.served_by.connection
        if self.served_by.via != "native":
            return address
        ((port,),) = self._connection.rows("SELECT plaintext_port FROM sys.servers WHERE server_type = 'broker'")
        return replace(address, port=port)

    @cached_property
    def _connection(self) -> Connection:
        return Connection(Transport(self.served_by.connection))

    def _wait_until_counted(self, load: Load, watch: Watch) -> None:
        """Waits until queries see all rows of a load; FailureError if they count more."""
        while (count := self._count(load.source, load.datasource.count)) != load.rows:
            if count is not None and count > load.rows:
                raise FailureError(f"druid stored {count} events, but {load.rows} were loaded")
            watch.pause(POLL)

    def _is_served(self, source: str) -> bool:
        try:
            return bool(self._connection.rows("SELECT 1 FROM INFORMATION_SCHEMA.TABLES WHERE TABLE_NAME = ?", [source]))
        except FailureError as error:
            if DROPPED_TABLE not in str(error):
                raise
            return self._is_served(source)

    def _count(self, source: str, expression: str) -> int | None:
        """The number that the SQL `expression` counts in a datasource; None if Druid does not serve the datasource."""
        if not self._is_served(source):
            return None
        rows = self._connection.rows(f"SELECT {expression} FROM {quoted(source)}")
        return int(rows[0][0] or 0)


class _Session(Session):
    def __init__(self, connection: Connection, plan: Plan) -> None:
        self._connection, self._plan = connection, plan
        self._prepared = lru_cache(partial(_prepare, plan))

    def ask(self, question: Question) -> pa.Table:
        datasource = _answering(question, self._plan)
        if isinstance(question, Aggregate) and isinstance(datasource, Datasource):
            module, prepared = self._prepared(spanless(question), datasource)
            query = prepared.statement.over(question.span)
            rows = self._connection.rows(query.text, query.values)
            answer: pa.Table = module.answer(question, datasource, prepared, rows)
            return answer
        module = _module(question, datasource)
        query = module.statement(question, datasource, _source(self._plan, datasource))
        return module.answer(question, datasource, self._connection.rows(query.text, query.values))


def _prepare(plan: Plan, question: Aggregate, datasource: Datasource) -> tuple[Any, sql.Prepared]:
    """The module (`sql` or `exact_quantiles`) that asks for an aggregate, and what it prepares for any span."""
    module = exact_quantiles if exact_quantiles.applies(question, datasource) else sql
    return module, module.prepare(question, datasource, _source(plan, datasource))


def _client_work(question: Question, datasource: Table) -> str:
    """What the client does with the rows of the result besides sorting; empty if nothing."""
    if isinstance(question, Funnel):
        return "the client counts each subject once, by its entry that reached most steps"
    if isinstance(question, Aggregate) and isinstance(datasource, Datasource):
        if exact_quantiles.applies(question, datasource):
            return "the client ranks the values that Druid counts"
        if sql.client_cuts(question, datasource):
            return "the client keeps the first groups of each bucket"
    return ""


def _source(plan: Plan, datasource: Table) -> str:
    """The name in Druid of a datasource of a plan."""
    return f"{plan.name}_{datasource.name}"


def _sources(plan: Plan) -> list[str]:
    """The names in Druid of all datasources of a plan."""
    return [_source(plan, datasource) for datasource in plan.tables]


def _answering(question: Question, plan: Plan) -> Table:
    """The first datasource that can answer the question; RequestError with the last one's reason if none can."""
    reason = None
    for datasource in plan.tables:
        reason = datasource.unsupported_reason(question)
        if reason is None:
            return datasource  # type: ignore[no-any-return]
    raise RequestError(reason)


def statement(question: Question, plan: Plan) -> Statement:
    """The SQL statement that is sent for a question; RequestError if the question is not supported."""
    datasource = _answering(question, plan)
    if isinstance(question, Aggregate) and isinstance(datasource, Datasource):
        _, prepared = _prepare(plan, question, datasource)
        return prepared.statement.over(question.span)
    query: Statement = _module(question, datasource).statement(question, datasource, _source(plan, datasource))
    return query


def _module(question: Question, datasource: Table) -> Any:
    """The module that writes the SQL of a cohort or a funnel for a datasource and reads its result."""
    if isinstance(datasource, FunnelTable):
        return funnel_tables
    assert isinstance(question, Cohort)
    if isinstance(datasource, CohortTable):
        return cohort_tables
    return bitmap_retention if bitmap_retention.applies(question) else cohort
