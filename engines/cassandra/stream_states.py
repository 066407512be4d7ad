"""Adds the events of a stream to the rows of a roll-up. The states of all groups stay in Cassandra, none in the client.

To store events, the client reads the rows of their groups, merges the events into them, and writes the rows again. The
position of a row is the number of events, counted from the start of the stream, that it includes; it is the row's write
timestamp. After a kill, no event is added to a row that already includes it.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from rollup_bench.engines.cassandra import codec
from rollup_bench.engines.cassandra.driver import Reader
from rollup_bench.engines.cassandra.partitioning import assign_partitions
from rollup_bench.engines.cassandra.rollup_tables import RollupTables, max_groups
from rollup_bench.engines.cassandra.tables import BUCKET, Table, bucket_width
from rollup_bench.engines.client_aggregation import COUNT, VALUE, distinct_columns, distinct_count, merge_function
from rollup_bench.engines.partials import aggregate_rows
from rollup_bench.engines.sql import quoted
from rollup_bench.workloads.events import Statistics

POSITION = f"writetime({COUNT})"
"""The CQL expression and the Arrow column of a row's position."""
MOST_KEYS = 100
"""The most rows that one statement reads, so that no read keeps a node busy for long."""
Store = Callable[[Table, pa.Table, int], None]
"""Writes rows into a table with a position as their write timestamp, and returns when they are stored."""


class _Rows(NamedTuple):
    """`new` has the rows of new events of a table, `stored` those in Cassandra with the same keys, with positions."""

    table: Table
    new: pa.Table
    stored: pa.Table


def sized(rollup: RollupTables, statistics: Statistics) -> RollupTables:
    """The tables of a roll-up with sizes that suit all events of a stream, since no load decides them."""

    def fitting(table: Table, column: str | None) -> Table:
        rows = max_groups(rollup.stored.layout, statistics, column)
        return replace(table, bucket_width=bucket_width(rows, statistics.last - statistics.first, table.columns))

    values = {column: fitting(table, column) for column, table in rollup.values.items()}
    return replace(rollup, totals=fitting(rollup.totals, None), values=values)


def placed(table: Table, rows: pa.Table) -> pa.Table:
    """The rows with the columns of their partition; the key of a row alone decides it."""
    buckets, shards = assign_partitions(table, rows, {})
    return rows.append_column(BUCKET, pa.array(buckets)).append_column(table.shard, pa.array(shards % table.shards))


@dataclass(frozen=True)
class States:
    """Adds events to the tables of a roll-up, which `sized` has returned, in a keyspace."""

    rollup: RollupTables
    statistics: Statistics
    keyspace: str
    reader: Reader
    store: Store

    def add(self, events: pa.Table, first: int) -> None:
        """Adds events to the rows of their groups; `first` is the number of events that the stream has before them.

        If an interrupted write has left rows that include only the first of these events, the events are split there,
        and both parts are added in turn. FailureError if Cassandra fails.
        """
        (batch,) = events.combine_chunks().to_batches()
        groups = self.rollup.aggregated(batch, self.statistics)
        if groups is None:
            return
        last = first + events.num_rows
        found = [_Rows(table, new, self._stored(table, new)) for table, new in self.rollup.uncounted_rows(groups)]
        positions = {position for rows in found for position in rows.stored[POSITION].to_pylist()}
        if between := [position for position in positions if first < position < last]:
            cut = min(between)
            self.add(events.slice(0, cut - first), first)
            self.add(events.slice(cut - first), cut)
        else:
            self._overwrite(found, last)

    def _overwrite(self, found: list[_Rows], last: int) -> None:
        """Writes the merged rows, unless they include all events already.

        A stored value is not counted again, so totals, which count it, are stored before it.
        """
        totals, *values = found
        keys = totals.table.clustering
        counted = [distinct_count(column) for column in distinct_columns(self.rollup.stored.layout.measures)]
        merged = [_merged(rows.table.clustering, [rows.new, rows.stored]) for rows in values]
        counts = [
            _new_values(rows, keys).rename_columns([*keys, distinct_count(column)])
            for column, rows in zip(self.rollup.values, merged, strict=True)
            if distinct_count(column) in counted
        ]
        whole = _merged(keys, [totals.new, totals.stored, *counts])
        for name in counted:
            whole = whole.set_column(whole.column_names.index(name), name, pc.fill_null(whole[name], 0))
        for (table, *_), rows in zip(found, (whole, *merged), strict=True):
            behind = rows.filter(pc.fill_null(pc.less(rows[POSITION], last), True))
            if behind.num_rows:
                self.store(table, behind, last)

    def _stored(self, table: Table, new: pa.Table) -> pa.Table:
        """The stored rows with the keys of `new`, with their positions."""
        keys = ", ".join(map(quoted, table.clustering))
        read = {name: quoted(name) for name in new.column_names}
        read |= {table.time: f"to_unix_timestamp({read[table.time]})", POSITION: f"WRITETIME({quoted(COUNT)})"}
        text = table.select(self.keyspace, list(read.values()), f" AND ({keys}) IN ?")
        results = self.reader.results((text, values) for values in _keys(table, new))
        schema = new.schema.append(pa.field(POSITION, pa.int64()))
        return codec.table([page for pages in results for page in pages], schema)


def _keys(table: Table, rows: pa.Table) -> Iterator[tuple[int, int, list[tuple[Any, ...]]]]:
    """The partitions of rows, each with at most `MOST_KEYS` clustering keys."""
    keys = defaultdict[tuple[int, int], list[tuple[Any, ...]]](list)
    columns = placed(table, rows).select([BUCKET, table.shard, *table.clustering]).columns
    for bucket, shard, *key in zip(*(column.to_pylist() for column in columns), strict=True):
        keys[bucket, shard].append(tuple(key))
    for partition, several in keys.items():
        for first in range(0, len(several), MOST_KEYS):
            yield (*partition, several[first : first + MOST_KEYS])


def _merged(keys: Sequence[str], parts: list[pa.Table]) -> pa.Table:
    """Merges the rows of each key into one; rows of a part that lacks a column have NULL in it."""
    rows = pa.concat_tables(parts, promote_options="default")
    others = [name for name in rows.column_names if name not in keys]
    functions = {name: "max" if name == POSITION else merge_function(name) for name in others}
    return aggregate_rows(rows, list(keys), functions)


def _new_values(rows: pa.Table, keys: Sequence[str]) -> pa.Table:
    """The number of values of each group that are not stored; groups without any are left out."""
    return aggregate_rows(rows.filter(pc.field(POSITION).is_null()), list(keys), {VALUE: "count"})
