"""A table of ClickHouse: its columns, its order, and the SELECT that fills it."""

from dataclasses import dataclass

from rollup_bench.engines.clickhouse.sql import quoted
from rollup_bench.engines.tuned import EVENTS
from rollup_bench.workloads.events import Statistics

BATCHES = "arriving events"
"""The name of a table without files, which passes the events to roll-ups while they arrive."""
TYPES = {
    "timestamp": "Nullable(DateTime64(3, 'UTC'))",
    "string": "Nullable(String)",
    "int64": "Nullable(Int64)",
    "double": "Nullable(Float64)",
}
INSTANT = "DateTime64(3, 'UTC')"
"""The type of the times of events and of buckets, which are never NULL."""
SETTINGS = "allow_nullable_key = 1, default_compression_codec = 'LZ4'"
"""The codec is set because ClickHouse changes from LZ4 to ZSTD(3) where a part exceeds 100 MB."""
MOST_LISTED = 10_000
"""A text column with at most so many values is LowCardinality, as ClickHouse's documents advise."""


@dataclass(frozen=True)
class Table:
    """A table with the types of its columns by name, and the columns by which it is sorted.

    `select` fills the table from another one; it is empty for the table of events. `merges` says that rows with equal
    values in the columns of `order` are merged into one.
    """

    name: str
    columns: dict[str, str]
    order: tuple[str, ...]
    select: str = ""
    merges: bool = False

    @property
    def definition(self) -> str:
        """What follows the name in CREATE TABLE; further settings can be appended."""
        columns = ",\n".join(f"  {quoted(name)} {kind}" for name, kind in self.columns.items())
        engine = "AggregatingMergeTree" if self.merges else "MergeTree"
        order = ", ".join(map(quoted, self.order))
        return f"(\n{columns}\n) ENGINE = {engine} ORDER BY ({order}) SETTINGS {SETTINGS}"

    @property
    def text(self) -> str:
        """The statements that create and fill the table, for people."""
        filled = f";\nINSERT INTO {quoted(self.name)}\n{self.select}" if self.select else ""
        return f"CREATE TABLE {quoted(self.name)} {self.definition}{filled}"


def events(time: str, statistics: Statistics) -> Table:
    """The table of all events, sorted by time, because every question has a span."""
    return Table(EVENTS, event_types(time, statistics), (time,))


def event_types(time: str, statistics: Statistics) -> dict[str, str]:
    """The types of the columns of events; `time` is the name of the column of times."""
    return {name: _type(name, time, statistics) for name in statistics.types}


def _type(name: str, time: str, statistics: Statistics) -> str:
    kind = statistics.types[name]
    if name == time:
        return INSTANT
    listed = kind == "string" and statistics.cardinality.get(name, statistics.rows) <= MOST_LISTED
    return f"LowCardinality({TYPES[kind]})" if listed else TYPES[kind]
