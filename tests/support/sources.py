"""Files of users that tests write and read: helpers for events of two rows, and for what is refused."""

import bz2
import gzip
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from rollup_bench.errors import RequestError
from rollup_bench.workloads import dataset as datasets
from rollup_bench.workloads import events
from tests.support.datasets import write

Roles = dict[str, Any]
NAMES = ["at", "who", "what", "n"]
CSV = "at,who,what,n\n2013-06-01T00:00:00Z,ann,open,1\n2013-06-01T12:00:00.250Z,bob,,2\n"
JSON = (
    '{"at": "2013-06-01T00:00:00Z", "who": "ann", "what": "open", "n": 1, "more": [1]}\n'
    '{"at": "2013-06-01T12:00:00.250Z", "who": "bob", "n": 2}\n'
)
TWO = [
    {"at": datetime(2013, 6, 1, tzinfo=UTC), "who": "ann", "what": "open", "n": 1},
    {"at": datetime(2013, 6, 1, 12, 0, 0, 250_000, tzinfo=UTC), "who": "bob", "what": None, "n": 2},
]
COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": gzip.compress,
    ".zst": lambda plain: pa.compress(plain, "zstd", asbytes=True),
    ".bz2": bz2.compress,
}


def parquet(folder: Path, table: pa.Table) -> bytes:
    path = folder / "written"
    pa.parquet.write_table(table, path)
    written = path.read_bytes()
    path.unlink()
    return written


def plain(folder: Path, form: str) -> bytes:
    match form:
        case "csv":
            return CSV.encode()
        case "tsv":
            return CSV.replace(",", "\t").encode()
        case "parquet":
            kinds = pa.schema(
                [("at", pa.timestamp("us", "UTC")), ("who", "string"), ("what", "string"), ("n", "int16")]
            )
            return parquet(folder, pa.Table.from_pylist(TWO, kinds))
        case _:
            return JSON.encode()


def dataset(
    folder: Path, path: str, source: Roles | None = None, time: Roles | None = None, **columns: object
) -> datasets.Dataset:
    """A dataset of one path, with more said of its source, its times and its columns."""
    about = {"time": {"name": "at"} | dict(time or {}), "dimensions": ["what"], "measures": ["n"]} | columns
    return datasets.read(str(write(folder, source={"path": path} | dict(source or {}), columns=about)))


def prepared(folder: Path, path: str, **roles: Any) -> events.Events:
    return events.prepare(dataset(folder, path, **roles), folder / "home")


def rows(found: events.Events) -> list[dict[str, Any]]:
    return [row for batch in found.batches() for row in batch.to_pylist()]


def read(folder: Path, name: str, data: bytes | str, **roles: Any) -> list[dict[str, Any]]:
    (folder / name).write_bytes(data.encode() if isinstance(data, str) else data)
    return rows(prepared(folder, name, **roles))


def column(folder: Path, values: pa.Array, name: str = "n", **roles: Any) -> list[Any]:
    """The column `name` of a Parquet file that has these values there."""
    table = pa.table({"at": pa.array([0] * len(values), pa.timestamp("ms", "UTC")), "who": ["a"] * len(values)})
    table = table.set_column(table.schema.get_field_index(name), name, values) if name in ("at", "who") else table
    table = table if name in ("at", "who") else table.append_column(name, values)
    for other in {"what", "n"} - {name}:
        table = table.append_column(other, pa.nulls(len(values)))
    return [row[name] for row in read(folder, "values.parquet", parquet(folder, table), **roles)]


@contextmanager
def refused(*said: str) -> Iterator[None]:
    with pytest.raises(RequestError) as error:
        yield
    assert "\n" not in str(error.value)
    for part in said:
        assert part in str(error.value)
