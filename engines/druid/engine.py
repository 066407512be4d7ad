"""Druid behind the contract: a datasource for each table of a plan."""

import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa

from rollup_bench.engines.contract import Engine, Loaded, Plan, Session, Support, Where, unsupported
from rollup_bench.engines.druid import cohort, ingest, masks, planning, sketches, sql
from rollup_bench.engines.druid.client import Connection
from rollup_bench.engines.druid.cluster import POLL, Cluster
from rollup_bench.engines.druid.tables import Table, quoted
from rollup_bench.engines.druid.wire import Wire
from rollup_bench.errors import FailureError, RequestError
from rollup_bench.servers import Server
from rollup_bench.servers.budget import Budget
from rollup_bench.servers.watch import Watch
from rollup_bench.workloads import answers
from rollup_bench.workloads.dataset import Dataset
from rollup_bench.workloads.events import Events, Statistics
from rollup_bench.workloads.layouts import Layout
from rollup_bench.workloads.pace import Pace
from rollup_bench.workloads.questions import Aggregate, Cohort, Question, spanless

FILE = 1_000_000
"""Rows of a file, more or less; each file can be a sub-task's own."""
INLINE = 50 << 20
"""Bytes of events that a task may carry itself, where Druid cannot read our disk."""
VANISHED = "getJdbcTableType"
"""In Druid's complaint where some table went while it listed them all."""
GONE = 300.0
"""Seconds in which what was dropped must be gone."""


class Druid(Engine):
    """A cluster, reached through its router."""

    name = "druid"
    scope = "one node of each role, one copy of each segment"

    def __init__(self, server: Server | None, home: Path, budget: Budget) -> None:
        super().__init__(server, home, budget)
        if server is not None and server.via == "external":
            self.scope = "a cluster of one's own, copies of each segment as its rules say"

    @cached_property
    def version(self) -> str:  # type: ignore[override]
        """As the cluster tells it."""
        return self._cluster.version

    def plan(self, dataset: Dataset, layout: Layout, statistics: Statistics) -> Plan:
        tables = planning.tables(dataset, layout, statistics)
        text = "\n".join(
            msgspec.json.format(msgspec.json.encode(ingest.schema(t, f"*{t.suffix}"))).decode() for t in tables
        )
        return Plan(self.name, dataset, layout, statistics, text, tables)

    def support(self, question: Question, plan: Plan) -> Support:
        table, reason = _chosen(question, plan)
        if table is None:
            return unsupported(reason)
        measures = question.measures if isinstance(question, Aggregate) else ()
        error = max((table.error(m) for m in measures), default=0.0)
        where = Where.SERVER if table.raw else Where.INGEST
        return Support(where, error=error, confidence=sketches.CONFIDENCE if error else 1.0)

    def explain(self, question: Question, plan: Plan) -> str:
        sent = statement(question, plan)
        cut = "\n-- the client keeps the first of each bucket" if sql.is_cut(question) else ""
        return f"{sent.text}\n-- bound: {', '.join(map(repr, sent.values))}{cut}"

    def load(self, plan: Plan, events: Events, watch: Watch) -> Loaded:
        began = time.perf_counter()
        folder = self.home / "druid" / plan.name
        try:
            workers = self._write(events, folder, watch)
            for table in plan.tables:
                self._ingest(plan.name + table.suffix, table, folder, workers, watch)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        seconds = time.perf_counter() - began
        size = sum(self._cluster.size(plan.name + table.suffix) for table in plan.tables)
        return Loaded(self.rows(plan) or 0, seconds, size)

    def rows(self, plan: Plan) -> int | None:
        counted = [self._count(plan.name + table.suffix, "COUNT(*)") for table in plan.tables]
        return None if None in counted else sum(n or 0 for n in counted)

    def drop(self, plan: Plan) -> None:
        watch = Watch(seconds=GONE)
        names = [plan.name + table.suffix for table in plan.tables]
        for name in names:
            self._cluster.cancel(name, watch)
        for name in set(self._cluster.known(plan.name)).intersection(names):
            self._cluster.retire(name)
            while self._known(name):
                watch.pause(POLL)
            self._cluster.erase(name, watch)
        shutil.rmtree(self.home / "druid" / plan.name, ignore_errors=True)

    @contextmanager
    def session(self, plan: Plan) -> Iterator[Session]:
        with closing(Connection(Wire(self.served_by.connection))) as connection:
            yield _Session(connection, plan)

    @contextmanager
    def cached_session(self, plan: Plan) -> Iterator[Session]:
        with closing(Connection(Wire(self.served_by.connection), cached=True)) as connection:
            yield _Session(connection, plan)

    def close(self) -> None:
        for opened in ("_cluster", "_connection"):
            if opened in self.__dict__:
                self.__dict__[opened].close()

    @cached_property
    def _cluster(self) -> Cluster:
        return Cluster(Wire(self.served_by.connection))

    @cached_property
    def _connection(self) -> Connection:
        return Connection(Wire(self.served_by.connection))

    def _write(self, events: Events, folder: Path, watch: Watch) -> int:
        """Writes the events into files; how many workers they are worth."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        rows, pace = 0, Pace(watch.say, "writing ", events.statistics.rows)
        for batch in events.batches():
            watch.check()
            with (folder / f"{rows // FILE:06}.json").open("ab") as file:
                file.write(ingest.lines(batch, events.columns.time.name))
            rows += batch.num_rows
            pace(batch.num_rows)
        return min(len(list(folder.iterdir())), self.budget.cores)

    def _ingest(self, source: str, table: Table, folder: Path, workers: int, watch: Watch) -> None:
        """Returns when every event is counted in what is served."""
        what = f"making segments of {table.layout.name}"
        watch.say(what)
        pace = Pace(watch.say, f"{what}: ", table.statistics.rows)
        identity = f"{source}_{uuid.uuid4().hex[:8]}"
        task = ingest.task(identity, ingest.schema(table, source), self._input(folder), workers)
        self._cluster.run(task, watch, pace.at)
        watch.say("waiting for the segments to be served")
        self._cluster.served(source, watch)
        while (found := self._count(source, table.rows)) != table.statistics.rows:
            if found is not None and found > table.statistics.rows:
                raise FailureError(f"druid kept {found} rows of {table.statistics.rows}")
            watch.pause(POLL)

    def _input(self, folder: Path) -> dict[str, Any]:
        if self.served_by.shares_disk:
            return {"type": "local", "baseDir": str(folder.resolve()), "filter": "*.json"}
        files = sorted(folder.glob("*.json"))
        if (size := sum(f.stat().st_size for f in files)) > INLINE:
            raise RequestError(
                f"druid cannot read our disk, and {size >> 20} MiB of events do not fit a task; use --via native"
            )
        return {"type": "inline", "data": "".join(f.read_text("utf-8") for f in files)}

    def _known(self, source: str) -> bool:
        try:
            return bool(self._connection.rows("SELECT 1 FROM INFORMATION_SCHEMA.TABLES WHERE TABLE_NAME = ?", [source]))
        except FailureError as error:
            if VANISHED not in str(error):
                raise
            return self._known(source)

    def _count(self, source: str, what: str) -> int | None:
        """A count over a datasource; None where there is none."""
        if not self._known(source):
            return None
        counted = self._connection.rows(f"SELECT {what} FROM {quoted(source)}")
        return int(counted[0][0] or 0)


class _Session(Session):
    def __init__(self, connection: Connection, plan: Plan) -> None:
        self._connection = connection
        self._plan = plan
        self._prepared = lru_cache(partial(_prepared, plan.name))

    def ask(self, question: Question) -> pa.Table:
        table = _table(question, self._plan)
        if isinstance(question, Aggregate):
            prepared, schema = self._prepared(spanless(question), table)
            return sql.answer(question, table, schema, self._rows(prepared.over(question.span)))
        assert isinstance(question, Cohort)
        return _way(question).answer(question, table, self._rows(_cohort(question, table, self._plan)))

    def _rows(self, sent: sql.Statement) -> list[list[Any]]:
        return self._connection.rows(sent.text, sent.values)


def _chosen(question: Question, plan: Plan) -> tuple[Table | None, str]:
    """The first of the plan's tables that can answer, or why the last cannot, which keeps most."""
    reason = ""
    for table in plan.tables:
        why = table.obstacle(question)
        if why is None:
            return table, ""
        reason = why
    return None, reason


def _table(question: Question, plan: Plan) -> Table:
    """The table to ask; RequestError where the question is not supported."""
    table, reason = _chosen(question, plan)
    if table is None:
        raise RequestError(reason)
    return table


def statement(question: Question, plan: Plan) -> sql.Statement:
    """What is sent for a question; RequestError where it is not supported."""
    table = _table(question, plan)
    if isinstance(question, Aggregate):
        return sql.aggregate(question, table, plan.name + table.suffix).over(question.span)
    assert isinstance(question, Cohort)
    return _cohort(question, table, plan)


def _prepared(name: str, question: Aggregate, table: Table) -> tuple[sql.Statement, pa.Schema]:
    """What is sent for a question over any span, and the schema of its answer."""
    return sql.aggregate(question, table, name + table.suffix), answers.schema(question, table.statistics.schema)


def _cohort(question: Cohort, table: Table, plan: Plan) -> sql.Statement:
    source, subject = plan.name + table.suffix, plan.dataset.columns.subject
    statement: sql.Statement = _way(question).cohort(question, table, source, subject)
    return statement


def _way(question: Cohort) -> Any:
    """The module for a cohort."""
    return masks if masks.serves(question) else cohort
