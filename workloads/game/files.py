"""Writes a game as Parquet files, each whole or not at all, so that an interrupted call can be repeated."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from rollup_bench.errors import RequestError
from rollup_bench.workloads import stored
from rollup_bench.workloads.game.generator import SCHEMA, VERSION, batches

ROWS = 2**20
"""The approximate number of rows of a Parquet file."""

_FEW = ["action", "role", "country", "platform", "item", "seconds"]
"""Columns with few distinct values, which Parquet files encode by dictionaries."""
_DELTA = dict.fromkeys(("time", "received", "id", "player", "gold"), "DELTA_BINARY_PACKED")
"""Columns of which Parquet files store the differences between consecutive values."""


def paths(folder: Path, rows: int, seed: int = 0, shards: int | None = None) -> list[Path]:
    """The paths of the files that `write` writes into `folder`, in the order of their shards."""
    count = shards or max(1, rows // ROWS)
    name = f"game-v{VERSION}-seed{seed}-rows{rows}"
    return [folder / f"{name}-{shard:05}-of-{count:05}.parquet" for shard in range(count)]


def write(
    folder: Path,
    rows: int,
    seed: int = 0,
    shards: int | None = None,
    only: range | None = None,
    progress: Callable[[int], None] = lambda rows: None,
    compression: str = "snappy",
) -> list[Path]:
    """Writes a game in `shards` files into `folder`, or the files of `only` some shards; existing files stay.

    Shards are numbered from 0; without `shards`, a file has about `ROWS` rows. Several machines can write one game if
    each takes other shards. `progress` is called with the number of rows of each batch that is written and of each file
    that exists. Memory does not grow with the number of rows.

    Returns:
        The paths of the files of the wanted shards, in the order of `only` or else of time.

    Raises:
        RequestError: `rows` or a shard is out of range, or the folder cannot be written.
    """
    every, written = paths(folder, rows, seed, shards), []
    for shard in only or range(len(every)):
        content, path = batches(rows, seed, shard, len(every)), every[shard]
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if path.exists():
                progress(rows * (shard + 1) // len(every) - rows * shard // len(every))
            else:
                _write(path, content, compression, progress)
        except OSError as error:
            reason = error.strerror or error
            raise RequestError(f"{folder}: {reason}; use a folder that can be written") from None
        written.append(path)
    return written


def _write(path: Path, content: Iterator[pa.RecordBatch], compression: str, progress: Callable[[int], None]) -> None:
    """Writes batches to the Parquet file `path`, whole or not at all, and reports the rows of each batch."""
    options = {"compression": compression, "use_dictionary": _FEW, "column_encoding": _DELTA, "store_schema": False}

    def fill(part: Path) -> None:
        with pq.ParquetWriter(part, SCHEMA, **options) as writer:
            for batch in content:
                writer.write_batch(batch)
                progress(batch.num_rows)

    stored.whole(path, fill)
