"""A table in Spark: a folder of sorted Parquet files, and the SELECT that fills it."""

from dataclasses import dataclass

from rollup_bench.engines.spark.sql import literal, quoted
from rollup_bench.engines.tuned import EVENTS
from rollup_bench.workloads.events import Statistics

ARRIVING = "arriving events"
"""The name of the table of the files that the client has sent."""
TYPES = {"timestamp": "TIMESTAMP", "string": "STRING", "int64": "BIGINT", "double": "DOUBLE"}
ROWS_PER_FILE = 1 << 18
"""About how many events a file has: tasks read files side by side, and skip those whose times are outside a span."""


@dataclass(frozen=True)
class Table:
    """A table with the types of its columns by name, and the columns by which its files are sorted.

    The first column of `order` decides which file a row is in. `select` reads another table. `files` is the number of
    files, which Spark chooses if it is 0.
    """

    name: str
    columns: dict[str, str]
    order: tuple[str, ...]
    select: str
    files: int = 0

    @property
    def schema(self) -> str:
        """The columns with their types."""
        return ", ".join(f"{quoted(name)} {kind}" for name, kind in self.columns.items())

    @property
    def query(self) -> str:
        """The rows of the table, in partitions that become files, each sorted."""
        files = f"{self.files}, " if self.files else ""
        spread = f"REPARTITION_BY_RANGE({files}{quoted(self.order[0])})"
        return f"SELECT /*+ {spread} */ * FROM (\n{self.select}\n)\nSORT BY {', '.join(map(quoted, self.order))}"

    @property
    def folder(self) -> str:
        """The name of the table's folder; a layout, and so its table, may have any name."""
        return "".join(c if c.isalnum() else f"_{ord(c):x}" for c in self.name)

    def insert(self, folder: str) -> str:
        """The statement that fills the table in a folder."""
        return f"INSERT OVERWRITE DIRECTORY {literal(folder)} USING parquet\n{self.query}"

    def view(self, folder: str) -> str:
        """The statement that gives a session a name for the table in a folder."""
        options = f"USING parquet OPTIONS (path {literal(folder)})"
        return f"CREATE OR REPLACE TEMPORARY VIEW {quoted(self.name)} ({self.schema}) {options}"

    @property
    def text(self) -> str:
        """The statement that fills the table, for people."""
        return self.insert(self.folder)


def events(time: str, statistics: Statistics) -> Table:
    """The table of all events, sorted by time, because every question has a span."""
    files = -(-statistics.rows // ROWS_PER_FILE)
    return Table(EVENTS, event_types(statistics), (time,), f"SELECT * FROM {quoted(ARRIVING)}", max(files, 1))


def arriving(statistics: Statistics) -> Table:
    """The table of the files that the client has sent."""
    return Table(ARRIVING, event_types(statistics), (), "")


def event_types(statistics: Statistics) -> dict[str, str]:
    """The types of the columns of events."""
    return {name: TYPES[kind] for name, kind in statistics.types.items()}
