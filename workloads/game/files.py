"""Writes a game as Parquet files, each whole or not at all, so that an interrupted call can be repeated."""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from rollup_bench.errors import RequestError
from rollup_bench.workloads.game.generator import SCHEMA, VERSION, batches

ROWS = 2**20
"""The approximate number of rows of a Parquet file."""

_FEW = ["action", "role", "country", "platform", "item", "seconds"]
"""Columns with few distinct values, which Parquet files encode by dictionaries."""
_DELTA = dict.fromkeys(("time", "received", "id", "player", "gold"), "DELTA_BINARY_PACKED")
"""Columns of which Parquet files store the differences between consecutive values."""


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
    shards, paths = shards or max(1, rows // ROWS), []
    for shard in only or range(shards):
        content = batches(rows, seed, shard, shards)
        path = folder / f"game-v{VERSION}-seed{seed}-rows{rows}-{shard:05}-of-{shards:05}.parquet"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if path.exists():
                progress(rows * (shard + 1) // shards - rows * shard // shards)
            else:
                _write(path, content, compression, progress)
        except OSError as error:
            reason = error.strerror or error
            raise RequestError(f"--out {folder}: {reason}; name a folder that can be written") from None
        paths.append(path)
    return paths


def _write(path: Path, content: Iterator[pa.RecordBatch], compression: str, progress: Callable[[int], None]) -> None:
    """Writes batches to the Parquet file `path`, whole or not at all, and reports the rows of each batch."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    options = {"compression": compression, "use_dictionary": _FEW, "column_encoding": _DELTA, "store_schema": False}
    try:
        with pq.ParquetWriter(part, SCHEMA, **options) as writer:
            for batch in content:
                writer.write_batch(batch)
                progress(batch.num_rows)
        part.replace(path)
    finally:
        with suppress(FileNotFoundError):
            part.unlink()
