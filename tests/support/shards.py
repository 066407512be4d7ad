"""Events of a game in four files."""

from pathlib import Path

import pyarrow as pa

from rollup_bench.workloads import dataset as datasets
from rollup_bench.workloads import stored
from rollup_bench.workloads.events import Events, measured
from rollup_bench.workloads.game import files

GAME = datasets.read("game").sized(80_000, None)
SHARDS = 4


def four_files(folder: Path) -> Events:
    """Writes the files into `folder`; each has 20,000 rows."""
    rows = stored.table(files.write(folder, GAME.source.rows, shards=SHARDS))
    rows = rows.replace_schema(pa.schema([rows.schema.field(c).with_nullable(True) for c in GAME.columns.all]))
    return Events(rows, GAME.columns, measured(rows, GAME.columns, "four files"))
