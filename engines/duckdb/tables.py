"""The tables that DuckDB creates for a layout, and the SQL that creates them."""

from dataclasses import dataclass
from math import prod

import msgspec

from rollup_bench.engines.cohorts import StoredActivity, stored_activities
from rollup_bench.engines.duckdb import activity, rollup
from rollup_bench.engines.duckdb.zones import LocalTime
from rollup_bench.engines.sql import quoted
from rollup_bench.workloads import layouts
from rollup_bench.workloads.calendar import DAY
from rollup_bench.workloads.dataset import Columns, Dataset
from rollup_bench.workloads.events import Statistics
from rollup_bench.workloads.layouts import Layout
from rollup_bench.workloads.questions import Aggregate, Grain

TYPES = {"timestamp": "TIMESTAMP", "string": "VARCHAR", "int64": "BIGINT", "double": "DOUBLE"}
BUCKETS_A_DAY = {Grain.DAY: 1, Grain.HOUR: 24, Grain.MINUTE: 1440}
MIN_EVENTS_PER_ROW = 4
"""A roll-up is worth building if there are so many events for each of its rows."""


@dataclass(frozen=True)
class TableSet:
    """A plan's roll-ups, smallest first, and its stored activity; `events` says whether all events are stored too."""

    events: bool
    rollups: tuple[Layout, ...] = ()
    cohorts: tuple[StoredActivity, ...] = ()

    @property
    def names(self) -> list[str]:
        """The names of all tables: `events`, if it is created, then the roll-ups, then the stored activity."""
        return [
            *(["events"] if self.events else []),
            *(layout.name for layout in self.rollups),
            *(stored.name for stored in self.cohorts),
        ]


def tables(dataset: Dataset, layout: Layout, statistics: Statistics) -> TableSet:
    """The tables that DuckDB creates for a layout.

    `tuned` has the events, a roll-up by day, hour or minute for each aggregate that a roll-up can answer with at most a
    quarter as many rows as there are events, and the activity of subjects for each cohort.
    """
    if layout == layouts.raw:
        return TableSet(True)
    if layout != layouts.tuned:
        return TableSet(False, (layout,))
    questions = [template.fill() for template in dataset.questions.values()]
    rollups: dict[tuple[object, ...], Layout] = {}
    for question in questions:
        new = _question_rollup(question, dataset, statistics) if isinstance(question, Aggregate) else None
        if new:
            key = (new.grain, new.zone, frozenset(new.by))
            measures = dict.fromkeys(rollups.get(key, new).measures + new.measures)
            rollups[key] = msgspec.structs.replace(rollups.get(key, new), measures=tuple(measures))
    smallest = sorted(rollups.values(), key=lambda rollup: _max_groups(rollup, statistics))
    named = [msgspec.structs.replace(rollup, name=f"rollup{i}") for i, rollup in enumerate(smallest)]
    return TableSet(True, tuple(named), tuple(stored_activities(questions)))


def statements(tables: TableSet, statistics: Statistics, names: Columns) -> tuple[str, str]:
    """The SQL that creates and fills the table of events, which is sorted by time, and the SQL for all other tables.

    Either is empty if there are no such tables.
    """
    time, source = names.time.name, "events" if tables.events else "batches"

    def local(zone: str) -> LocalTime:
        return LocalTime(zone, statistics.first, statistics.last)

    columns = ", ".join(f"{quoted(name)} {TYPES[kind]}" for name, kind in statistics.types.items())
    events = [f"CREATE TABLE events ({columns})", f"INSERT INTO events SELECT * FROM batches ORDER BY {quoted(time)}"]
    rollups = [rollup.create(layout, time, source, local(layout.zone)) for layout in tables.rollups]
    cohorts = [activity.create(each, names.subject, time, local(each.definition.zone)) for each in tables.cohorts]
    return ";\n".join(events if tables.events else []), ";\n".join([*rollups, *cohorts])


def _question_rollup(question: Aggregate, dataset: Dataset, statistics: Statistics) -> Layout | None:
    """The coarsest roll-up by day, hour or minute that answers a question and is worth building; None if none is."""
    by = tuple(dict.fromkeys([*question.by, *(condition.column for condition in question.where)]))
    if not set(by) <= set(dataset.columns.texts):
        return None
    layouts = (Layout("rollup", grain, question.zone, by, question.measures) for grain in BUCKETS_A_DAY)
    for layout in layouts:
        small = _max_groups(layout, statistics) * MIN_EVENTS_PER_ROW <= statistics.rows
        if small and rollup.unsupported_reason(question, layout) is None:
            return layout
    return None


def _max_groups(layout: Layout, statistics: Statistics) -> int:
    """The most rows that a roll-up can have: each combination of dimension values, with NULL, in each bucket."""
    days = (statistics.last - statistics.first) // DAY + 1
    return (
        days * BUCKETS_A_DAY[Grain(layout.grain or Grain.ALL)] * prod(statistics.cardinality[d] + 1 for d in layout.by)
    )
