"""Answers aggregates from a roll-up: from its totals, and from its values for distinct counts and quantiles."""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import product
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from rollup_bench.engines import client_aggregation
from rollup_bench.engines.cassandra import codec
from rollup_bench.engines.cassandra.codec import Columns
from rollup_bench.engines.cassandra.driver import Reader
from rollup_bench.engines.cassandra.rollup_tables import Limits, RollupTables
from rollup_bench.engines.cassandra.tables import Manifest, Table, partitions
from rollup_bench.engines.client_aggregation import (
    COUNT,
    VALUE,
    Groups,
    concatenated,
    distinct_columns,
    distinct_count,
    value_columns,
)
from rollup_bench.engines.contract import Plan, Support, Where
from rollup_bench.engines.partials import matching
from rollup_bench.engines.sql import quoted
from rollup_bench.workloads import calendar
from rollup_bench.workloads.columns import INSTANT
from rollup_bench.workloads.filters import Filter, Op, Value
from rollup_bench.workloads.measures import Function
from rollup_bench.workloads.questions import Aggregate, Grain


@dataclass(frozen=True)
class RollupStatements:
    """The CQL statements that read a roll-up for a question; start and end of the span are parameters."""

    question: Aggregate
    plan: Plan
    rollup: RollupTables

    @cached_property
    def types(self) -> dict[str, pa.DataType]:
        """The Arrow type of each column of totals that the question needs, by the column's name."""
        needed = client_aggregation.partials(self.question.measures)
        partials = {str(partial): partial.arrow_type(self.plan.statistics) for partial in needed}
        return partials | {distinct_count(column): pa.int64() for column in self.counted}

    @cached_property
    def schema(self) -> pa.Schema:
        """The schema of the rows that the statement `totals` returns."""
        return self.schema_with(self.types)

    def schema_with(self, types: dict[str, pa.DataType]) -> pa.Schema:
        """The schema of rows with the start of a bucket, the dimensions as texts of the key, and columns of `types`."""
        return pa.schema({"bucket": pa.int64()} | dict.fromkeys(self.dimensions, pa.string()) | types)

    @cached_property
    def totals(self) -> str:
        """The statement that reads a partition's totals; the server merges adjacent rows of a group."""
        table, group = self.rollup.totals, self._adjacent
        if group is None:
            return self._select(table, list(map(quoted, self.types)))
        merges = self._select(
            table, [f"{client_aggregation.merge_function(name)}({quoted(name)})" for name in self.types]
        )
        return merges + table.group_by(group)

    def values(self, column: str) -> str:
        """The statement that reads the values of a column and their counts; for a dimension it reads the totals."""
        value = VALUE if column in self.rollup.values else column
        return self._select(self.values_table(column), [f"{quoted(value)} AS {quoted('value()')}", quoted(COUNT)])

    def values_table(self, column: str) -> Table:
        """The table that stores the values of a column; for a dimension, it is the table of totals."""
        return self.rollup.values.get(column, self.rollup.totals)

    @cached_property
    def has_stored_buckets(self) -> bool:
        """Whether the question's buckets are those of the roll-up."""
        layout = self.rollup.stored.layout
        return self.question.grain is layout.grain and self.question.zone == layout.zone

    @cached_property
    def has_stored_groups(self) -> bool:
        """Whether each row of totals is a group of the question."""
        single = {dimension for dimension, values in self._fixed.items() if len(values) == 1}
        wanted = set(self.question.by) | single
        return self.has_stored_buckets and self._is_plain and wanted == set(self.rollup.stored.layout.by)

    @cached_property
    def counted(self) -> list[str]:
        """The columns whose distinct counts are read as stored; none unless the question has the roll-up's groups.

        A column whose quantiles are asked for, too, is not among them, since its values are read in any case.
        """
        stored = distinct_columns(self.rollup.stored.layout.measures) if self.has_stored_groups else []
        read = {measure.column for measure in self.question.measures if measure.function is Function.QUANTILE}
        return [c for c in distinct_columns(self.question.measures) if c in stored and c not in read]

    @cached_property
    def client_merged(self) -> list[str]:
        """The columns whose distinct counts or quantiles the client computes from stored values."""
        return [column for column in value_columns(self.question.measures) if column not in self.counted]

    @cached_property
    def needs_totals_only(self) -> bool:
        """Whether the rows of totals are the answer, once those of equal groups are merged."""
        return self._is_plain and not self.client_merged

    @cached_property
    def tables(self) -> tuple[str, ...]:
        """The names of the tables that the statements read."""
        return tuple(dict.fromkeys(table.name for table, _ in self.by_table))

    @cached_property
    def texts(self) -> list[str]:
        """All statements."""
        return [text for _, text in self.by_table]

    @cached_property
    def by_table(self) -> list[tuple[Table, str]]:
        """All statements, each after the table that it reads."""
        values = [(self.values_table(column), self.values(column)) for column in self.client_merged]
        return [(self.rollup.totals, self.totals), *values]

    @cached_property
    def limits_time(self) -> bool:
        """Whether the statements restrict the time: they can if the question fixes all key columns before the time."""
        return len(self._fixed) == len(self.rollup.stored.leading)

    @cached_property
    def one_bucket(self) -> bool:
        """Whether the question has one bucket, its span, and the statements read only rows of the span."""
        return self.limits_time and self.question.grain is Grain.ALL

    @cached_property
    def client_filters(self) -> tuple[Filter, ...]:
        """The question's filters that the client applies, because neither statements nor stored rows apply them."""
        fixed = {f for f in self.question.where if f.column in self._fixed and f.op in (Op.EQ, Op.IN)}
        return tuple(f for f in self.question.where if f not in fixed and f not in self.rollup.stored.where)

    @cached_property
    def dimensions(self) -> list[str]:
        """The dimensions that the statements read: those by which the question groups or the client filters."""
        return list(dict.fromkeys([*self.question.by, *(f.column for f in self.client_filters)]))

    @cached_property
    def fixed_keys(self) -> list[tuple[Any, ...]]:
        """Each combination of values that the question fixes in the leading dimensions, as texts of the key."""
        keys = (codec.key(pa.array(vs, self.plan.schema.field(d).type)).to_pylist() for d, vs in self._fixed.items())
        return list(product(*(dict.fromkeys(values) for values in keys)))

    @cached_property
    def _is_plain(self) -> bool:
        """Whether the question has no subtotals, and no filters for the client."""
        return self.question.subtotals == "none" and not self.client_filters

    @cached_property
    def _fixed(self) -> dict[str, tuple[Value, ...]]:
        return self.rollup.stored.fixed(self.question)

    @cached_property
    def _adjacent(self) -> tuple[str, ...] | None:
        """The shortest prefix of the clustering columns that separates the question's groups; None if it takes all."""
        key = self.rollup.totals.clustering
        separating = {*self.dimensions, *self._fixed}
        if not self.one_bucket:
            separating.add(self.rollup.time)
        length = max((place for place, column in enumerate(key, 1) if column in separating), default=0)
        return key[:length] if length < len(key) else None

    def _select(self, table: Table, expressions: list[str]) -> str:
        time = quoted(table.time)
        columns = [f"to_unix_timestamp({time})", *map(quoted, self.dimensions), *expressions]
        where = "".join(f" AND {quoted(dimension)} = ?" for dimension in self._fixed)
        if self.limits_time:
            where += f" AND {time} >= ? AND {time} < ?"
        return table.select(self.plan.name, columns, where)


rollup_statements = lru_cache(maxsize=1024)(RollupStatements)


@dataclass(frozen=True)
class RollupPart:
    """A period of whole buckets of a roll-up, in milliseconds since 1970, UTC, and the statements that read it."""

    statements: RollupStatements
    limits: Limits

    def requests(self, table: Table, text: str, manifest: Manifest) -> Iterator[tuple[str, tuple[Any, ...]]]:
        """The statement `text` with its values, for each partition of the table in the period."""
        start, end = self.limits
        limits = (start, end) if self.statements.limits_time else ()
        for fixed in self.statements.fixed_keys:
            for key in partitions(table.name, manifest, start, end - 1, fixed if limits else None):
                yield text, (*key, *fixed, *limits)


def _no_values(groups: pa.Table, arrow_type: pa.DataType) -> pa.Table:
    """A row for each group with NULL as the value of 0 events, because a group without values must be in the answer."""
    values, counts = pa.nulls(groups.num_rows, arrow_type), pa.repeat(0, groups.num_rows)
    return groups.append_column(VALUE, values).append_column(COUNT, counts)


@dataclass(frozen=True)
class RollupReader:
    """Answers an aggregate from a roll-up: the client merges the rows of adjacent periods, the `parts`.

    If stored distinct counts answer the question in a period, no bucket of the question is in two periods.
    """

    question: Aggregate
    parts: tuple[RollupPart, ...]

    @property
    def support(self) -> Support:
        """Where the events are aggregated: at ingest."""
        how = f"roll-up {self.parts[0].statements.rollup.stored.layout.name}"
        if any(part.statements.client_merged for part in self.parts):
            how += ": the client merges stored values"
        tables = dict.fromkeys(table for part in self.parts for table in part.statements.tables)
        return Support(Where.INGEST, how, tables=tuple(tables))

    def explain(self) -> str:
        """The CQL statements, and what the client does with the rows that they return."""
        texts = dict.fromkeys(text for part in self.parts for text in part.statements.texts)
        return "\n".join([*texts, "-- for each partition of the span; the client merges the rows and sorts"])

    def answer(self, reader: Reader, manifest: Manifest, schema: pa.Schema) -> pa.Table:
        """Sends the statements and computes the answer, in `schema`."""
        if len(self.parts) == 1 and self.parts[0].statements.needs_totals_only:
            return self._of_totals(self.parts[0], reader, manifest, schema)
        groups = [group for part in self.parts for group in self._groups(part, reader, manifest)]
        return client_aggregation.answer(self.question, concatenated(groups) if groups else None, schema)

    def requests(self, manifest: Manifest) -> Iterator[tuple[str, tuple[Any, ...]]]:
        """All statements with their values, if every period has rows."""
        for part in self.parts:
            for table, text in part.statements.by_table:
                yield from part.requests(table, text, manifest)

    @cached_property
    def _counted(self) -> set[str]:
        """The columns whose stored distinct counts answer the question in at least one of the parts."""
        return {column for part in self.parts for column in part.statements.counted}

    def _of_totals(self, part: RollupPart, reader: Reader, manifest: Manifest, schema: pa.Schema) -> pa.Table:
        """The answer from the totals of the only part, which are merged unless each row is a group."""
        totals = self._totals(part, reader, manifest)
        if part.statements.has_stored_groups or len(totals["bucket"]) < 2:
            return client_aggregation.answer_of_totals(self.question, totals, schema)
        groups = Groups(["bucket", *self.question.by], pa.table(totals), {})
        return client_aggregation.answer(self.question, groups, schema)

    def _groups(self, part: RollupPart, reader: Reader, manifest: Manifest) -> Iterator[Groups]:
        """The totals and the values of a part; nothing if no totals match in the part."""
        keys, known = ["bucket", *self.question.by], part.statements
        totals = self._matching(known, self._totals(part, reader, manifest))
        if not totals.num_rows:
            return
        yield Groups(keys, totals, {})
        for column in known.client_merged:
            stored = self._values(part, column, reader, manifest)
            values = _no_values(totals.select(keys), stored.schema.field(VALUE).type)
            values = pa.concat_tables([stored, values]) if stored.num_rows else values
            if column in self._counted:
                yield Groups(keys, client_aggregation.distinct_counts(values, keys, column), {})
            else:
                yield Groups(keys, totals.slice(0, 0), {column: values})

    def _values(self, part: RollupPart, column: str, reader: Reader, manifest: Manifest) -> pa.Table:
        """The values of a column in a part, each with its group and the number of its events."""
        known, arrow_type = part.statements, part.statements.plan.schema.field(column).type
        table, is_key = known.values_table(column), column not in known.rollup.values
        schema = known.schema_with({VALUE: pa.string() if is_key else arrow_type, COUNT: pa.int64()})
        columns = self._read(part, reader, manifest, table, known.values(column), schema)
        if is_key:
            columns[VALUE] = codec.unkeyed(columns[VALUE], arrow_type)
        return self._matching(known, columns)

    def _totals(self, part: RollupPart, reader: Reader, manifest: Manifest) -> Columns:
        known = part.statements
        return self._read(part, reader, manifest, known.rollup.totals, known.totals, known.schema)

    def _buckets(self, starts: pa.Array | pa.ChunkedArray, are_stored: bool) -> pa.Array | pa.ChunkedArray:
        """For each start of a roll-up's bucket, the start of the question's bucket that contains it."""
        if are_stored:
            return starts.cast(INSTANT)
        if self.question.grain is not Grain.ALL:
            return calendar.of(self.question, starts)
        # `pa.repeat` takes longer: `python -m experiments.adapter_overhead --engines cassandra`
        whole = array("q", [self.question.span.milliseconds[0]]) * len(starts)
        return pa.Array.from_buffers(INSTANT, len(starts), [None, pa.py_buffer(whole)])

    def _matching(self, known: RollupStatements, columns: Columns) -> pa.Table:
        """The rows that pass the client's filters, without the columns that only the filters need."""
        rows = matching(pa.table(columns), known.client_filters)
        unwanted = [dimension for dimension in known.dimensions if dimension not in self.question.by]
        return rows.drop_columns(unwanted) if unwanted else rows

    def _read(
        self, part: RollupPart, reader: Reader, manifest: Manifest, table: Table, text: str, schema: pa.Schema
    ) -> Columns:
        """The rows of a statement, with the question's buckets and the dimensions that the statement reads."""
        known, results = part.statements, reader.results(part.requests(table, text, manifest))
        columns = codec.partials([page for result in results for page in result], schema)
        buckets, (start, end) = columns["bucket"], part.limits
        # without a match, an aggregate on the server returns a row of NULLs
        if buckets.null_count or not known.limits_time:
            inside = pc.and_(pc.greater_equal(buckets, start), pc.less(buckets, end))
            columns = {name: column.filter(inside) for name, column in columns.items()}
        columns["bucket"] = self._buckets(columns["bucket"], known.has_stored_buckets)
        for dimension in known.dimensions:
            columns[dimension] = codec.unkeyed(columns[dimension], known.plan.schema.field(dimension).type)
        return columns
