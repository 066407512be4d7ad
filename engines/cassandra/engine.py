"""The Cassandra adapter: a keyspace for each plan, and the choice of the table that answers a question."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property, lru_cache, partial
from pathlib import Path

import msgspec
import pyarrow as pa
from cassandra.cluster import Session as DriverSession

from rollup_bench.engines.cassandra import driver, loading, planning
from rollup_bench.engines.cassandra.cohort_tables import CohortReader
from rollup_bench.engines.cassandra.driver import Reader, Settings
from rollup_bench.engines.cassandra.event_scans import EventScan, ServerAggregation
from rollup_bench.engines.cassandra.loading import LoadCheckpoint
from rollup_bench.engines.cassandra.rollup_reader import RollupReader, rollup_statements
from rollup_bench.engines.cassandra.rollup_tables import whole_buckets
from rollup_bench.engines.contract import Engine, Loaded, Plan, Session, Support, unsupported
from rollup_bench.errors import RequestError
from rollup_bench.servers import Server
from rollup_bench.servers.budget import Budget
from rollup_bench.servers.watch import Watch
from rollup_bench.workloads import answers, rule
from rollup_bench.workloads.dataset import Dataset
from rollup_bench.workloads.events import Events, Statistics
from rollup_bench.workloads.layouts import Layout
from rollup_bench.workloads.questions import Aggregate, Cohort, Question, spanless


class Cassandra(Engine):
    """A Cassandra cluster, reached through the driver, which connects when it is first needed."""

    name = "cassandra"
    scope = "one node, replication 1"
    resumes = True
    _connected: DriverSession | None = None

    def __init__(self, server: Server | None, home: Path, budget: Budget) -> None:
        super().__init__(server, home, budget)
        external = server is not None and server.via == "external"
        self._settings = driver.environment_settings() if external else Settings()

    @cached_property
    def version(self) -> str:  # type: ignore[override]
        """The version that the node reports."""
        with driver.failures():
            return str(self._driver.execute("SELECT release_version FROM system.local").one()[0])

    @property
    def _driver(self) -> DriverSession:
        if self._connected is not None and driver.all_nodes_down(self._connected):
            self.close()
        if self._connected is None:
            self._connected = driver.connect(self.served_by.connection, self._settings.consistency)
            self._check_nodes(len(self._connected.cluster.metadata.all_hosts()))
        return self._connected

    def _check_nodes(self, nodes: int) -> None:
        """Raises RequestError if the cluster has fewer nodes than copies; else sets `scope` for an external cluster."""
        if self.served_by.via == "external":
            self.scope = f"{nodes} node{'s' * (nodes != 1)}, {self._settings}"
        if nodes < self._settings.replication:
            copies = self._settings.replication
            raise RequestError(f"cassandra has {nodes} nodes for {copies} copies: set {driver.REPLICATION}")

    def plan(self, dataset: Dataset, layout: Layout, statistics: Statistics) -> Plan:
        return planning.plan(self.name, dataset, layout, statistics, self._settings.replication)

    def support(self, question: Question, plan: Plan) -> Support:
        try:
            return access_path(question, plan).support
        except RequestError as error:
            return unsupported(str(error))

    def explain(self, question: Question, plan: Plan) -> str:
        return access_path(question, plan).explain()

    def load(self, plan: Plan, events: Events, watch: Watch) -> Loaded:
        with driver.failures():
            checkpoint = LoadCheckpoint(self._driver, plan)
            rows = loading.load(self._driver, plan, events, checkpoint, watch)
            size = loading.settle(self._driver, plan, self.served_by.shares_disk, watch)
            loading.mark_complete(self._driver, plan)
        return Loaded(rows, checkpoint.seconds, size)

    def rows(self, plan: Plan) -> int | None:
        with driver.failures():
            return loading.count_rows(self._driver, plan)

    def drop(self, plan: Plan) -> None:
        with driver.failures():
            loading.drop(self._driver, plan)

    @contextmanager
    def session(self, plan: Plan) -> Iterator[Session]:
        yield _Session(self._driver, plan)

    def close(self) -> None:
        if self._connected is not None:
            self._connected.cluster.shutdown()
            self._connected = None


class _Session(Session):
    def __init__(self, driver_session: DriverSession, plan: Plan) -> None:
        self._plan = plan
        self._schema = lru_cache(partial(answers.schema, events=plan.schema))
        self._reader = Reader(driver_session)
        self._manifest = loading.read_manifest(self._reader, plan)

    def ask(self, question: Question) -> pa.Table:
        schema = self._schema(spanless(question))
        return access_path(question, self._plan).answer(self._reader, self._manifest, schema)


AccessPath = RollupReader | CohortReader | ServerAggregation | EventScan
"""A way to answer a question."""


def access_path(question: Question, plan: Plan) -> AccessPath:
    """The best way to answer a question from the plan's tables; RequestError if there is none."""
    design: planning.Design = plan.tables
    if reason := rule.unsupported_reason(question, plan.layout):
        raise RequestError(reason)
    if plan.layout.grain is not None:  # a declared roll-up: the rule of layouts has already accepted the question
        assert isinstance(question, Aggregate)
        return RollupReader(question, rollup_statements(spanless(question), plan, design.rollups[0]), question.span)
    tuned = _rollup_reader(question, plan) if isinstance(question, Aggregate) else _cohort_reader(question, plan)
    if tuned is not None:
        return tuned
    if design.events is None:
        raise RequestError("no table of the plan answers it, and the plan stores no single events")
    if isinstance(question, Aggregate) and ServerAggregation.answers(question, plan):
        return ServerAggregation(question, plan)
    return EventScan(question, plan)


def _rollup_reader(question: Aggregate, plan: Plan) -> RollupReader | None:
    """The reader of the roll-up in which the question fixes most key columns; of equals, the one with fewest rows."""
    candidates = [rollup for rollup in plan.tables.rollups if rollup.groups(question)]
    candidates.sort(key=lambda rollup: (len(rollup.fixed(question)), rollup.totals.bucket_width), reverse=True)
    for rollup in candidates:
        span = whole_buckets(question.span, rollup.grain, rollup.stored.layout.zone, plan.statistics)
        filters = tuple(f for f in question.where if f not in rollup.stored.where)
        if (
            rule.unsupported_reason(msgspec.structs.replace(question, where=filters, span=span), rollup.stored.layout)
            is None
        ):
            return RollupReader(question, rollup_statements(spanless(question), plan, rollup), span)
    return None


def _cohort_reader(question: Question, plan: Plan) -> CohortReader | None:
    """The reader of the table that stores the cohort; None if no table answers it."""
    if not isinstance(question, Cohort):
        return None
    for cohort in plan.tables.cohorts:
        span = whole_buckets(question.span, cohort.stored.grain, question.zone, plan.statistics)
        if cohort.answers(question, span, plan.statistics):
            return CohortReader(question, plan, cohort, span)
    return None
