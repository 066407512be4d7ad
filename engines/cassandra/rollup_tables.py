"""Tables of roll-ups: one of totals, and one of values for each column with a distinct count or quantile."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from rollup_bench.engines import client_aggregation
from rollup_bench.engines.cassandra import codec
from rollup_bench.engines.cassandra.tables import CQL_TYPES, HOUR, Table
from rollup_bench.engines.client_aggregation import (
    COUNT,
    VALUE,
    Groups,
    distinct_columns,
    distinct_count,
    partials,
    value_columns,
)
from rollup_bench.engines.partials import matching
from rollup_bench.workloads import calendar
from rollup_bench.workloads.events import Statistics
from rollup_bench.workloads.filters import Filter, Op, Value
from rollup_bench.workloads.layouts import Layout
from rollup_bench.workloads.questions import Aggregate, Grain
from rollup_bench.workloads.rule import COARSER

HOURS = {Grain.MINUTE: 1 / 60, Grain.HOUR: 1, Grain.DAY: 24, Grain.WEEK: 168, Grain.MONTH: 730, Grain.QUARTER: 2190}
"""The approximate hours in a bucket of each grain."""
YEAR_HOURS = 8760


@dataclass(frozen=True)
class StoredRollup:
    """A roll-up to store: a layout's measures of events that match `where`, ordered by `leading`, then by time."""

    layout: Layout
    where: tuple[Filter, ...] = ()
    leading: tuple[str, ...] = ()
    coarse: tuple[Grain, ...] = ()
    """Longer grains at which the same is stored, so that long spans need few rows."""

    def merged(self, other: "StoredRollup") -> "StoredRollup":
        """Merges two roll-ups of the same groups into one with the measures, coarse grains and names of both."""
        measures = dict.fromkeys((*self.layout.measures, *other.layout.measures))
        name = f"{self.layout.name} and {other.layout.name.removeprefix('for ')}"
        layout = msgspec.structs.replace(self.layout, name=name, measures=tuple(measures))
        return replace(self, layout=layout, coarse=tuple(dict.fromkeys((*self.coarse, *other.coarse))))

    def at(self, grain: Grain) -> "StoredRollup":
        """The same roll-up with another grain, and without coarse grains."""
        return replace(self, layout=msgspec.structs.replace(self.layout, grain=grain), coarse=())

    def groups(self, question: Aggregate) -> bool:
        """Whether the question has all filters of the roll-up, and else filters and groups only by its dimensions."""
        filtered = {f.column for f in question.where if f not in self.where}
        return set(self.where) <= set(question.where) and filtered | set(question.by) <= set(self.layout.by)

    def fixed(self, question: Aggregate) -> dict[str, tuple[Value, ...]]:
        """The values that a filter (= or IN) permits of each leading dimension, up to the first without one."""
        fixed = {}
        for dimension in self.leading:
            filters = [f for f in question.where if f.column == dimension and f.op in (Op.EQ, Op.IN)]
            if len(filters) != 1:
                break
            fixed[dimension] = filters[0].values
        return fixed


@dataclass(frozen=True, eq=False)
class RollupTables:
    """The tables of a roll-up: one of totals, and one of values for each column with a distinct count or quantile.

    Totals include the number of distinct values of each column with a distinct count. The rows of a partition are
    ordered by the leading dimensions, then by time, then by the other dimensions. Keys hold every dimension as text,
    in which a backslash stands for NULL. Values have the type of their column; NULL is not stored as a value.
    """

    stored: StoredRollup
    time: str
    totals: Table
    values: dict[str, Table]

    @property
    def grain(self) -> Grain:
        """The grain of the roll-up's buckets."""
        return Grain(self.stored.layout.grain or Grain.ALL)

    @property
    def tables(self) -> list[Table]:
        """All tables of the roll-up."""
        return [self.totals, *self.values.values()]

    def aggregated(self, batch: pa.RecordBatch, statistics: Statistics) -> Groups | None:
        """Groups the events of a batch that match the roll-up's filters; None if no event matches."""
        events = matching(pa.table(batch), self.stored.where)
        if not events.num_rows:
            return None
        starts = calendar.starts(events[self.time].cast(pa.int64()), self.grain, self.stored.layout.zone)
        events = events.append_column("bucket", starts)
        return client_aggregation.aggregated(events, self.stored.layout.by, self.stored.layout.measures, statistics)

    def rows(self, groups: Groups) -> list[tuple[Table, pa.Table]]:
        """The rows of each table, sorted by its key."""
        whole = client_aggregation.merged(groups, groups.keys)
        counted = distinct_columns(self.stored.layout.measures)
        return self.uncounted_rows(replace(whole, totals=client_aggregation.with_distinct_counts(whole, counted)))

    def uncounted_rows(self, groups: Groups) -> list[tuple[Table, pa.Table]]:
        """The rows of each table, sorted by its key, from merged groups; no distinct values are counted for totals."""
        stored = [(self.totals, groups.totals)]
        for column, table in self.values.items():
            stored.append((table, groups.values[column].filter(pc.field(VALUE).is_valid())))
        return [(table, self._keyed(rows, table)) for table, rows in stored]

    def _keyed(self, rows: pa.Table, table: Table) -> pa.Table:
        columns = {self.time if name == "bucket" else name: rows[name] for name in rows.column_names}
        columns |= {dimension: codec.key(rows[dimension]) for dimension in self.stored.layout.by}
        return pa.table(columns).sort_by([(name, "ascending") for name in table.clustering])


@dataclass(frozen=True, eq=False)
class Rollup:
    """The tables of a roll-up at its own grain, and at coarse grains, whose buckets consist of whole fine buckets."""

    stored: StoredRollup
    fine: RollupTables
    coarse: dict[Grain, RollupTables]

    @property
    def tables(self) -> list[Table]:
        """The tables of the roll-up at all grains."""
        return [table for level in (self.fine, *self.coarse.values()) for table in level.tables]

    def level(self, grain: Grain) -> RollupTables | None:
        """The tables by month, else those by week, if they exist and add up to buckets of `grain`; else None."""
        wanted = next((g for g in (Grain.MONTH, Grain.WEEK) if g in self.coarse and grain in COARSER[g]), None)
        return self.coarse.get(wanted) if wanted else None

    def rows(self, groups: Groups) -> Iterator[tuple[Table, pa.Table]]:
        """The rows of each table of every grain, sorted by the table's key; `groups` has buckets of the fine grain."""
        yield from self.fine.rows(groups)
        for grain, level in self.coarse.items():
            yield from level.rows(_moved(groups, grain, self.stored.layout.zone))


def _moved(groups: Groups, grain: Grain, zone: str) -> Groups:
    """The groups with each bucket replaced by the bucket of a longer grain that contains it, not merged."""

    def moved(rows: pa.Table) -> pa.Table:
        return rows.set_column(
            rows.column_names.index("bucket"), "bucket", calendar.starts(rows["bucket"], grain, zone)
        )

    return Groups(groups.keys, moved(groups.totals), {c: moved(rows) for c, rows in groups.values.items()})


def rollup(name: str, stored: StoredRollup, time: str, statistics: Statistics) -> Rollup:
    """The tables of a roll-up, whose names begin with `name`."""
    coarse = {grain: _level(f"{name}_{grain}", stored.at(grain), time, statistics) for grain in stored.coarse}
    return Rollup(stored, _level(name, stored, time, statistics), coarse)


def _level(name: str, stored: StoredRollup, time: str, statistics: Statistics) -> RollupTables:
    """The tables of a roll-up at one grain."""
    layout, leading = stored.layout, stored.leading
    keys = dict.fromkeys(leading, "text") | {time: "timestamp"}
    keys |= dict.fromkeys((dimension for dimension in layout.by if dimension not in leading), "text")
    totals = {str(partial): CQL_TYPES[str(partial.arrow_type(statistics))] for partial in partials(layout.measures)}
    totals |= {distinct_count(column): "bigint" for column in distinct_columns(layout.measures)}
    comment = f"{layout.name}: {', '.join(map(str, layout.measures))} by {', '.join((str(layout.grain), *layout.by))}"
    values = {
        column: Table(
            f"{name}_values{i}", keys | _value_types(column, statistics), (*keys, VALUE), f"{comment}: {column}"
        )
        for i, column in enumerate(value_columns(layout.measures))
    }
    return RollupTables(stored, time, Table(f"{name}_totals", keys | totals, tuple(keys), comment), values)


def _value_types(column: str, statistics: Statistics) -> dict[str, str]:
    return {VALUE: CQL_TYPES[statistics.types[column]], COUNT: "bigint"}


def max_groups(layout: Layout, statistics: Statistics, value: str | None) -> int:
    """The most groups that a layout may have; if a column `value` is given, its values are part of the groups."""
    hours = HOURS.get(Grain(layout.grain or Grain.ALL), YEAR_HOURS)
    cardinalities = [statistics.cardinality[dimension] + 1 for dimension in layout.by]
    if value is not None:
        cardinalities.append(statistics.cardinality.get(value, statistics.rows) + 1)
    buckets = (statistics.last - statistics.first) / HOUR / hours + 2
    return max(1, int(min(statistics.rows, buckets * np.prod(cardinalities, dtype=float))))


def max_rows(layout: Layout, statistics: Statistics) -> int:
    """The most rows that the tables of a layout may have together."""
    return sum(max_groups(layout, statistics, value) for value in (None, *value_columns(layout.measures)))


Limits = tuple[int, int]
"""The start and the end of a period, in milliseconds since 1970, UTC."""


def whole_buckets(limits: Limits, grain: Grain, zone: str, statistics: Statistics) -> Limits:
    """The limits; a start before all events becomes that of the first event's bucket, an end after all a later one."""
    (start, end), first, last = limits, statistics.first, statistics.last
    early, late = _outer_buckets(grain, zone, first, last)
    return early if start <= first < end else start, late if start <= last < end else end


@lru_cache(maxsize=256)
def _outer_buckets(grain: Grain, zone: str, first: int, last: int) -> Limits:
    """The start of the bucket of the first event, and the start of a bucket after the last event, in milliseconds."""
    early, late = calendar.starts(pa.array([first, last + 366 * 24 * HOUR]), grain, zone).to_pylist()
    return early, late


def split(limits: Limits, grain: Grain, zone: str, statistics: Statistics) -> tuple[Limits | None, list[Limits]]:
    """The longest period of whole buckets within the limits, or None, and the periods of the limits outside of it."""
    starts = _bucket_starts(grain, zone, statistics.first, statistics.last)
    start, end = max(limits[0], int(starts[0])), min(limits[1], int(starts[-1]))
    first, last = np.searchsorted(starts, start, "left"), np.searchsorted(starts, end, "right") - 1
    if first >= last:
        return None, [limits]
    whole = int(starts[first]), int(starts[last])
    return whole, [edge for edge in ((start, whole[0]), (whole[1], end)) if edge[0] < edge[1]]


@lru_cache(maxsize=256)
def _bucket_starts(grain: Grain, zone: str, first: int, last: int) -> npt.NDArray[np.int64]:
    """The sorted starts, in milliseconds, of all buckets from the first event's to a year after the last event."""
    instants = np.arange(first, last + 366 * 24 * HOUR, 12 * HOUR)
    return np.unique(np.asarray(calendar.starts(pa.array(instants), grain, zone)))
