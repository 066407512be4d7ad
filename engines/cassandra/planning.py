"""What is created for a layout: its tables, printable."""

from dataclasses import dataclass

from rollup_bench.engines.cassandra import cohorts, tables, tuned
from rollup_bench.engines.cassandra.cohorts import Activity
from rollup_bench.engines.cassandra.rollups import TYPES, Rollup, rollup
from rollup_bench.engines.cassandra.tables import Table
from rollup_bench.engines.cassandra.tuned import WantedActivity
from rollup_bench.engines.contract import Plan
from rollup_bench.workloads import layouts
from rollup_bench.workloads.dataset import Dataset
from rollup_bench.workloads.events import Statistics
from rollup_bench.workloads.layouts import Layout

KEYSPACE = "CREATE KEYSPACE {} WITH replication = {{'class': 'NetworkTopologyStrategy', 'replication_factor': {}}}"
MANIFEST = f"CREATE TABLE {{}}.manifest (name text, {tables.BUCKET} bigint, rows bigint, PRIMARY KEY (name, bucket))"
LOADED = "CREATE TABLE {}.loaded (rows bigint PRIMARY KEY)"
SENT = "CREATE TABLE {}.sent (name text PRIMARY KEY, rows bigint, seconds double)"


@dataclass(frozen=True)
class Design:
    """The tables of a plan: perhaps one of events, roll-ups, and rows of what subjects do at each age."""

    events: Table | None
    rollups: tuple[Rollup, ...] = ()
    activities: tuple[Activity, ...] = ()
    replication: int = 1

    @property
    def tables(self) -> list[Table]:
        """All of them."""
        kept = [*(t for r in self.rollups for t in r.tables), *(a.table for a in self.activities)]
        return [self.events, *kept] if self.events else kept


def plan(engine: str, dataset: Dataset, layout: Layout, statistics: Statistics, replication: int) -> Plan:
    """The plan of a layout; its keyspace has the plan's name, and so many copies of each row."""
    design = _design(dataset, layout, statistics, replication)
    return Plan(engine, dataset, layout, statistics, ";\n".join(statements("KEYSPACE", design)), design)


def statements(keyspace: str, design: Design) -> list[str]:
    """What creates the design, `sent` last: where that is, all is."""
    name = tables.quoted(keyspace)
    fixed = [KEYSPACE.format(name, design.replication), MANIFEST.format(name), LOADED.format(name)]
    return [*fixed, *(table.create(keyspace) for table in design.tables), SENT.format(name)]


def _design(dataset: Dataset, layout: Layout, statistics: Statistics, replication: int) -> Design:
    time = dataset.columns.time.name
    if layout == layouts.raw:
        return Design(events_table(dataset, statistics), replication=replication)
    if layout != layouts.tuned:
        return Design(None, (rollup("rollup", layout, time, statistics),), replication=replication)
    calls = tuned.calls(dataset, statistics)
    return Design(
        events_table(dataset, statistics) if calls.events else None,
        tuple(
            rollup(f"rollup{i}", w.layout, time, statistics, w.where, w.leading) for i, w in enumerate(calls.rollups)
        ),
        tuple(activities(f"activity{i}", w, dataset, statistics) for i, w in enumerate(calls.activities)),
        replication,
    )


def activities(name: str, wanted: WantedActivity, dataset: Dataset, statistics: Statistics) -> Activity:
    """A cohort's rows and the table that keeps them."""
    note = f"activity {wanted.name}"
    table = cohorts.table(name, note, wanted.definition, wanted.adds, dataset.columns, statistics)
    return Activity(wanted.definition, wanted.grain, wanted.adds, wanted.count, table)


def events_table(dataset: Dataset, statistics: Statistics) -> Table:
    """Each event, by time; its number in the load tells it from its equals."""
    columns = {name: TYPES[kind] for name, kind in statistics.types.items()}
    number = tables.unused("event", columns)
    time = dataset.columns.time.name
    columns = {time: columns[time], number: "bigint"} | columns
    return Table(
        name="events",
        columns=columns,
        clustering=(time, number),
        width=tables.width(statistics.rows, statistics.last - statistics.first, columns),
        note="each event by time",
    )
