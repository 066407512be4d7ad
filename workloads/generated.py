"""Generated events: the known generators, and the Parquet files that hold what a generator made."""

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset

from rollup_bench.errors import RequestError
from rollup_bench.workloads import stored
from rollup_bench.workloads.dataset import Dataset
from rollup_bench.workloads.game import files as game
from rollup_bench.workloads.pace import Pace
from rollup_bench.workloads.source import Source

GENERATORS = {"game": game.write}


def write(source: Source, folder: Path, say: Callable[[str], None] = lambda _: None) -> list[Path]:
    """Writes the source's events as Parquet files into `folder` and returns their paths.

    A file is written whole or not at all; existing files are not written again. RequestError if `source.generator` is
    unknown, `source.rows` out of the generator's range, or `folder` not writable.
    """
    if source.generator not in GENERATORS:
        raise RequestError(f"source.generator is `{source.generator}`; write {' or '.join(GENERATORS)}")
    pace = Pace(say, f"making {source.generator}: ", source.rows)
    return GENERATORS[source.generator](folder, source.rows, source.seed, progress=pace)


def rows(dataset: Dataset, folder: Path, say: Callable[[str], None]) -> pa.dataset.Dataset:
    """The dataset's events, read from files in `folder`, with the columns of [columns]; writes missing files first."""
    files = stored.table(write(dataset.source, folder, say))
    generated = files.schema.names
    if missing := [c for c in dataset.columns.all if c not in generated]:
        generator, known = dataset.source.generator, ", ".join(generated)
        raise RequestError(f"columns: generator {generator} has no column `{missing[0]}`; write one of {known}")
    fields = [files.schema.field(name).with_nullable(True) for name in dataset.columns.all]
    return files.replace_schema(pa.schema(fields))
