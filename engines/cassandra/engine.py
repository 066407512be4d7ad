"""The Cassandra adapter: stores each plan in a keyspace, and chooses the tables that answer a question."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import ClassVar

import msgspec
import pyarrow as pa
from cassandra.cluster import Session as DriverSession

from rollup_bench.engines.cassandra import driver, export, loading, parts, planning
from rollup_bench.engines.cassandra.client_work import AccessPath
from rollup_bench.engines.cassandra.cohort_tables import CohortReader
from rollup_bench.engines.cassandra.driver import Reader, Settings
from rollup_bench.engines.cassandra.event_scans import EventScan, ServerAggregation, SliceScan, event_columns
from rollup_bench.engines.cassandra.funnel_tables import FunnelReader
from rollup_bench.engines.cassandra.loading import LoadCheckpoint
from rollup_bench.engines.cassandra.rollup_reader import RollupPart, RollupReader, rollup_statements
from rollup_bench.engines.cassandra.rollup_tables import Limits, Rollup, max_groups, split, whole_buckets
from rollup_bench.engines.cassandra.server import RECIPE
from rollup_bench.engines.contract import Built, Engine, Loaded, Plan, Session, Support, unsupported
from rollup_bench.engines.exports import write_server_settings
from rollup_bench.errors import RequestError
from rollup_bench.servers import Connection, Server
from rollup_bench.servers.budget import Budget
from rollup_bench.servers.watch import Watch
from rollup_bench.workloads import answers, calendar, rule
from rollup_bench.workloads.dataset import Dataset
from rollup_bench.workloads.events import Events, Statistics
from rollup_bench.workloads.layouts import Layout
from rollup_bench.workloads.questions import EPOCH, Aggregate, Cohort, Funnel, Question, Span, spanless
from rollup_bench.workloads.templates import Template


class Cassandra(Engine):
    """A Cassandra cluster; the adapter connects when a method needs it, and again after all nodes were down."""

    name = "cassandra"
    scope = "one node, replication 1"
    resumes = True
    divides: ClassVar[bool] = True
    steps: ClassVar[tuple[str, ...]] = (
        "The client computes the rows of roll-ups, cohorts and funnels from the events before the load.",
        "The client merges the groups that several partitions return, and computes subtotals, top-n and quantiles.",
        "The client reads all events of the span for a question on raw that asks for more than counts and sums.",
    )
    _connected: DriverSession | None = None

    def __init__(self, server: Server | None, home: Path, budget: Budget) -> None:
        super().__init__(server, home, budget)
        external = server is not None and server.via == "external"
        self._settings = driver.environment_settings() if external else Settings()

    @cached_property
    def version(self) -> str:  # type: ignore[override]
        """The version of Cassandra that the connected node reports."""
        with driver.failures():
            return str(self._driver.execute("SELECT release_version FROM system.local").one()[0])

    @property
    def _address(self) -> Connection:
        return self.served_by.connection

    @property
    def _driver(self) -> DriverSession:
        if self._connected is not None and driver.is_cut_off(self._connected):
            self.close()
        if self._connected is None:
            self._connected = driver.connect(self._address, self._settings.consistency)
            self._check_nodes(len(self._connected.cluster.metadata.all_hosts()))
        return self._connected

    def _check_nodes(self, nodes: int) -> None:
        """Sets `nodes`, and `scope` if the cluster is external; RequestError if a row has more copies than nodes."""
        self.nodes = nodes
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

    def export(self, plan: Plan, questions: Sequence[Template], events: Events, folder: Path) -> str:
        write_server_settings(RECIPE, self.budget, folder)
        manifest = export.write_tables(plan, events, folder)
        for template in questions:
            export.write_query(template, plan, manifest, access_path, folder)
        return export.USAGE

    def load(self, plan: Plan, events: Events, watch: Watch) -> Loaded:
        with driver.failures():
            checkpoint = LoadCheckpoint(self._driver, plan)
            rows = loading.load(self._driver, plan, events, checkpoint, watch)
            names = [table.name for table in plan.tables.built]
            loading.settle(self._driver, plan, [t.name for t in plan.tables.tables if t.name not in names], watch)
            with checkpoint.building():
                loading.settle(self._driver, plan, names, watch)
            sizes = loading.bytes_at_rest(self._driver, plan, self.served_by.shares_disk)
            loading.mark_complete(self._driver, plan, watch)
        built = Built(sum(rows[n] for n in names), checkpoint.built_seconds, sum(sizes[n] for n in names))
        return Loaded(sum(rows.values()), checkpoint.seconds, sum(sizes.values()), built if names else None)

    def parts(self, plan: Plan, events: Events) -> list[Callable[[], int]]:
        with driver.failures():
            connect = partial(driver.connect, self._address, self._settings.consistency)
            return parts.missing(plan, events, LoadCheckpoint(self._driver, plan).rows, connect)

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
        loading.demand_complete(driver_session, plan)
        self._manifest = loading.read_manifest(self._reader, plan)

    def ask(self, question: Question) -> pa.Table:
        schema = self._schema(spanless(question))
        return access_path(question, self._plan).answer(self._reader, self._manifest, schema)


def access_path(question: Question, plan: Plan) -> AccessPath:
    """The reader of the plan's tables that suit a question best; RequestError if no table answers the question."""
    design: planning.Design = plan.tables
    if reason := rule.unsupported_reason(question, plan.layout):
        raise RequestError(reason)
    if plan.layout.grain is not None:  # a roll-up that the dataset declares; `rule` has accepted the question
        assert isinstance(question, Aggregate)
        statements = rollup_statements(spanless(question), plan, design.rollups[0].fine)
        return RollupReader(question, (RollupPart(statements, question.span.milliseconds),))
    if (tuned := _tuned(question, plan)) is not None:
        return tuned
    columns = event_columns(question, plan.dataset.columns)
    if slices := next((one for one in design.slices if one.answers(question, columns)), None):
        return SliceScan(question, plan, slices)
    if design.events is None:
        raise RequestError("no table of the plan answers the question, and the plan stores no single events")
    if isinstance(question, Aggregate) and ServerAggregation.answers(question, plan):
        return ServerAggregation(question, plan)
    return EventScan(question, plan)


def _tuned(question: Question, plan: Plan) -> AccessPath | None:
    """The reader of a roll-up, cohort or funnel table that answers the question; None if there is no such table."""
    match question:
        case Aggregate():
            return _rollup_reader(question, plan)
        case Cohort():
            cohort = next((c for c in plan.tables.cohorts if c.stored.answers(question, plan.statistics)), None)
            return CohortReader(question, plan, cohort) if cohort else None
        case Funnel():
            funnel = next((one for one in plan.tables.funnels if one.stored.answers(question)), None)
            return FunnelReader(question, plan, funnel) if funnel else None


def _rollup_reader(question: Aggregate, plan: Plan) -> RollupReader | None:
    """The reader of the best roll-up with whole buckets for all events in the question's span; None without one."""
    for rollup in _rollups(spanless(question), plan):
        grain, zone = rollup.fine.grain, rollup.stored.layout.zone
        limits = whole_buckets(question.span.milliseconds, grain, zone, plan.statistics)
        if all(calendar.begins(at, grain, zone) for at in limits):
            return RollupReader(question, tuple(_parts(question, plan, rollup, limits)))
    return None


@lru_cache(maxsize=1024)
def _rollups(question: Aggregate, plan: Plan) -> list[Rollup]:
    """The roll-ups that answer a question over any span of whole buckets, the best first.

    The best roll-up is the one whose key the question's filters fix furthest, then the one with the fewest groups.
    """
    candidates = [rollup for rollup in plan.tables.rollups if _answers(rollup, question, plan.statistics)]
    groups = {rollup: max_groups(rollup.stored.layout, plan.statistics, None) for rollup in candidates}
    candidates.sort(key=lambda rollup: (-len(rollup.stored.fixed(question)), groups[rollup]))
    return candidates


def _answers(rollup: Rollup, question: Aggregate, statistics: Statistics) -> bool:
    """Whether a roll-up answers a question if the question's span covers all events."""
    stored, filters = rollup.stored, tuple(f for f in question.where if f not in rollup.stored.where)
    whole = whole_buckets((statistics.first, statistics.last + 1), rollup.fine.grain, stored.layout.zone, statistics)
    span = Span(*(EPOCH + timedelta(milliseconds=at) for at in whole))
    asked = msgspec.structs.replace(question, where=filters, span=span)
    return stored.groups(question) and rule.unsupported_reason(asked, stored.layout) is None


def _parts(question: Aggregate, plan: Plan, rollup: Rollup, limits: Limits) -> Iterator[RollupPart]:
    """Divides the period `limits` into whole coarse buckets, if any, and the rest in the roll-up's own grain."""
    known, coarse, edges = spanless(question), rollup.level(question.grain), [limits]
    if coarse is not None:
        whole, edges = split(limits, coarse.grain, rollup.stored.layout.zone, plan.statistics)
        if whole is not None:
            yield RollupPart(rollup_statements(known, plan, coarse), whole)
    for edge in edges:
        yield RollupPart(rollup_statements(known, plan, rollup.fine), edge)
