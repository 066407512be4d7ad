"""The tables that DuckDB creates for a layout, and the SQL that creates them."""

from dataclasses import dataclass, field

from rollup_bench.engines.cohorts import StoredActivity, stored_activities
from rollup_bench.engines.cut_spans import with_ends
from rollup_bench.engines.duckdb import activity, funnel, rollup
from rollup_bench.engines.duckdb.zones import LocalTime
from rollup_bench.engines.funnels import StoredFunnel, stored_funnels
from rollup_bench.engines.rollups import Rollup, rollups
from rollup_bench.engines.sql import quoted
from rollup_bench.workloads import layouts
from rollup_bench.workloads.dataset import Columns, Dataset
from rollup_bench.workloads.events import Statistics
from rollup_bench.workloads.layouts import Layout

Table = Rollup | StoredActivity | StoredFunnel
TYPES = {"timestamp": "TIMESTAMP", "string": "VARCHAR", "int64": "BIGINT", "double": "DOUBLE"}
MOST_LISTED = 256
"""A text column of the events with at most so many values is an ENUM, which takes a byte for each event."""


@dataclass(frozen=True)
class TableSet:
    """The tables of a plan: perhaps all events, roll-ups by name (the smallest first), activity, entries of funnels."""

    events: bool
    rollups: dict[str, Rollup] = field(default_factory=dict)
    cohorts: tuple[StoredActivity, ...] = ()
    funnels: tuple[StoredFunnel, ...] = ()

    @property
    def names(self) -> list[str]:
        """The names of all tables; `events`, if it is created, is the first."""
        cohorts, funnels = ([each.name for each in stored] for stored in (self.cohorts, self.funnels))
        return [*(["events"] if self.events else []), *self.rollups, *cohorts, *funnels]


def tables(dataset: Dataset, layout: Layout, statistics: Statistics) -> TableSet:
    """The tables that DuckDB creates for a layout.

    `tuned` has the events, a roll-up for each aggregate that one serves well, the activity of subjects for each cohort,
    and the entries of each funnel.
    """
    if layout == layouts.raw:
        return TableSet(True)
    if layout != layouts.tuned:
        return TableSet(False, {layout.name: Rollup(layout)})
    templates = dataset.questions.values()
    tuned = rollups(dataset, statistics, with_ends(rollup.unsupported_reason), values=True)
    cohorts = stored_activities(templates)
    named = {f"rollup{i}": each for i, each in enumerate(tuned)}
    return TableSet(True, named, tuple(cohorts), tuple(stored_funnels(templates)))


def statements(tables: TableSet, statistics: Statistics, names: Columns) -> tuple[str, str]:
    """The SQL that creates and fills the table of events, which is sorted by time, and the SQL for all other tables.

    Either is empty if there are no such tables.
    """
    time, source = names.time.name, "events" if tables.events else "batches"

    def local(zone: str) -> LocalTime:
        return LocalTime(zone, statistics.first, statistics.last)

    events = _events(time, statistics) if tables.events else []
    rollups = [
        rollup.create(name, each, time, source, local(each.layout.zone)) for name, each in tables.rollups.items()
    ]
    cohorts = [activity.create(each, names, local(each.definition.zone)) for each in tables.cohorts]
    funnels = [funnel.create(each, names) for each in tables.funnels]
    return ";\n".join(events), ";\n".join([*rollups, *cohorts, *funnels])


def _events(time: str, statistics: Statistics) -> list[str]:
    """The statements that store all events in the table `events`.

    The values of an ENUM must be known before the table is created, and the source of the events can be read only once.
    ENUMs list texts by code point, so that they sort as texts.
    """
    listed = [name for name, kind in statistics.types.items() if kind == "string" and _few(name, statistics)]
    types = {name: f"texts of {name}" for name in listed}
    columns = [
        f"{quoted(name)} {quoted(types[name]) if name in types else TYPES[kind]}"
        for name, kind in statistics.types.items()
    ]
    return [
        "CREATE TEMP TABLE loaded AS SELECT * FROM batches",
        *(
            f"CREATE TYPE {quoted(types[name])} AS ENUM "
            f"(SELECT DISTINCT {quoted(name)} FROM loaded WHERE {quoted(name)} IS NOT NULL ORDER BY {quoted(name)})"
            for name in listed
        ),
        f"CREATE TABLE events ({', '.join(columns)})",
        f"INSERT INTO events SELECT * FROM loaded ORDER BY {quoted(time)}",
        "DROP TABLE loaded",
    ]


def _few(name: str, statistics: Statistics) -> bool:
    return statistics.cardinality.get(name, statistics.rows) <= MOST_LISTED
