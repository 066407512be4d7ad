"""Events that are made to order: by which generator, in how many rows, from which seed."""

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset

from rollup_bench.errors import RequestError
from rollup_bench.workloads.dataset import Dataset, Source
from rollup_bench.workloads.game import files as game
from rollup_bench.workloads.pace import Pace

GENERATORS = {"game": game.write}


def write(source: Source, folder: Path, say: Callable[[str], None] = lambda _: None) -> list[Path]:
    """Writes the source's events as Parquet files into `folder`, each whole or absent; those there are left alone."""
    if source.generator not in GENERATORS:
        raise RequestError(f"source.generator: `{source.generator}` is not one of {', '.join(GENERATORS)}")
    pace = Pace(say, f"making {source.generator}: ", source.rows)
    return GENERATORS[source.generator](folder, source.rows, source.seed, progress=pace)


def rows(dataset: Dataset, folder: Path, say: Callable[[str], None]) -> pa.dataset.Dataset:
    """The dataset's events, made into `folder` where they are not there yet, with the columns in their order."""
    made = pa.dataset.dataset(write(dataset.source, folder, say))
    there = made.schema.names
    if missing := [c for c in dataset.columns.all if c not in there]:
        raise RequestError(f"columns: {dataset.source.generator} makes no `{missing[0]}`; it makes {', '.join(there)}")
    return made.replace_schema(pa.schema([made.schema.field(name).with_nullable(True) for name in dataset.columns.all]))
