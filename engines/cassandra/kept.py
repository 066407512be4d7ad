"""Answers from a roll-up: its totals, and the values behind distinct counts and quantiles."""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import product
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from rollup_bench.engines.cassandra import conditions, rollups, states, wire
from rollup_bench.engines.cassandra.cluster import Reader
from rollup_bench.engines.cassandra.rollups import Rollup
from rollup_bench.engines.cassandra.states import TIMES, VALUE, Groups
from rollup_bench.engines.cassandra.tables import Manifest, Table, partitions, quoted
from rollup_bench.engines.contract import Plan, Support, Where
from rollup_bench.workloads import calendar
from rollup_bench.workloads.columns import INSTANT
from rollup_bench.workloads.filters import Filter, Op, Value
from rollup_bench.workloads.measures import Function
from rollup_bench.workloads.questions import Aggregate, Grain, Span


@dataclass(frozen=True)
class Prepared:
    """What a question needs of a roll-up, whatever its span."""

    question: Aggregate
    plan: Plan
    rollup: Rollup

    @cached_property
    def kinds(self) -> dict[str, pa.DataType]:
        """The type of each state."""
        wide = rollups.wide(self.plan.statistics)
        return {str(s): states.kind(s, self.plan.schema, wide) for s in states.states(self.question.measures)}

    @cached_property
    def totals(self) -> str:
        """The rows of the totals; added up by the server where several lie side by side in the key."""
        table, group = self.rollup.totals, self._side_by_side
        if group is None:
            return self._select(table, list(map(quoted, self.kinds)))
        added = self._select(table, [f"{states.fold(name)}({quoted(name)})" for name in self.kinds])
        return added + table.group_by(group)

    def values(self, column: str) -> str:
        """Of a dimension the totals themselves tell the values."""
        value = VALUE if column in self.rollup.values else column
        return self._select(self.behind(column), [quoted(value), quoted(TIMES)])

    def behind(self, column: str) -> Table:
        """The table that tells a column's values."""
        return self.rollup.values.get(column, self.rollup.totals)

    def count(self, column: str) -> str:
        """The distinct values in each group."""
        table = self.rollup.values[column]
        return self._select(table, [f"count({quoted(TIMES)})"]) + table.group_by(table.clustering[:-1])

    @cached_property
    def counted(self) -> list[str]:
        """Columns whose distinct values the server counts, group by group, as they lie in the table."""
        layout, question = self.rollup.layout, self.question
        same = question.grain is layout.grain and question.zone == layout.zone and question.subtotals == "none"
        if not same or self.left or set(question.by) | set(self._fixed) != set(layout.by):
            return []
        quantiles = {m.column for m in question.measures if m.function is Function.QUANTILE}
        return [c for c in states.kept_values(question.measures) if c in self.rollup.values and c not in quantiles]

    @cached_property
    def merged(self) -> list[str]:
        """Columns whose values the client merges."""
        return [c for c in states.kept_values(self.question.measures) if c not in self.counted]

    @cached_property
    def by_time(self) -> bool:
        """Whether the key leads on to the span."""
        return len(self._fixed) == len(self.rollup.leading)

    @cached_property
    def one_bucket(self) -> bool:
        """Whether the key leads to nothing but the one bucket that is asked for."""
        return self.by_time and self.question.grain is Grain.ALL

    @cached_property
    def left(self) -> tuple[Filter, ...]:
        """Filters for the client."""
        fixed = {f for f in self.question.where if f.column in self._fixed and f.op in (Op.EQ, Op.IN)}
        return tuple(f for f in self.question.where if f not in fixed and f not in self.rollup.where)

    @cached_property
    def dimensions(self) -> list[str]:
        """Those that are read."""
        return list(dict.fromkeys([*self.question.by, *(f.column for f in self.left)]))

    @cached_property
    def chosen(self) -> list[tuple[Any, ...]]:
        """Values of the fixed dimensions, as they stand in the key."""
        keys = (wire.key(pa.array(vs, self.plan.schema.field(d).type)).to_pylist() for d, vs in self._fixed.items())
        return list(product(*(dict.fromkeys(vs) for vs in keys)))

    @cached_property
    def _fixed(self) -> dict[str, tuple[Value, ...]]:
        return self.rollup.fixed(self.question)

    @cached_property
    def _side_by_side(self) -> tuple[str, ...] | None:
        """The first columns of the key, as many as tell the question's groups apart; None where that takes them all."""
        key = self.rollup.totals.clustering
        telling = {*self.dimensions, *self._fixed}
        if not self.one_bucket:
            telling.add(self.rollup.time)
        several = max((place for place, column in enumerate(key, 1) if column in telling), default=0)
        return key[:several] if several < len(key) else None

    def _select(self, table: Table, expressions: list[str]) -> str:
        time = quoted(table.time)
        columns = [f"to_unix_timestamp({time})", *map(quoted, self.dimensions), *expressions]
        where = "".join(f" AND {quoted(d)} = ?" for d in self._fixed)
        if self.by_time:
            where += f" AND {time} >= ? AND {time} < ?"
        return table.select(self.plan.name, columns, where)


prepared = lru_cache(maxsize=1024)(Prepared)


@dataclass(frozen=True)
class Kept:
    """The rows of a roll-up's tables in a span of whole buckets, merged in the client."""

    question: Aggregate
    prepared: Prepared
    span: Span

    @property
    def support(self) -> Support:
        """At ingest, or on the server where it counts the distinct values."""
        name = f"roll-up {self.prepared.rollup.layout.name}"
        if self.prepared.counted:
            return Support(Where.SERVER, f"{name}: the values in it are counted there")
        return Support(Where.INGEST, f"{name}: the client merges the values in it" if self.prepared.merged else name)

    def explain(self) -> str:
        """The statements and what follows them."""
        known = self.prepared
        texts = [known.totals, *map(known.count, known.counted), *map(known.values, known.merged)]
        return "\n".join([*texts, "-- for each partition of the span; the client merges and sorts"])

    def answer(self, reader: Reader, known: Manifest, wanted: pa.Schema) -> pa.Table:
        """The answer, in the schema that is wanted."""
        return states.answer(self.question, self._groups(reader, known), wanted)

    def _groups(self, reader: Reader, known: Manifest) -> Groups | None:
        """Totals, with the distinct counts beside them, and values."""
        keys, needed = ["bucket", *self.question.by], self.prepared
        totals = Groups(keys, self._read(reader, known, needed.rollup.totals, needed.totals, needed.kinds), {})
        if not totals.totals.num_rows:
            return None
        parts = [totals]
        for column in needed.counted:
            kinds, table = {f"distinct({column})": pa.int64()}, needed.rollup.values[column]
            parts.append(Groups(keys, self._read(reader, known, table, needed.count(column), kinds), {}))
        for column in needed.merged:
            kinds = {VALUE: pa.string(), TIMES: pa.int64()}
            values = self._read(reader, known, needed.behind(column), needed.values(column), kinds)
            kind = needed.plan.schema.field(column).type
            parts.append(Groups(keys, totals.totals.slice(0, 0), {column: _values(values, kind)}))
        return states.joined(parts)

    def _read(
        self, reader: Reader, known: Manifest, table: Table, text: str, kinds: dict[str, pa.DataType]
    ) -> pa.Table:
        """The rows that a statement finds, with their buckets and dimensions."""
        start, end = self.span.milliseconds
        span = (start, end) if self.prepared.by_time else ()
        places = partitions(table, known, start, end - 1)
        requests = ((text, (*place, *chosen, *span)) for place in places for chosen in self.prepared.chosen)
        found = [row for answer in reader.all(requests) for row in answer if row[0] is not None]  # a sum of no row
        keys = {"bucket": pa.int64()} | dict.fromkeys(self.prepared.dimensions, pa.string())
        return self._shaped(wire.sums(found, keys | kinds), list(kinds))

    def _shaped(self, rows: pa.Table, measured: list[str]) -> pa.Table:
        """Rows of the roll-up as rows of the question."""
        question, needed = self.question, self.prepared
        if not needed.by_time:
            start, end = self.span.milliseconds
            rows = rows.filter((pc.field("bucket") >= start) & (pc.field("bucket") < end))
        for place, dimension in enumerate(needed.dimensions, start=1):
            kind = needed.plan.schema.field(dimension).type
            rows = rows.set_column(place, dimension, wire.unkeyed(rows[dimension], kind))
        rows = conditions.matching(rows, needed.left)
        layout = needed.rollup.layout
        if needed.one_bucket:
            start = pa.scalar(question.span.milliseconds[0], INSTANT)
            rows = rows.set_column(0, "bucket", pa.repeat(start, rows.num_rows))
        elif rows.num_rows and (question.grain is not layout.grain or question.zone != layout.zone):
            rows = rows.set_column(0, "bucket", calendar.of(question, rows["bucket"]))
        return rows.select(["bucket", *question.by, *measured])


def _values(rows: pa.Table, kind: pa.DataType) -> pa.Table:
    times = rows[TIMES].fill_null(0)
    rows = rows.set_column(rows.column_names.index(TIMES), TIMES, times)
    return rows.set_column(rows.column_names.index(VALUE), VALUE, wire.unkeyed(rows[VALUE], kind))
