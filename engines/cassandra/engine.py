"""Cassandra behind the contract: a keyspace a plan, tables made for the questions."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property, lru_cache, partial
from pathlib import Path

import pyarrow as pa
from cassandra.cluster import Session as Driver

from rollup_bench.engines.cassandra import cluster, loading, planning, reading, settings
from rollup_bench.engines.cassandra.cluster import Reader
from rollup_bench.engines.cassandra.sent import Sent, drop
from rollup_bench.engines.cassandra.settings import Settings
from rollup_bench.engines.contract import Engine, Loaded, Plan, Session, Support
from rollup_bench.errors import RequestError
from rollup_bench.servers import Server
from rollup_bench.servers.budget import Budget
from rollup_bench.servers.watch import Watch
from rollup_bench.workloads import answers
from rollup_bench.workloads.dataset import Dataset
from rollup_bench.workloads.events import Events, Statistics
from rollup_bench.workloads.layouts import Layout
from rollup_bench.workloads.questions import Question, spanless


class Cassandra(Engine):
    """A cluster, reached through the driver; it connects when it is first needed."""

    name = "cassandra"
    scope = "one node, replication 1"
    resumes = True
    _connected: Driver | None = None

    def __init__(self, server: Server | None, home: Path, budget: Budget) -> None:
        super().__init__(server, home, budget)
        external = server is not None and server.via == "external"
        self._settings = settings.external() if external else Settings()

    @cached_property
    def version(self) -> str:  # type: ignore[override]
        """As the node tells it."""
        with cluster.one_line():
            return str(self._driver.execute("SELECT release_version FROM system.local").one()[0])

    @property
    def _reached(self) -> Server:
        if self.server is None:
            raise RequestError("cassandra is reached through a server: give --via native, compose or external")
        return self.server

    @property
    def _driver(self) -> Driver:
        if self._connected is not None and cluster.lost(self._connected):
            self.close()
        if self._connected is None:
            self._connected = cluster.connect(self._reached.connection, self._settings.consistency)
            self._check(len(self._connected.cluster.metadata.all_hosts()))
        return self._connected

    def _check(self, nodes: int) -> None:
        """Enough nodes for the copies; how many there are is known from here on."""
        if self._reached.via == "external":
            self.scope = f"{nodes} node{'s' * (nodes != 1)}, {self._settings}"
        if nodes < self._settings.replication:
            raise RequestError(
                f"cassandra has {nodes} nodes for {self._settings.replication} copies: set {settings.REPLICATION}"
            )

    def plan(self, dataset: Dataset, layout: Layout, statistics: Statistics) -> Plan:
        return planning.plan(self.name, dataset, layout, statistics, self._settings.replication)

    def support(self, question: Question, plan: Plan) -> Support:
        return reading.support(question, plan)

    def explain(self, question: Question, plan: Plan) -> str:
        return reading.explain(question, plan)

    def load(self, plan: Plan, events: Events, watch: Watch) -> Loaded:
        with cluster.one_line():
            sent = Sent(self._driver, plan)
            rows = loading.load(self._driver, plan, events, sent, watch)
            taken = loading.settle(self._driver, plan, self._reached.shares_disk, watch)
            loading.record(self._driver, plan)
        return Loaded(rows, sent.seconds, taken)

    def rows(self, plan: Plan) -> int | None:
        with cluster.one_line():
            return loading.rows(self._driver, plan)

    def drop(self, plan: Plan) -> None:
        with cluster.one_line():
            drop(self._driver, plan)

    @contextmanager
    def session(self, plan: Plan) -> Iterator[Session]:
        yield _Session(self._driver, plan)

    def close(self) -> None:
        if self._connected is not None:
            self._connected.cluster.shutdown()
            self._connected = None


class _Session(Session):
    def __init__(self, driver: Driver, plan: Plan) -> None:
        self._plan = plan
        self._schema = lru_cache(partial(answers.schema, events=plan.schema))
        self._reader = Reader(driver)
        self._known = loading.manifest(self._reader, plan)

    def ask(self, question: Question) -> pa.Table:
        wanted = self._schema(spanless(question))
        return reading.chosen(question, self._plan).answer(self._reader, self._known, wanted)
