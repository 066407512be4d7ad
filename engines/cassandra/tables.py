"""Describes CQL tables: their columns, keys and partitions, and the statements that create, fill and read a table."""

import math
import zlib
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from rollup_bench.engines.sql import quoted

BUCKET = "bucket"
HOUR = 3_600_000
MAX_ROWS = 50_000
MAX_BYTES = 10 << 20
SHARDS = 4
"""The partitions among which the rows of one moment are spread in large tables of single events."""
OPTIONS = """compaction = {'class': 'UnifiedCompactionStrategy', 'scaling_parameters': 'L4'}
  AND compression = {'class': 'LZ4Compressor', 'lz4_compressor_type': 'high', 'chunk_length_in_kb': 16}"""
"""Options of every table; its rows are written once and read often."""
CQL_TYPES = {
    "timestamp": "timestamp",
    "string": "text",
    "int64": "bigint",
    "double": "double",
    "decimal128(38, 0)": "varint",
}
"""The CQL type of each Arrow type, by its name."""
VALUE_BYTES = {"bigint": 8, "double": 8, "timestamp": 8, "int": 4, "varint": 16, "text": 24}
"""The size of a value of each CQL type, estimated before a load."""


def literal(text: str) -> str:
    """Quotes a text as a CQL string literal, for clauses that take no parameters."""
    return "'" + text.replace("'", "''") + "'"


def unused_name(name: str, names: Collection[str]) -> str:
    """Returns `name` with underscores appended until it differs from all `names`."""
    while name in names:
        name += "_"
    return name


@dataclass(frozen=True)
class Table:
    """A table whose partition key is (bucket, shard).

    `columns` maps names to CQL types, without the partition key. `clustering` names the columns that order the rows of
    a partition; with the partition key they are the primary key. If `buckets` is 0, a bucket spans `bucket_width`
    milliseconds; else the bucket is a hash of the clustering columns before the time, modulo `buckets`. If both are 0,
    the table has no size until a load knows its rows. A hash of the clustering columns spreads the rows of a bucket
    over `shards` shards. When all shards of a bucket are nearly full, further rows go to as many new shards, so that a
    partition holds at most `max_rows` rows even if events are skewed.
    """

    name: str
    columns: dict[str, str]
    clustering: tuple[str, ...]
    comment: str
    bucket_width: int = 0
    shards: int = 1
    buckets: int = 0

    @classmethod
    def of_events(
        cls, name: str, columns: dict[str, str], clustering: tuple[str, ...], rows: int, period: int, comment: str
    ) -> "Table":
        """A table of single events, of which `rows` are expected, evenly over `period` milliseconds.

        If the rows exceed one partition, each bucket has four shards.
        """
        shards = SHARDS if rows > max_rows(columns) else 1
        return cls(name, columns, clustering, comment, bucket_width(rows / shards, period, columns), shards)

    @cached_property
    def time(self) -> str:
        """The clustering column of type timestamp; unless buckets are hashes, its value decides the bucket."""
        return next(name for name in self.clustering if self.columns[name] == "timestamp")

    @property
    def leading(self) -> tuple[str, ...]:
        """The names of the clustering columns before the time."""
        return self.clustering[: self.clustering.index(self.time)]

    @cached_property
    def shard(self) -> str:
        """The name of the second column of the partition key, which holds the shard."""
        return unused_name("shard", self.columns)

    @cached_property
    def max_rows(self) -> int:
        """The most rows that a partition of this table holds."""
        return max_rows(self.columns)

    @cached_property
    def generation_rows(self) -> int:
        """The rows of a bucket after which new shards begin; several shards have a tenth spare, as a hash is uneven."""
        return self.max_rows if self.shards == 1 else self.max_rows * self.shards * 9 // 10

    def shard_count(self, rows: int) -> int:
        """The number of shards of a bucket that has `rows` rows."""
        return -(-rows // self.generation_rows) * self.shards

    def create(self, keyspace: str) -> str:
        """The statement that creates the table."""
        columns = {BUCKET: "bigint", self.shard: "int"} | self.columns
        key = ", ".join([f"({quoted(BUCKET)}, {quoted(self.shard)})", *map(quoted, self.clustering)])
        lines = [f"  {quoted(name)} {cql_type}," for name, cql_type in columns.items()]
        lines = [f"CREATE TABLE {quoted(keyspace)}.{quoted(self.name)} (", *lines, f"  PRIMARY KEY ({key})"]
        return "\n".join([*lines, f") WITH comment = {literal(self.comment)}", f"  AND {OPTIONS}"])

    def insert(self, keyspace: str) -> str:
        """The statement that writes one row; writing the same row again changes nothing."""
        names = [BUCKET, self.shard, *self.columns]
        into = f"{quoted(keyspace)}.{quoted(self.name)}"
        return f"INSERT INTO {into} ({', '.join(map(quoted, names))}) VALUES ({', '.join('?' * len(names))})"

    def select(self, keyspace: str, expressions: list[str], where: str = "") -> str:
        """The statement that reads expressions from one partition; `where` has more conditions, each after an AND."""
        source = f"{quoted(keyspace)}.{quoted(self.name)}"
        partition = f"{quoted(BUCKET)} = ? AND {quoted(self.shard)} = ?"
        return f"SELECT {', '.join(expressions)} FROM {source} WHERE {partition}{where}"

    def group_by(self, columns: Sequence[str]) -> str:
        """The GROUP BY clause for groups by `columns` in one partition; an empty text if there are no columns."""
        return f" GROUP BY {', '.join(map(quoted, (BUCKET, self.shard, *columns)))}" if columns else ""


def key_hash(values: Iterable[object]) -> int:
    """A 32-bit hash: starts at 0; each value multiplies it by 31 and adds the CRC-32 of the value as text."""
    digest = 0
    for value in values:
        digest = (31 * digest + zlib.crc32(str(value).encode())) & 0xFFFFFFFF
    return digest


def max_rows(columns: dict[str, str]) -> int:
    """The most rows of a partition: 50,000, or fewer if rows of these columns are estimated to exceed 10 MiB."""
    return min(MAX_ROWS, MAX_BYTES // sum(VALUE_BYTES[cql_type] for cql_type in columns.values()))


def bucket_width(rows: float, milliseconds: int, columns: dict[str, str]) -> int:
    """The length of a bucket in milliseconds, for `rows` spread evenly over `milliseconds`.

    The length is an hour times a power of two, so that a bucket is expected to hold a quarter to a half of the rows
    that a partition may have; it is at least a millisecond.
    """
    hours = max(milliseconds, 1) / HOUR * max_rows(columns) / 2 / max(rows, 1)
    power = math.floor(math.log2(hours))
    return max(1, HOUR << power if power >= 0 else HOUR >> -power)


@dataclass(frozen=True)
class LoadedTable:
    """A table with its size, and the number of rows in each bucket."""

    table: Table
    bucket_rows: dict[int, int]

    @cached_property
    def buckets(self) -> list[int]:
        """The buckets that have rows, in ascending order."""
        return sorted(self.bucket_rows)


Manifest = dict[str, LoadedTable]
"""The loaded tables by their names."""


def partitions(
    name: str,
    manifest: Manifest,
    first: int | None = None,
    last: int | None = None,
    leading: tuple[str, ...] | None = None,
) -> list[tuple[int, int]]:
    """The bucket and shard of each partition that may hold rows from `first` to `last` (milliseconds since 1970, UTC).

    Without limits, these are all partitions of the table `name`. `leading` holds the values of the clustering columns
    before the time; None stands for any values.
    """
    loaded, low, high = manifest[name], None, None
    table, buckets = loaded.table, loaded.buckets
    if table.buckets:
        low = high = None if leading is None else key_hash(leading) % table.buckets
    elif table.bucket_width and first is not None and last is not None:
        low, high = first // table.bucket_width, last // table.bucket_width
    if low is not None and high is not None:
        buckets = buckets[bisect_left(buckets, low) : bisect_right(buckets, high)]
    return [(bucket, shard) for bucket in buckets for shard in range(table.shard_count(loaded.bucket_rows[bucket]))]
