"""Generated events: the known generators, and the Parquet files that hold what a generator made."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pyarrow as pa
import pyarrow.dataset

from rollup_bench.errors import RequestError
from rollup_bench.workloads import stored
from rollup_bench.workloads.dataset import Dataset
from rollup_bench.workloads.game import files as game
from rollup_bench.workloads.pace import Pace
from rollup_bench.workloads.source import Source

GENERATORS = {"game": game}


def write(
    source: Source, folder: Path, say: Callable[[str], None] = lambda _: None, only: range | None = None
) -> list[Path]:
    """Writes the source's events as Parquet files into `folder`, or `only` some of them, and returns their paths.

    Files are numbered from 0. A file is written whole or not at all; existing files are not written again. RequestError
    if `source.generator` is unknown, `source.rows` out of the generator's range, or `folder` not writable.
    """
    generator = _generator(source)
    written: list[Path] = generator.write(folder, source.rows, source.seed, only=only, progress=pace(source, say))
    return written


def paths(source: Source, folder: Path) -> list[Path]:
    """The paths of the files that `write` writes into `folder`; RequestError if `source.generator` is unknown."""
    found: list[Path] = _generator(source).paths(folder, source.rows, source.seed)
    return found


def pace(source: Source, say: Callable[[str], None]) -> Pace:
    """Reports how many of the source's events are made."""
    return Pace(say, f"making {source.generator}: ", source.rows)


def _generator(source: Source) -> ModuleType:
    if source.generator not in GENERATORS:
        raise RequestError(f"source.generator is `{source.generator}`; write {' or '.join(GENERATORS)}")
    return GENERATORS[source.generator]


def rows(dataset: Dataset, folder: Path, say: Callable[[str], None]) -> pa.dataset.Dataset:
    """The dataset's events, read from files in `folder`, with the columns of [columns]; writes missing files first."""
    files = stored.table(write(dataset.source, folder, say))
    generated = files.schema.names
    if missing := [c for c in dataset.columns.all if c not in generated]:
        generator, known = dataset.source.generator, ", ".join(generated)
        raise RequestError(f"columns: generator {generator} has no column `{missing[0]}`; write one of {known}")
    fields = [files.schema.field(name).with_nullable(True) for name in dataset.columns.all]
    return files.replace_schema(pa.schema(fields))
