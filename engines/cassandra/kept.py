"""Answers from a roll-up: its totals, and the values behind distinct counts and quantiles."""

from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from engines.cassandra import buckets, conditions, rollups, states, wire
from engines.cassandra.cluster import Reader
from engines.cassandra.rollups import Rollup
from engines.cassandra.states import TIMES, VALUE, Groups
from engines.cassandra.tables import Manifest, Table, partitions, quoted
from engines.contract import Plan, Support, Where
from workloads.columns import INSTANT
from workloads.filters import Filter, Op, Value
from workloads.measures import Function
from workloads.questions import Aggregate, Grain, Span


@dataclass(frozen=True)
class Kept:
    """The rows of a roll-up's tables in a span of whole buckets, merged in the client."""

    question: Aggregate
    plan: Plan
    rollup: Rollup
    span: Span

    @property
    def support(self) -> Support:
        """At ingest, or on the server where it counts the distinct values."""
        if self._counted:
            return Support(Where.SERVER, f"roll-up {self.rollup.layout.name}: the values in it are counted there")
        merged = ": the client merges the values in it" if self._merged else ""
        return Support(Where.INGEST, f"roll-up {self.rollup.layout.name}{merged}")

    def explain(self) -> str:
        """The statements and what follows them."""
        texts = [self._totals, *map(self._count, self._counted), *map(self._values, self._merged)]
        return "\n".join([*texts, "-- for each partition of the span; the client merges and sorts"])

    def answer(self, reader: Reader, known: Manifest, wanted: pa.Schema) -> pa.Table:
        """The answer, in the schema that is wanted."""
        return states.answer(self.question, self._groups(reader, known), wanted)

    def _groups(self, reader: Reader, known: Manifest) -> Groups | None:
        """Totals, with the distinct counts beside them, and values."""
        keys = ["bucket", *self.question.by]
        totals = Groups(keys, self._read(reader, known, self.rollup.totals, self._totals, self._kinds), {})
        if not totals.totals.num_rows:
            return None
        parts = [totals]
        for column in self._counted:
            kinds = {f"distinct({column})": pa.int64()}
            parts.append(
                Groups(keys, self._read(reader, known, self.rollup.values[column], self._count(column), kinds), {})
            )
        for column in self._merged:
            kinds = {VALUE: pa.string(), TIMES: pa.int64()}
            values = self._read(reader, known, self._behind(column), self._values(column), kinds)
            parts.append(
                Groups(keys, totals.totals.slice(0, 0), {column: _values(values, self.plan.schema.field(column).type)})
            )
        return states.joined(parts)

    @cached_property
    def _kinds(self) -> dict[str, pa.DataType]:
        """The type of each state."""
        wide = rollups.wide(self.plan.shape)
        return {str(s): states.kind(s, self.plan.schema, wide) for s in states.states(self.question.measures)}

    @cached_property
    def _totals(self) -> str:
        """The rows of the totals; added up by the server where several lie side by side in the key."""
        table, group = self.rollup.totals, self._side_by_side
        if group is None:
            return self._select(table, list(map(quoted, self._kinds)))
        added = self._select(table, [f"{states.fold(name)}({quoted(name)})" for name in self._kinds])
        return added + table.group_by(group)

    @cached_property
    def _side_by_side(self) -> tuple[str, ...] | None:
        """The first columns of the key, as many as tell the question's groups apart; None where that takes them all."""
        key = self.rollup.totals.clustering
        telling = {*self._dimensions, *self._fixed}
        if self._one_bucket is None:
            telling.add(self.rollup.time)
        several = max((place for place, column in enumerate(key, 1) if column in telling), default=0)
        return key[:several] if several < len(key) else None

    def _values(self, column: str) -> str:
        """Of a dimension the totals themselves tell the values."""
        value = VALUE if column in self.rollup.values else column
        return self._select(self._behind(column), [quoted(value), quoted(TIMES)])

    def _behind(self, column: str) -> Table:
        return self.rollup.values.get(column, self.rollup.totals)

    def _count(self, column: str) -> str:
        table = self.rollup.values[column]
        return self._select(table, [f"count({quoted(TIMES)})"]) + table.group_by(table.clustering[:-1])

    @cached_property
    def _counted(self) -> list[str]:
        """Columns whose distinct values the server counts, group by group, as they lie in the table."""
        layout, question = self.rollup.layout, self.question
        same = question.grain is layout.grain and question.zone == layout.zone and question.subtotals == "none"
        if not same or self._left or set(question.by) | set(self._fixed) != set(layout.by):
            return []
        quantiles = {m.column for m in question.measures if m.function is Function.QUANTILE}
        return [c for c in states.kept_values(question.measures) if c in self.rollup.values and c not in quantiles]

    @cached_property
    def _merged(self) -> list[str]:
        return [c for c in states.kept_values(self.question.measures) if c not in self._counted]

    @cached_property
    def _fixed(self) -> dict[str, tuple[Value, ...]]:
        return self.rollup.fixed(self.question)

    @cached_property
    def _by_time(self) -> bool:
        """Whether the key leads on to the span."""
        return len(self._fixed) == len(self.rollup.leading)

    @cached_property
    def _one_bucket(self) -> int | None:
        """The one bucket that is asked for, where the key leads to nothing else."""
        return self.question.span.milliseconds[0] if self._by_time and self.question.grain is Grain.ALL else None

    @cached_property
    def _left(self) -> tuple[Filter, ...]:
        """Filters for the client."""
        fixed = {f for f in self.question.where if f.column in self._fixed and f.op in (Op.EQ, Op.IN)}
        return tuple(f for f in self.question.where if f not in fixed and f not in self.rollup.where)

    @cached_property
    def _dimensions(self) -> list[str]:
        return list(dict.fromkeys([*self.question.by, *(f.column for f in self._left)]))

    @cached_property
    def _chosen(self) -> list[tuple[Any, ...]]:
        """What follows the partition in each request: the values of the fixed dimensions, and the span."""
        keys = (wire.key(pa.array(vs, self.plan.schema.field(d).type)).to_pylist() for d, vs in self._fixed.items())
        span = self.span.milliseconds if self._by_time else ()
        return [(*values, *span) for values in product(*(dict.fromkeys(vs) for vs in keys))]

    def _select(self, table: Table, expressions: list[str]) -> str:
        time = quoted(table.time)
        columns = [f"to_unix_timestamp({time})", *map(quoted, self._dimensions), *expressions]
        where = "".join(f" AND {quoted(d)} = ?" for d in self._fixed)
        if self._by_time:
            where += f" AND {time} >= ? AND {time} < ?"
        return table.select(self.plan.name, columns, where)

    def _read(
        self, reader: Reader, known: Manifest, table: Table, text: str, kinds: dict[str, pa.DataType]
    ) -> pa.Table:
        """The rows that a statement finds, with their buckets and dimensions."""
        start, end = self.span.milliseconds
        requests = (
            (text, (*place, *chosen)) for place in partitions(table, known, start, end - 1) for chosen in self._chosen
        )
        found = [row for answer in reader.all(requests) for row in answer if row[0] is not None]  # a sum of no row
        keys = {"bucket": pa.int64()} | dict.fromkeys(self._dimensions, pa.string())
        return self._shaped(wire.sums(found, keys | kinds), list(kinds))

    def _shaped(self, rows: pa.Table, measured: list[str]) -> pa.Table:
        """Rows of the roll-up as rows of the question."""
        question, layout = self.question, self.rollup.layout
        if not self._by_time:
            start, end = self.span.milliseconds
            rows = rows.filter((pc.field("bucket") >= start) & (pc.field("bucket") < end))
        for place, dimension in enumerate(self._dimensions, start=1):
            kind = self.plan.schema.field(dimension).type
            rows = rows.set_column(place, dimension, wire.unkeyed(rows[dimension], kind))
        rows = conditions.matching(rows, self._left)
        coarser = question.grain is not layout.grain or question.zone != layout.zone
        if self._one_bucket is not None:
            rows = rows.set_column(0, "bucket", pa.repeat(pa.scalar(self._one_bucket, INSTANT), rows.num_rows))
        elif rows.num_rows and coarser:
            rows = rows.set_column(0, "bucket", buckets.of(question, rows["bucket"]))
        return rows.select(["bucket", *question.by, *measured])


def _values(rows: pa.Table, kind: pa.DataType) -> pa.Table:
    times = rows[TIMES].fill_null(0)
    rows = rows.set_column(rows.column_names.index(TIMES), TIMES, times)
    return rows.set_column(rows.column_names.index(VALUE), VALUE, wire.unkeyed(rows[VALUE], kind))
