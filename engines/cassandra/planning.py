"""Chooses the tables of a layout; for `tuned`, the tables that the questions of a dataset require."""

from dataclasses import dataclass

import msgspec

from rollup_bench.engines.cassandra import tables
from rollup_bench.engines.cassandra.cohort_tables import CohortTable, cohort_table
from rollup_bench.engines.cassandra.event_scans import event_columns
from rollup_bench.engines.cassandra.event_slices import SlicesTable, StoredSlices, sliced
from rollup_bench.engines.cassandra.funnel_tables import FunnelTable, funnel_table
from rollup_bench.engines.cassandra.rollup_tables import Rollup, StoredRollup, max_rows, rollup
from rollup_bench.engines.cassandra.tables import CQL_TYPES, Table
from rollup_bench.engines.client_aggregation import value_columns
from rollup_bench.engines.cohorts import StoredActivity, stored_activities
from rollup_bench.engines.contract import Plan
from rollup_bench.engines.funnels import StoredFunnel, stored_funnels
from rollup_bench.engines.sql import quoted
from rollup_bench.workloads import calendar, layouts
from rollup_bench.workloads.dataset import Dataset
from rollup_bench.workloads.events import Statistics
from rollup_bench.workloads.filters import Op
from rollup_bench.workloads.layouts import Layout
from rollup_bench.workloads.questions import Aggregate, Cohort, Funnel, Grain, Question, Span
from rollup_bench.workloads.templates import Template, has_parameter

KEYSPACE = "CREATE KEYSPACE {} WITH replication = {{'class': 'NetworkTopologyStrategy', 'replication_factor': {}}}"
MANIFEST = f"""CREATE TABLE {{}}.manifest (
  name text, bucket_width bigint STATIC, buckets bigint STATIC, {tables.BUCKET} bigint, rows bigint,
  PRIMARY KEY (name, {tables.BUCKET}))"""
LOADED = "CREATE TABLE {}.loaded (rows bigint PRIMARY KEY)"
CHECKPOINT = "CREATE TABLE {}.sent (name text PRIMARY KEY, rows bigint, seconds double)"
SPAN_GRAINS = (Grain.DAY, Grain.HOUR, Grain.MINUTE)
"""The grains at which roll-ups are stored, so that a span may begin and end on any day, longest first."""


@dataclass(frozen=True)
class Design:
    """The tables of a plan: a table of events if one is needed, and tables of roll-ups, cohorts, funnels and slices."""

    events: Table | None
    rollups: tuple[Rollup, ...] = ()
    cohorts: tuple[CohortTable, ...] = ()
    funnels: tuple[FunnelTable, ...] = ()
    slices: tuple[SlicesTable, ...] = ()
    replication: int = 1

    @property
    def built(self) -> list[Table]:
        """The tables that are stored in addition to the events; empty if the events are not stored."""
        return [table for table in self.tables if table is not self.events] if self.events else []

    @property
    def tables(self) -> list[Table]:
        """All tables of the plan."""
        events = [self.events] if self.events else []
        rollups = [table for rollup in self.rollups for table in rollup.tables]
        return [*events, *rollups, *(one.table for one in self.derived), *(one.table for one in self.slices)]

    @property
    def derived(self) -> list[CohortTable | FunnelTable]:
        """The cohort and funnel tables, whose rows are computed from all events together."""
        return [*self.cohorts, *self.funnels]


def plan(engine: str, dataset: Dataset, layout: Layout, statistics: Statistics, replication: int) -> Plan:
    """The plan of a layout: a keyspace that has the plan's name and holds `replication` copies of each row."""
    design = _design(dataset, layout, statistics, replication)
    return Plan(engine, dataset, layout, statistics, ";\n".join(statements("KEYSPACE", design)), design)


def statements(keyspace: str, design: Design) -> list[str]:
    """CQL that creates a keyspace and its tables; the checkpoint is last, so that if it exists, all tables exist."""
    name = quoted(keyspace)
    first = [KEYSPACE.format(name, design.replication), MANIFEST.format(name), LOADED.format(name)]
    return [*first, *(table.create(keyspace) for table in design.tables), CHECKPOINT.format(name)]


def _design(dataset: Dataset, layout: Layout, statistics: Statistics, replication: int) -> Design:
    time = dataset.columns.time.name
    if layout == layouts.raw:
        return Design(events_table(dataset, statistics), replication=replication)
    if layout != layouts.tuned:
        return Design(None, (rollup("rollup", StoredRollup(layout), time, statistics),), replication=replication)
    required, columns = requirements(dataset, statistics), dataset.columns
    rollups = [rollup(f"rollup{i}", r, time, statistics) for i, r in enumerate(required.rollups)]
    cohorts = [cohort_table(stored, statistics) for stored in required.cohorts]
    funnels = [funnel_table(funnel, columns, statistics) for funnel in required.funnels]
    slices = [SlicesTable(s, s.table(f"slices{i}", columns, statistics)) for i, s in enumerate(required.slices)]
    events = events_table(dataset, statistics) if required.events else None
    return Design(events, tuple(rollups), tuple(cohorts), tuple(funnels), tuple(slices), replication)


def events_table(dataset: Dataset, statistics: Statistics) -> Table:
    """The table of all single events, ordered by time; an event's number in the load makes its key unique."""
    types = {name: CQL_TYPES[kind] for name, kind in statistics.types.items()}
    number = tables.unused_name("event", types)
    time = dataset.columns.time.name
    columns = {time: types[time], number: "bigint"} | types
    period = statistics.last - statistics.first
    return Table.of_events("events", columns, (time, number), statistics.rows, period, "each event by time")


@dataclass(frozen=True)
class Requirements:
    """The tables that questions require; `events` is true if a question can only be answered from single events."""

    rollups: tuple[StoredRollup, ...]
    cohorts: tuple[StoredActivity, ...]
    funnels: tuple[StoredFunnel, ...]
    slices: tuple[StoredSlices, ...]
    events: bool


def requirements(dataset: Dataset, statistics: Statistics) -> Requirements:
    """The tables that the questions of a dataset require; questions share a table if they can."""
    rollups: dict[tuple[object, ...], StoredRollup] = {}
    templates = dataset.questions.values()
    cohorts, funnels = stored_activities(templates), stored_funnels(templates)
    slices: dict[str, StoredSlices] = {}
    events = False
    for template in templates:
        question = template.fill()
        if isinstance(question, Aggregate) and (new := _rollup(template, question, dataset, statistics)):
            key = (new.layout.grain, new.layout.zone, new.layout.by, new.where, new.leading)
            rollups[key] = rollups[key].merged(new) if key in rollups else new
        elif _answered(question, cohorts, funnels, statistics):
            continue
        elif part := _slices(question, dataset):
            slices[part.column] = slices[part.column].merged(part) if part.column in slices else part
        else:
            events = True
    return Requirements(tuple(rollups.values()), tuple(cohorts), tuple(funnels), tuple(slices.values()), events)


def _answered(
    question: Question, cohorts: list[StoredActivity], funnels: list[StoredFunnel], statistics: Statistics
) -> bool:
    """Whether a question is a cohort that stored activity answers, or a funnel that stored entries answer."""
    if isinstance(question, Cohort):
        return any(stored.answers(question, statistics) for stored in cohorts)
    return isinstance(question, Funnel) and any(stored.answers(question) for stored in funnels)


def _rollup(template: Template, question: Aggregate, dataset: Dataset, statistics: Statistics) -> StoredRollup | None:
    """The roll-up that answers a question; None if a parameter filters a column that is no text, or no grain fits."""
    written = template.body.get("where", {})
    fixed = tuple(f for f in question.where if not has_parameter(written[f.column]))
    varied = [f for f in question.where if f not in fixed]
    grain = _grain(question.grain, question.span, question.zone, statistics)
    if grain is None or any(f.column not in dataset.columns.texts for f in varied):
        return None
    leading = tuple(dict.fromkeys(f.column for f in varied if f.op in (Op.EQ, Op.IN)))
    by = tuple(dict.fromkeys((*leading, *question.by, *(f.column for f in varied))))
    layout = Layout(f"for {template.name}", grain, question.zone, by, question.measures)
    return StoredRollup(layout, fixed, leading, _coarse(question, layout, statistics))


def _coarse(question: Aggregate, layout: Layout, statistics: Statistics) -> tuple[Grain, ...]:
    """Week or month as a second grain to store, if it needs at most half of the rows or saves counting distinct values.

    A column whose number of distinct values is unknown before the load is assumed to repeat values within a bucket.
    """
    if question.grain in SPAN_GRAINS:
        return ()
    grain = Grain.WEEK if question.grain is Grain.WEEK else Grain.MONTH
    values = value_columns(question.measures)
    if values and (question.grain is grain or any(column not in statistics.cardinality for column in values)):
        return (grain,)
    coarse = msgspec.structs.replace(layout, grain=grain)
    return (grain,) if 2 * max_rows(coarse, statistics) <= max_rows(layout, statistics) else ()


def _slices(question: Question, dataset: Dataset) -> StoredSlices | None:
    """Events ordered by a numeric column that every condition of the question limits; None without such a column."""
    column = next((name for name in dataset.columns.measures if sliced(question, name)), None)
    return StoredSlices(column, tuple(event_columns(question, dataset.columns))) if column else None


def _grain(grain: Grain, span: Span, zone: str, statistics: Statistics) -> Grain | None:
    """The longest of day, hour and minute that fits the question's grain and the span ends amid events; else None."""
    cut = [at for at in span.milliseconds if statistics.first < at <= statistics.last]
    grains = SPAN_GRAINS[SPAN_GRAINS.index(grain) if grain in SPAN_GRAINS else 0 :]
    return next((g for g in grains if all(calendar.begins(at, g, zone) for at in cut)), None)
