"""Writes the game as Parquet files. A file is written whole or not at all, so an interrupted call can be repeated."""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from rollup_bench.errors import RequestError
from rollup_bench.workloads.game.generator import SCHEMA, VERSION, batches

ROWS = 2**20
"""Rows of a file, approximately."""

_FEW = ["action", "role", "country", "platform", "item", "seconds"]
"""Columns of few values, which are written as dictionaries; those in `_DELTA` are written as differences."""
_DELTA = dict.fromkeys(("time", "received", "id", "player", "gold"), "DELTA_BINARY_PACKED")


def write(
    folder: Path,
    rows: int,
    seed: int = 0,
    shards: int | None = None,
    only: range | None = None,
    progress: Callable[[int], None] = lambda rows: None,
    compression: str = "snappy",
) -> list[Path]:
    """Writes the game, or `only` some of its shards, into `folder`; existing files are not written again.

    Several machines can write one game together if each takes other shards. `progress` is called with the number of
    rows after each batch that is written and for each file that exists. Memory does not grow with the number of rows.

    Returns:
        The files, in the order of time.

    Raises:
        RequestError: rows are out of range, or the folder cannot be written.
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
            raise RequestError(
                f"--out {folder}: {error.strerror or error}; name a folder that can be written"
            ) from None
        paths.append(path)
    return paths


def _write(path: Path, content: Iterator[pa.RecordBatch], compression: str, progress: Callable[[int], None]) -> None:
    """Writes a file whole or not at all."""
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
