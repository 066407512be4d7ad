"""Roll-ups as tables: one of totals, and one of values for each column whose distinct values are asked for."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rollup_bench.engines.cassandra import conditions, states, tables, wire
from rollup_bench.engines.cassandra.states import TIMES, VALUE, Groups
from rollup_bench.engines.cassandra.tables import Table
from rollup_bench.workloads import calendar
from rollup_bench.workloads.events import Statistics
from rollup_bench.workloads.filters import Filter, Op, Value
from rollup_bench.workloads.layouts import Layout
from rollup_bench.workloads.questions import EPOCH, Aggregate, Grain, Span

TYPES = {"timestamp": "timestamp", "string": "text", "int64": "bigint", "double": "double", str(states.WIDE): "varint"}
SURE = 2.0**62
"""A sum of absolute values below this, itself rounded, surely fits 64 bits."""
LENGTHS = {Grain.MINUTE: 1 / 60, Grain.HOUR: 1, Grain.DAY: 24, Grain.WEEK: 168, Grain.MONTH: 730, Grain.QUARTER: 2190}


@dataclass(frozen=True, eq=False)
class Rollup:
    """Measures of the events that match `where`, by bucket of time and by dimensions.

    The rows of a partition are ordered by the dimensions that lead, then by time, then by the others. In keys every
    dimension and value is text, in which NULL is escaped.
    """

    layout: Layout
    where: tuple[Filter, ...]
    leading: tuple[str, ...]
    time: str
    totals: Table
    values: dict[str, Table]

    def groups(self, question: Aggregate) -> bool:
        """Whether it is of the events that a question is about, and keeps apart what the question does."""
        left = {f.column for f in question.where if f not in self.where}
        return set(self.where) <= set(question.where) and left | set(question.by) <= set(self.layout.by)

    def fixed(self, question: Aggregate) -> dict[str, tuple[Value, ...]]:
        """The leading dimensions to whose values a question holds, up to the first that it leaves open."""
        fixed = {}
        for dimension in self.leading:
            found = [f for f in question.where if f.column == dimension and f.op in (Op.EQ, Op.IN)]
            if len(found) != 1:
                break
            fixed[dimension] = found[0].values
        return fixed

    @property
    def tables(self) -> list[Table]:
        """All of its tables."""
        return [self.totals, *self.values.values()]

    def whole(self, span: Span, statistics: Statistics) -> Span:
        """The span in whole buckets, where that adds no event."""
        return whole(span, Grain(self.layout.grain or Grain.ALL), self.layout.zone, statistics)

    def of(self, batch: pa.RecordBatch, wide: set[str]) -> Groups | None:
        """The groups of a batch of events, None where none matches."""
        found = conditions.matching(pa.table(batch), self.where)
        if not found.num_rows:
            return None
        starts = calendar.starts(found[self.time].cast(pa.int64()), self.layout.grain or Grain.ALL, self.layout.zone)
        return states.of_events(found.append_column("bucket", starts), self.layout.by, self.layout.measures, wide)

    def rows(self, groups: Groups) -> list[tuple[Table, pa.Table]]:
        """The rows of each table, in the order of their keys. A NULL among values has no times, so no count has it."""
        whole = states.folded(groups, groups.keys)
        kept = [(self.totals, whole.totals)]
        for column, table in self.values.items():
            found = whole.values[column]
            times = pc.if_else(found[VALUE].is_valid(), found[TIMES], pa.scalar(None, pa.int64()))
            keys = {k: found[k] for k in whole.keys}
            kept.append((table, pa.table(keys | {VALUE: wire.key(found[VALUE]), TIMES: times})))
        return [(table, self._keyed(rows, table)) for table, rows in kept]

    def _keyed(self, rows: pa.Table, table: Table) -> pa.Table:
        columns = {self.time if c == "bucket" else c: rows[c] for c in rows.column_names}
        columns |= {d: wire.key(rows[d]) for d in self.layout.by}
        return pa.table(columns).sort_by([(k, "ascending") for k in table.clustering])


def rollup(
    name: str,
    layout: Layout,
    time: str,
    statistics: Statistics,
    where: tuple[Filter, ...] = (),
    leading: tuple[str, ...] = (),
) -> Rollup:
    """The tables of a roll-up, with partitions of the size that its dimensions let expect."""
    keys = dict.fromkeys(leading, "text") | {time: "timestamp"}
    keys |= dict.fromkeys((d for d in layout.by if d not in leading), "text")
    totals = {
        str(s): TYPES[str(states.kind(s, statistics.schema, wide(statistics)))] for s in states.states(layout.measures)
    }
    note = f"{layout.name}: {', '.join(map(str, layout.measures))} by {', '.join((str(layout.grain), *layout.by))}"
    kept = {c: keys | {VALUE: "text", TIMES: "bigint"} for c in states.kept_values(layout.measures)}
    return Rollup(
        layout,
        where,
        leading,
        time,
        _table(f"{name}_totals", keys | totals, tuple(keys), _rows(layout, statistics), statistics, note),
        {
            c: _table(
                f"{name}_values{i}", columns, (*keys, VALUE), _rows(layout, statistics, c), statistics, f"{note}: {c}"
            )
            for i, (c, columns) in enumerate(kept.items())
        },
    )


def _table(
    name: str, columns: dict[str, str], key: tuple[str, ...], rows: int, statistics: Statistics, note: str
) -> Table:
    return Table(name, columns, key, tables.width(rows, statistics.last - statistics.first, columns), note)


def _rows(layout: Layout, statistics: Statistics, value: str | None = None) -> int:
    """How many groups there can be at most."""
    hours = LENGTHS.get(Grain(layout.grain or Grain.ALL), 8760)
    spread = [statistics.cardinality[d] + 1 for d in layout.by]
    if value is not None:
        spread.append(statistics.cardinality.get(value, statistics.rows) + 1)
    steps = (statistics.last - statistics.first) / tables.HOUR / hours + 2
    return max(1, int(min(statistics.rows, steps * np.prod(spread, dtype=float))))


def whole(span: Span, grain: Grain, zone: str, statistics: Statistics) -> Span:
    """A span of whole buckets with the same events, where the events begin and end inside it; else the span."""
    (start, end), year = span.milliseconds, 366 * 24 * tables.HOUR
    early, late = calendar.starts(pa.array([statistics.first, statistics.last + year]), grain, zone).to_pylist()
    return Span(
        _instant(early) if start <= statistics.first < end else span.start,
        _instant(late) if start <= statistics.last < end else span.end,
    )


def _instant(milliseconds: int) -> datetime:
    return EPOCH + timedelta(milliseconds=milliseconds)


def wide(statistics: Statistics) -> set[str]:
    """The integers whose sum may not fit 64 bits."""
    return {c for c, size in statistics.magnitude.items() if statistics.types[c] == "int64" and size >= SURE}
