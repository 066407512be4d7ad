"""The tables of a layout; for `tuned`, the tables that the questions of a dataset require."""

from dataclasses import dataclass

import msgspec

from rollup_bench.engines.cassandra import tables
from rollup_bench.engines.cassandra.cohort_tables import CohortTable, StoredCohort, definition
from rollup_bench.engines.cassandra.rollup_tables import RollupTables, StoredRollup, rollup_tables, whole_buckets
from rollup_bench.engines.cassandra.tables import CQL_TYPES, Table
from rollup_bench.engines.cohort_activity import question_partials
from rollup_bench.engines.contract import Plan
from rollup_bench.engines.sql import quoted
from rollup_bench.workloads import calendar, layouts, rule
from rollup_bench.workloads.dataset import Dataset
from rollup_bench.workloads.events import Statistics
from rollup_bench.workloads.filters import Op
from rollup_bench.workloads.layouts import Layout
from rollup_bench.workloads.questions import Aggregate, Cohort, Grain, Span
from rollup_bench.workloads.templates import Template

KEYSPACE = "CREATE KEYSPACE {} WITH replication = {{'class': 'NetworkTopologyStrategy', 'replication_factor': {}}}"
MANIFEST = f"CREATE TABLE {{}}.manifest (name text, {tables.BUCKET} bigint, rows bigint, PRIMARY KEY (name, bucket))"
LOADED = "CREATE TABLE {}.loaded (rows bigint PRIMARY KEY)"
CHECKPOINT = "CREATE TABLE {}.sent (name text PRIMARY KEY, rows bigint, seconds double)"
SPAN_GRAINS = (Grain.DAY, Grain.HOUR, Grain.MINUTE)
"""The grains from which a span is put together if the question has no buckets, longest first."""
SPAN_PARAMETERS = ("start", "end", "until")


@dataclass(frozen=True)
class Design:
    """The tables of a plan: a table of events if one is needed, roll-ups, and tables of cohorts."""

    events: Table | None
    rollups: tuple[RollupTables, ...] = ()
    cohorts: tuple[CohortTable, ...] = ()
    replication: int = 1

    @property
    def tables(self) -> list[Table]:
        """All tables."""
        events = [self.events] if self.events else []
        return [*events, *(t for r in self.rollups for t in r.tables), *(cohort.table for cohort in self.cohorts)]


def plan(engine: str, dataset: Dataset, layout: Layout, statistics: Statistics, replication: int) -> Plan:
    """The plan of a layout; its keyspace has the plan's name and `replication` copies of each row."""
    design = _design(dataset, layout, statistics, replication)
    return Plan(engine, dataset, layout, statistics, ";\n".join(statements("KEYSPACE", design)), design)


def statements(keyspace: str, design: Design) -> list[str]:
    """Creates the keyspace and its tables. The checkpoint is last: if it exists, all tables do."""
    name = quoted(keyspace)
    first = [KEYSPACE.format(name, design.replication), MANIFEST.format(name), LOADED.format(name)]
    return [*first, *(table.create(keyspace) for table in design.tables), CHECKPOINT.format(name)]


def _design(dataset: Dataset, layout: Layout, statistics: Statistics, replication: int) -> Design:
    time = dataset.columns.time.name
    if layout == layouts.raw:
        return Design(events_table(dataset, statistics), replication=replication)
    if layout != layouts.tuned:
        return Design(None, (rollup_tables("rollup", StoredRollup(layout), time, statistics),), replication=replication)
    required, columns = requirements(dataset, statistics), dataset.columns
    rollups = [rollup_tables(f"rollup{i}", r, time, statistics) for i, r in enumerate(required.rollups)]
    cohorts = [CohortTable(c, c.table(f"activity{i}", columns, statistics)) for i, c in enumerate(required.cohorts)]
    events = events_table(dataset, statistics) if required.events else None
    return Design(events, tuple(rollups), tuple(cohorts), replication)


def events_table(dataset: Dataset, statistics: Statistics) -> Table:
    """The table of events by time; an event's number in the load makes its key unique."""
    types = {name: CQL_TYPES[kind] for name, kind in statistics.types.items()}
    number = tables.unused_name("event", types)
    time = dataset.columns.time.name
    columns = {time: types[time], number: "bigint"} | types
    width = tables.bucket_width(statistics.rows, statistics.last - statistics.first, columns)
    return Table("events", columns, (time, number), width, "each event by time")


@dataclass(frozen=True)
class Requirements:
    """The tables that questions require; `events` if one of them can only be answered from the events."""

    rollups: tuple[StoredRollup, ...]
    cohorts: tuple[StoredCohort, ...]
    events: bool


def requirements(dataset: Dataset, statistics: Statistics) -> Requirements:
    """The tables that the questions of a dataset require."""
    rollups: dict[tuple[object, ...], StoredRollup] = {}
    cohorts: dict[tuple[object, ...], StoredCohort] = {}
    events = False
    for template in dataset.questions.values():
        question = template.fill()
        if isinstance(question, Aggregate) and (new := _rollup(template, question, dataset, statistics)):
            key = (new.layout.grain, new.layout.zone, new.layout.by, new.where, new.leading)
            rollups[key] = rollups[key].merged(new) if key in rollups else new
        elif isinstance(question, Cohort) and (cohort := _cohort(template, question, statistics)):
            identity = (cohort.definition, cohort.grain)
            cohorts[identity] = cohorts[identity].merged(cohort) if identity in cohorts else cohort
        else:
            events = True
    return Requirements(tuple(rollups.values()), tuple(cohorts.values()), events)


def _rollup(template: Template, question: Aggregate, dataset: Dataset, statistics: Statistics) -> StoredRollup | None:
    """The roll-up that answers a question; None if a parameter stands for a value that no key column can hold."""
    written = template.body.get("where", {})
    fixed = tuple(f for f in question.where if not _has_parameter(written[f.column]))
    varied = [f for f in question.where if f not in fixed]
    grain = _grain(question.grain, question.span, question.zone, statistics)
    if grain is None or any(f.column not in dataset.columns.texts for f in varied):
        return None
    leading = tuple(dict.fromkeys(f.column for f in varied if f.op in (Op.EQ, Op.IN)))
    by = tuple(dict.fromkeys((*leading, *question.by, *(f.column for f in varied))))
    layout = Layout(f"for {template.name}", grain, question.zone, by, question.measures)
    span = whole_buckets(question.span, grain, question.zone, statistics)
    if rule.unsupported_reason(msgspec.structs.replace(question, where=tuple(varied), span=span), layout):
        return None
    return StoredRollup(layout, fixed, leading)


def _cohort(template: Template, question: Cohort, statistics: Statistics) -> StoredCohort | None:
    """The stored cohort that answers a question; None if a parameter changes more than the span and `until`."""
    grain = _grain(question.grain or Grain.ALL, question.span, question.zone, statistics)
    body = {name: part for name, part in template.body.items() if name not in SPAN_PARAMETERS}
    if grain is None or _has_parameter(body):
        return None
    count = None if question.retention == "unbounded" else question.age.count
    partials = tuple(question_partials(question))
    return StoredCohort(f"for {template.name}", definition(question), grain, partials, count)


def _grain(grain: Grain, span: Span, zone: str, statistics: Statistics) -> Grain | None:
    """The longest grain at whose buckets the span starts and ends; an end beyond all events need not be checked."""
    start, end = span.milliseconds
    cut = [at for at, cuts in ((start, start > statistics.first), (end, end <= statistics.last)) if cuts]
    grains = [g for g in dict.fromkeys((grain, *SPAN_GRAINS)) if g is not Grain.ALL]
    ends = [start, end] if grain is Grain.ALL else cut
    return next((g for g in grains if all(calendar.begins(at, g, zone) for at in ends)), None)


def _has_parameter(condition: object) -> bool:
    """Whether a part of a question file contains a parameter."""
    if isinstance(condition, str):
        return condition.startswith("$")
    if isinstance(condition, dict):
        return any(map(_has_parameter, condition.values()))
    return isinstance(condition, list) and any(map(_has_parameter, condition))
