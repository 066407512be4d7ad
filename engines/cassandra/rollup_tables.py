"""Roll-ups as tables: one of totals, and one of values for each column of a distinct count or quantile."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rollup_bench.engines.cassandra import client_aggregation, codec
from rollup_bench.engines.cassandra.client_aggregation import COUNT, VALUE, Groups, partials, value_columns
from rollup_bench.engines.cassandra.tables import CQL_TYPES, HOUR, Table, bucket_width
from rollup_bench.engines.partials import matching
from rollup_bench.workloads import calendar
from rollup_bench.workloads.events import Statistics
from rollup_bench.workloads.filters import Filter, Op, Value
from rollup_bench.workloads.layouts import Layout
from rollup_bench.workloads.questions import EPOCH, Aggregate, Grain, Span

HOURS = {Grain.MINUTE: 1 / 60, Grain.HOUR: 1, Grain.DAY: 24, Grain.WEEK: 168, Grain.MONTH: 730, Grain.QUARTER: 2190}
"""The approximate length of a bucket of each grain."""
YEAR_HOURS = 8760


@dataclass(frozen=True)
class StoredRollup:
    """A layout's aggregates of the events that match `where`, ordered by the dimensions `leading` before time."""

    layout: Layout
    where: tuple[Filter, ...] = ()
    leading: tuple[str, ...] = ()

    def merged(self, other: "StoredRollup") -> "StoredRollup":
        """Merges two roll-ups of the same groups into one with the measures and the names of both."""
        measures = dict.fromkeys((*self.layout.measures, *other.layout.measures))
        name = f"{self.layout.name} and {other.layout.name.removeprefix('for ')}"
        return replace(self, layout=msgspec.structs.replace(self.layout, name=name, measures=tuple(measures)))


@dataclass(frozen=True, eq=False)
class RollupTables:
    """The tables of a roll-up: one of totals, and one of values for each column of a distinct count or quantile.

    The rows of a partition are ordered by the leading dimensions, then by time, then by the other dimensions. In keys
    every dimension and value is text, in which NULL is escaped.
    """

    stored: StoredRollup
    time: str
    totals: Table
    values: dict[str, Table]

    @property
    def grain(self) -> Grain:
        """The grain of the roll-up's buckets."""
        return Grain(self.stored.layout.grain or Grain.ALL)

    def groups(self, question: Aggregate) -> bool:
        """Whether the roll-up aggregates the question's events and groups by all dimensions that the question needs."""
        filtered = {f.column for f in question.where if f not in self.stored.where}
        return set(self.stored.where) <= set(question.where) and filtered | set(question.by) <= set(
            self.stored.layout.by
        )

    def fixed(self, question: Aggregate) -> dict[str, tuple[Value, ...]]:
        """The values that a question asks for of the leading dimensions, up to the first dimension with no filter."""
        fixed = {}
        for dimension in self.stored.leading:
            filters = [f for f in question.where if f.column == dimension and f.op in (Op.EQ, Op.IN)]
            if len(filters) != 1:
                break
            fixed[dimension] = filters[0].values
        return fixed

    @property
    def tables(self) -> list[Table]:
        """All tables of the roll-up."""
        return [self.totals, *self.values.values()]

    def aggregated(self, batch: pa.RecordBatch, statistics: Statistics) -> Groups | None:
        """The groups of a batch of events; None if no event matches the roll-up's filters."""
        events = matching(pa.table(batch), self.stored.where)
        if not events.num_rows:
            return None
        starts = calendar.starts(events[self.time].cast(pa.int64()), self.grain, self.stored.layout.zone)
        events = events.append_column("bucket", starts)
        return client_aggregation.aggregated(events, self.stored.layout.by, self.stored.layout.measures, statistics)

    def rows(self, groups: Groups) -> list[tuple[Table, pa.Table]]:
        """The rows of each table in the order of its key. NULL values get a NULL count, which `count` leaves out."""
        whole = client_aggregation.merged(groups, groups.keys)
        stored = [(self.totals, whole.totals)]
        for column, table in self.values.items():
            values = whole.values[column]
            counts = pc.if_else(values[VALUE].is_valid(), values[COUNT], pa.scalar(None, pa.int64()))
            keys = {key: values[key] for key in whole.keys}
            stored.append((table, pa.table(keys | {VALUE: codec.key(values[VALUE]), COUNT: counts})))
        return [(table, self._keyed(rows, table)) for table, rows in stored]

    def _keyed(self, rows: pa.Table, table: Table) -> pa.Table:
        columns = {self.time if name == "bucket" else name: rows[name] for name in rows.column_names}
        columns |= {dimension: codec.key(rows[dimension]) for dimension in self.stored.layout.by}
        return pa.table(columns).sort_by([(name, "ascending") for name in table.clustering])


def rollup_tables(name: str, stored: StoredRollup, time: str, statistics: Statistics) -> RollupTables:
    """The tables of a roll-up, whose names begin with `name`; the number of groups is estimated from the statistics."""
    layout, leading = stored.layout, stored.leading
    keys = dict.fromkeys(leading, "text") | {time: "timestamp"}
    keys |= dict.fromkeys((dimension for dimension in layout.by if dimension not in leading), "text")
    totals = {str(partial): CQL_TYPES[str(partial.arrow_type(statistics))] for partial in partials(layout.measures)}
    comment = f"{layout.name}: {', '.join(map(str, layout.measures))} by {', '.join((str(layout.grain), *layout.by))}"
    period = statistics.last - statistics.first

    def table(suffix: str, columns: dict[str, str], about: str, value: str | None = None) -> Table:
        width = bucket_width(_max_groups(layout, statistics, value), period, columns)
        key = (*keys, VALUE) if value else tuple(keys)
        return Table(f"{name}_{suffix}", columns, key, width, about)

    values = {
        column: table(f"values{i}", keys | {VALUE: "text", COUNT: "bigint"}, f"{comment}: {column}", column)
        for i, column in enumerate(value_columns(layout.measures))
    }
    return RollupTables(stored, time, table("totals", keys | totals, comment), values)


def _max_groups(layout: Layout, statistics: Statistics, value: str | None) -> int:
    """The most groups that a layout may have; if a column is given, groups are counted by its values too."""
    hours = HOURS.get(Grain(layout.grain or Grain.ALL), YEAR_HOURS)
    cardinalities = [statistics.cardinality[dimension] + 1 for dimension in layout.by]
    if value is not None:
        cardinalities.append(statistics.cardinality.get(value, statistics.rows) + 1)
    buckets = (statistics.last - statistics.first) / HOUR / hours + 2
    return max(1, int(min(statistics.rows, buckets * np.prod(cardinalities, dtype=float))))


def whole_buckets(span: Span, grain: Grain, zone: str, statistics: Statistics) -> Span:
    """The span with each end moved to the start of a bucket, unless an event lies between the end and that start."""
    (start, end), year = span.milliseconds, 366 * 24 * HOUR
    early, late = calendar.starts(pa.array([statistics.first, statistics.last + year]), grain, zone).to_pylist()
    return Span(
        _instant(early) if start <= statistics.first < end else span.start,
        _instant(late) if start <= statistics.last < end else span.end,
    )


def _instant(milliseconds: int) -> datetime:
    return EPOCH + timedelta(milliseconds=milliseconds)
