"""The game as a folder of Parquet files, each whole or absent, so that what was cut off goes on."""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from rollup_bench.errors import RequestError
from rollup_bench.workloads.game.generator import SCHEMA, VERSION, batches

ROWS = 2**20
"""Rows of a file, about."""

_FEW = ["action", "role", "country", "platform", "item", "seconds"]
"""Columns of few values, kept as a dictionary; the others are kept as differences."""
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
    """Writes the game, or `only` some of its shards, into `folder`; files that are there already are left alone.

    Several machines write one game when each takes other shards. `progress` gets the rows of each step, a file that is
    found being one. Memory does not grow with rows.

    Returns:
        The files, in the order of time.

    Raises:
        RequestError: rows out of range, or a folder that cannot be written.
    """
    shards, paths = shards or max(1, rows // ROWS), []
    for shard in only or range(shards):
        made = batches(rows, seed, shard, shards)
        path = folder / f"game-v{VERSION}-seed{seed}-rows{rows}-{shard:05}-of-{shards:05}.parquet"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if path.exists():
                progress(rows * (shard + 1) // shards - rows * shard // shards)
            else:
                _write(path, made, compression, progress)
        except OSError as error:
            raise RequestError(f"--out {folder}: {error.strerror or error}") from None
        paths.append(path)
    return paths


def _write(path: Path, made: Iterator[pa.RecordBatch], compression: str, progress: Callable[[int], None]) -> None:
    """Writes a file whole or not at all."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    options = {"compression": compression, "use_dictionary": _FEW, "column_encoding": _DELTA, "store_schema": False}
    try:
        with pq.ParquetWriter(part, SCHEMA, **options) as writer:
            for batch in made:
                writer.write_batch(batch)
                progress(batch.num_rows)
        part.replace(path)
    finally:
        with suppress(FileNotFoundError):
            part.unlink()
