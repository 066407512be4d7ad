"""The tables that DuckDB creates for a layout, and the SQL that creates them."""

from dataclasses import dataclass
from math import prod

import msgspec

from rollup_bench.engines.duckdb import rollup
from rollup_bench.engines.sql import quoted
from rollup_bench.workloads import layouts
from rollup_bench.workloads.calendar import DAY
from rollup_bench.workloads.dataset import Dataset
from rollup_bench.workloads.events import Statistics
from rollup_bench.workloads.layouts import Layout
from rollup_bench.workloads.questions import Aggregate, Grain

TYPES = {"timestamp": "TIMESTAMP", "string": "VARCHAR", "int64": "BIGINT", "double": "DOUBLE"}
BUCKETS_A_DAY = {Grain.DAY: 1, Grain.HOUR: 24, Grain.MINUTE: 1440}
MIN_EVENTS_PER_ROW = 4
"""A roll-up is worth building if there are so many events for each of its rows."""


@dataclass(frozen=True)
class TableSet:
    """A plan's roll-ups, smallest first; `order` names the sort columns of the table of events, None without it."""

    rollups: tuple[Layout, ...]
    order: tuple[str, ...] | None

    @property
    def names(self) -> list[str]:
        """The names of all tables: `events`, if it is created, and then the roll-ups."""
        return [*([] if self.order is None else ["events"]), *(layout.name for layout in self.rollups)]


def tables(dataset: Dataset, layout: Layout, statistics: Statistics) -> TableSet:
    """The tables that DuckDB creates for a layout.

    `tuned` has the events, sorted by subject if any question is a cohort or a funnel, and a roll-up by day, hour or
    minute for each aggregate that a roll-up can answer with at most a quarter as many rows as there are events.
    """
    time, subject = dataset.columns.time.name, dataset.columns.subject
    if layout == layouts.raw:
        return TableSet((), (time,))
    if layout != layouts.tuned:
        return TableSet((layout,), None)
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
    follows = any(not isinstance(question, Aggregate) for question in questions)
    return TableSet(tuple(named), (subject, time) if follows else (time,))


def statements(tables: TableSet, statistics: Statistics, time: str) -> str:
    """The SQL that creates and fills the tables, the table of events first."""
    columns = ", ".join(f"{quoted(name)} {TYPES[kind]}" for name, kind in statistics.types.items())
    rollups = [rollup.create(layout, time, "events" if tables.order else "batches") for layout in tables.rollups]
    events = []
    if tables.order:
        order = ", ".join(map(quoted, tables.order))
        events = [f"CREATE TABLE events ({columns})", f"INSERT INTO events SELECT * FROM batches ORDER BY {order}"]
    return ";\n".join([*events, *rollups])


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
