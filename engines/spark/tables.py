"""The tables that Spark creates for a layout."""

from rollup_bench.engines import tuned
from rollup_bench.engines.integer_statements import EventColumns
from rollup_bench.engines.integer_time import LocalTime
from rollup_bench.engines.spark import activity, funnel, rollup
from rollup_bench.engines.spark.rollup import Stored
from rollup_bench.engines.spark.table import ARRIVING, Table, events
from rollup_bench.engines.spark.zones import SQL
from rollup_bench.engines.tuned import EVENTS, TableSet
from rollup_bench.workloads.dataset import Dataset
from rollup_bench.workloads.events import Statistics
from rollup_bench.workloads.layouts import Layout


def table_set(dataset: Dataset, layout: Layout, statistics: Statistics) -> TableSet[Stored]:
    """What the tables of a layout store."""
    time = dataset.columns.time.name
    return tuned.table_set(
        *(dataset, layout, statistics), lambda each: Stored(each, time, statistics), rollup.unsupported_reason
    )


def tables(stored: TableSet[Stored], dataset: Dataset, statistics: Statistics) -> list[Table]:
    """The tables in the order in which they are filled; that of all events, if there is one, is the first."""
    columns = EventColumns(dataset.columns, statistics)

    def local(zone: str) -> LocalTime:
        return LocalTime(SQL, zone, statistics.first, statistics.last)

    source = EVENTS if stored.events else ARRIVING
    return [
        *([events(columns.time, statistics)] if stored.events else []),
        *(each.table(name, source) for name, each in stored.rollups.items()),
        *(activity.table(each, columns, local(each.definition.zone)) for each in stored.cohorts),
        *(funnel.table(each, dataset.columns, statistics) for each in stored.funnels),
    ]
