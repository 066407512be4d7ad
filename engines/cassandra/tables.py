"""Tables as values: columns, keys, and the CQL that creates, fills and reads them."""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property

BUCKET = "bucket"
HOUR = 3_600_000
ROWS = 50_000
BYTES = 10 << 20
WIDTH = {"bigint": 8, "double": 8, "timestamp": 8, "int": 4, "varint": 16, "text": 24}
"""Bytes of a value, to the best of what is known before a load."""


Manifest = dict[str, dict[int, int]]
"""The rows of each bucket of each table."""


def quoted(name: str) -> str:
    """An identifier, case preserved."""
    return '"' + name.replace('"', '""') + '"'


def text(value: str) -> str:
    """A literal, for what CQL takes no bound value for."""
    return "'" + value.replace("'", "''") + "'"


def unused(name: str, taken: Collection[str]) -> str:
    """The name, with underscores until nothing else has it."""
    while name in taken:
        name += "_"
    return name


@dataclass(frozen=True)
class Table:
    """A table whose partitions are (bucket of time, shard).

    A bucket is `width` milliseconds long, so that it is expected to hold half of what a partition may. Where there
    are more rows than that, the next shard of the bucket is begun; so no partition ever exceeds `most` rows.
    `clustering` orders the rows of a partition and, with the partition, tells each from all others.
    """

    name: str
    columns: dict[str, str]
    clustering: tuple[str, ...]
    width: int
    note: str

    @cached_property
    def time(self) -> str:
        """The column that the bucket is read off."""
        return next(name for name in self.clustering if self.columns[name] == "timestamp")

    @cached_property
    def shard(self) -> str:
        """The second column of the partition key."""
        return unused("shard", self.columns)

    @cached_property
    def most(self) -> int:
        """The rows that a partition may have: 50,000, or as many as 10 MB are expected to hold."""
        return most_rows(self.columns)

    def create(self, keyspace: str) -> str:
        """The statement that creates it."""
        columns = {BUCKET: "bigint", self.shard: "int"} | self.columns
        lines = [f"  {quoted(name)} {kind}," for name, kind in columns.items()]
        key = ", ".join([f"({quoted(BUCKET)}, {quoted(self.shard)})", *map(quoted, self.clustering)])
        return "\n".join(
            [
                f"CREATE TABLE {quoted(keyspace)}.{quoted(self.name)} (",
                *lines,
                f"  PRIMARY KEY ({key})",
                f") WITH comment = {text(self.note)}",
            ]
        )

    def insert(self, keyspace: str) -> str:
        """The statement that puts a row in; a repeat of it changes nothing."""
        names = [BUCKET, self.shard, *self.columns]
        into = f"{quoted(keyspace)}.{quoted(self.name)}"
        return f"INSERT INTO {into} ({', '.join(map(quoted, names))}) VALUES ({', '.join('?' * len(names))})"

    def select(self, keyspace: str, columns: list[str], where: str = "") -> str:
        """The statement that reads expressions of one partition."""
        source = f"{quoted(keyspace)}.{quoted(self.name)}"
        return (
            f"SELECT {', '.join(columns)} FROM {source} WHERE {quoted(BUCKET)} = ? AND {quoted(self.shard)} = ?{where}"
        )

    def group_by(self, columns: Sequence[str]) -> str:
        """What follows it for a row of each group in the partition; nothing where the partition is the group."""
        grouped = ", ".join(map(quoted, (BUCKET, self.shard, *columns)))
        return f" GROUP BY {grouped}" if columns else ""


def most_rows(columns: dict[str, str]) -> int:
    """The rows that a partition of such columns may have."""
    return min(ROWS, BYTES // sum(WIDTH[kind] for kind in columns.values()))


def width(rows: int, milliseconds: int, columns: dict[str, str]) -> int:
    """The bucket, in milliseconds, of rows spread over a time: a power of two of an hour that is expected to hold
    a quarter to a half of the rows that a partition may have."""
    hours = max(milliseconds, 1) / HOUR * most_rows(columns) / 2 / max(rows, 1)
    power = math.floor(math.log2(hours))
    return max(1, HOUR << power if power >= 0 else HOUR >> -power)


def partitions(
    table: Table, known: Manifest, first: int | None = None, last: int | None = None
) -> list[tuple[int, int]]:
    """The bucket and shard of each partition, of those with times from `first` to `last` in milliseconds."""
    low = None if first is None else first // table.width
    high = None if last is None else last // table.width
    return [
        (bucket, shard)
        for bucket, rows in sorted(known[table.name].items())
        if (low is None or bucket >= low) and (high is None or bucket <= high)
        for shard in range(-(-rows // table.most))
    ]
