"""The adapter to Spark over Cassandra: the table of events of the Cassandra adapter, and the statements of Spark's."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path

import pyarrow as pa

from rollup_bench.engines.cassandra import loading
from rollup_bench.engines.cassandra.engine import Cassandra
from rollup_bench.engines.cassandra.event_scans import EventScan
from rollup_bench.engines.cassandra.planning import Design
from rollup_bench.engines.contract import Engine, Plan, Session, Support, demand, unsupported
from rollup_bench.engines.spark.client import Client
from rollup_bench.engines.spark.engine import SETTINGS, Spark, typed
from rollup_bench.engines.spark.rollup import Stored
from rollup_bench.engines.spark.sql import quoted
from rollup_bench.engines.spark.statements import statement
from rollup_bench.engines.spark.table import TYPES
from rollup_bench.engines.spark.tasks import task_rows
from rollup_bench.engines.spark_cassandra.server import CQL
from rollup_bench.engines.spark_cassandra.token_ranges import Scan, scan
from rollup_bench.engines.tuned import EVENTS, TableSet
from rollup_bench.servers import Connection, Server
from rollup_bench.servers.budget import Budget
from rollup_bench.workloads import layouts
from rollup_bench.workloads.dataset import Dataset
from rollup_bench.workloads.events import Events, Statistics
from rollup_bench.workloads.layouts import Layout
from rollup_bench.workloads.questions import Question
from rollup_bench.workloads.templates import Template


class Raw(Design):
    """The tables of Cassandra, of which Spark reads that of all events."""

    stored = TableSet[Stored](True)


class SparkCassandra(Cassandra):
    """Cassandra stores the events; Spark reads and aggregates them."""

    name = "spark-cassandra"
    scope = "one node of Cassandra and one Connect server of Spark, which share the budget"
    steps = ("Python functions in tasks of Spark read the events from Cassandra, for a question on raw.",)

    def __init__(self, server: Server | None, home: Path, budget: Budget) -> None:
        super().__init__(server, home, budget)
        self._spark = Spark(server, home, budget)
        self.sessions = self._spark.sessions

    @cached_property
    def version(self) -> str:  # type: ignore[override]
        """The versions of Spark and of Cassandra that the servers report."""
        return f"{self._spark.version} over {super().version}"

    @property
    def _address(self) -> Connection:
        return self.served_by.connection_to(CQL)

    def plan(self, dataset: Dataset, layout: Layout, statistics: Statistics) -> Plan:
        plan = super().plan(dataset, layout, statistics)
        return replace(plan, tables=Raw(plan.tables.events, replication=plan.tables.replication))

    def support(self, question: Question, plan: Plan) -> Support:
        if plan.layout != layouts.raw:
            return unsupported("Spark reads only the table of all events; the arms of cassandra read all other tables")
        return self._spark.support(question, plan)

    def explain(self, question: Question, plan: Plan) -> str:
        read = self.scan(question, plan)
        tasks = f"-- for each of {read.ranges} ranges of tokens, in a task of Spark, which returns rows of {EVENTS}"
        return f"{read.text};\n{tasks}\n{self._spark.explain(question, plan)}"

    def export(self, plan: Plan, questions: Sequence[Template], events: Events, folder: Path) -> str:
        return Engine.export(self, plan, questions, events, folder)

    @contextmanager
    def session(self, plan: Plan) -> Iterator[Session]:
        loading.demand_complete(self._driver, plan)
        with closing(Client(self.served_by.connection, SETTINGS)) as client:
            yield _Session(client, self, plan, self._address)

    def scan(self, question: Question, plan: Plan) -> Scan:
        """What the tasks of a question read."""
        return scan(EventScan(question, plan))


class _Session(Session):
    def __init__(self, client: Client, engine: SparkCassandra, plan: Plan, cassandra: Connection) -> None:
        self._client, self._engine, self._plan, self._cassandra = client, engine, plan, cassandra

    def ask(self, question: Question) -> pa.Table:
        demand(self._engine.support(question, self._plan))
        read = self._engine.scan(question, self._plan)
        types = {name: TYPES[self._plan.statistics.types[name]] for name in read.schema.names}
        columns = ", ".join(f"{quoted(name)} {kind}" for name, kind in types.items())
        events = task_rows(partial(read.rows, self._cassandra), read.ranges, columns)
        text, values = statement(question, self._plan)
        return typed(self._client.table(text, values, named={EVENTS: events}), question, self._plan)
