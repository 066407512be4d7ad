"""The tables that ClickHouse creates for a layout."""

from dataclasses import dataclass, field

from rollup_bench.engines.clickhouse import activity, funnel, rollup
from rollup_bench.engines.clickhouse.births import Columns
from rollup_bench.engines.clickhouse.rollup import Stored
from rollup_bench.engines.clickhouse.table import BATCHES, EVENTS, Table, events
from rollup_bench.engines.clickhouse.zones import LocalTime
from rollup_bench.engines.cohorts import StoredActivity, stored_activities
from rollup_bench.engines.cut_spans import with_ends
from rollup_bench.engines.funnels import StoredFunnel, stored_funnels
from rollup_bench.engines.rollups import Rollup, rollups
from rollup_bench.workloads import layouts
from rollup_bench.workloads.dataset import Dataset
from rollup_bench.workloads.events import Statistics
from rollup_bench.workloads.layouts import Layout


@dataclass(frozen=True)
class TableSet:
    """The tables of a plan: perhaps all events, roll-ups by name (the smallest first), activity, entries of funnels."""

    events: bool
    rollups: dict[str, Stored] = field(default_factory=dict)
    cohorts: tuple[StoredActivity, ...] = ()
    funnels: tuple[StoredFunnel, ...] = ()


def table_set(dataset: Dataset, layout: Layout, statistics: Statistics) -> TableSet:
    """What the tables of a layout store.

    `tuned` has the events, a roll-up for each aggregate that one serves well, the activity of subjects for each cohort,
    and the entries of each funnel.
    """
    time = dataset.columns.time.name
    if layout == layouts.raw:
        return TableSet(True)
    if layout != layouts.tuned:
        return TableSet(False, {layout.name: Stored(Rollup(layout), time, statistics)})
    templates = dataset.questions.values()
    tuned = rollups(dataset, statistics, with_ends(rollup.unsupported_reason), values=True)
    named = {f"rollup{i}": Stored(each, time, statistics) for i, each in enumerate(tuned)}
    return TableSet(True, named, tuple(stored_activities(templates)), tuple(stored_funnels(templates)))


def tables(stored: TableSet, dataset: Dataset, statistics: Statistics) -> list[Table]:
    """The tables in the order in which they are filled; that of all events, if there is one, is the first."""
    columns = Columns(dataset.columns, statistics)

    def local(zone: str) -> LocalTime:
        return LocalTime(zone, statistics.first, statistics.last)

    source = EVENTS if stored.events else BATCHES
    return [
        *([events(columns.time, statistics)] if stored.events else []),
        *(each.table(name, source) for name, each in stored.rollups.items()),
        *(activity.table(each, columns, local(each.definition.zone)) for each in stored.cohorts),
        *(funnel.table(each, dataset.columns, statistics) for each in stored.funnels),
    ]
