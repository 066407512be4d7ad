"""Which tables a layout is in DuckDB, and which of them answers a question."""

from dataclasses import dataclass
from math import prod

import msgspec

from rollup_bench.engines.duckdb import rollup
from rollup_bench.engines.duckdb.sql import quoted
from rollup_bench.workloads import layouts
from rollup_bench.workloads.dataset import Dataset
from rollup_bench.workloads.events import Statistics
from rollup_bench.workloads.layouts import Layout
from rollup_bench.workloads.questions import Aggregate, Grain

TYPES = {"timestamp": "TIMESTAMP", "string": "VARCHAR", "int64": "BIGINT", "double": "DOUBLE"}
DAYS = {Grain.DAY: 1, Grain.HOUR: 24, Grain.MINUTE: 1440}
WORTH = 4
"""A roll-up is worth its keep where it has so many times fewer rows than there are events."""


@dataclass(frozen=True)
class Tables:
    """The roll-ups, smallest first, and whether there is a table of all events behind them, and in which order."""

    rollups: tuple[Layout, ...]
    order: tuple[str, ...] | None

    @property
    def names(self) -> list[str]:
        """All tables."""
        return [*([] if self.order is None else ["events"]), *(layout.name for layout in self.rollups)]


def tables(dataset: Dataset, layout: Layout, statistics: Statistics) -> Tables:
    """The tables of a layout.

    `tuned` is the events in the order in which the questions read them (by subject where they follow subjects),
    and for each aggregate that days, hours or minutes can answer a roll-up, where that is much smaller.
    """
    time, subject = dataset.columns.time.name, dataset.columns.subject
    if layout == layouts.raw:
        return Tables((), (time,))
    if layout != layouts.tuned:
        return Tables((layout,), None)
    asked = [template.fill() for template in dataset.questions.values()]
    made: dict[tuple[object, ...], Layout] = {}
    for question in asked:
        fitting = _fitting(question, dataset, statistics) if isinstance(question, Aggregate) else None
        if fitting:
            key = (fitting.grain, fitting.zone, frozenset(fitting.by))
            there = made.get(key, fitting)
            made[key] = msgspec.structs.replace(there, measures=tuple(dict.fromkeys(there.measures + fitting.measures)))
    smallest = sorted(made.values(), key=lambda one: _groups(one, statistics))
    named = [msgspec.structs.replace(one, name=f"rollup{i}") for i, one in enumerate(smallest)]
    follows = any(not isinstance(question, Aggregate) for question in asked)
    return Tables(tuple(named), (subject, time) if follows else (time,))


def text(kept: Tables, statistics: Statistics, time: str) -> str:
    """The statements that make the tables, the events first."""
    columns = ", ".join(f"{quoted(name)} {TYPES[kind]}" for name, kind in statistics.types.items())
    source = "events" if kept.order else "batches"
    made = [rollup.create(layout, time, source) for layout in kept.rollups]
    if kept.order:
        order = ", ".join(quoted(name) for name in kept.order)
        made = [f"CREATE TABLE events ({columns})", f"INSERT INTO events SELECT * FROM batches ORDER BY {order}", *made]
    return ";\n".join(made)


def _fitting(question: Aggregate, dataset: Dataset, statistics: Statistics) -> Layout | None:
    """The coarsest roll-up of whole days, hours or minutes that answers a question, if it is worth its keep."""
    by = tuple(dict.fromkeys([*question.by, *(condition.column for condition in question.where)]))
    if not set(by) <= set(dataset.columns.texts):
        return None
    made = (Layout("rollup", grain, question.zone, by, question.measures) for grain in DAYS)
    fitting = (layout for layout in made if rollup.obstacle(question, layout) is None)
    return next((layout for layout in fitting if _groups(layout, statistics) * WORTH <= statistics.rows), None)


def _groups(layout: Layout, statistics: Statistics) -> int:
    """The most groups that a roll-up could have."""
    days = (statistics.last - statistics.first) // 86_400_000 + 1
    return days * DAYS[Grain(layout.grain or Grain.ALL)] * prod(statistics.cardinality[d] + 1 for d in layout.by)
