"""Loads of a plan: the client writes files of JSON lines, tasks of Druid make segments of them."""

import math
import shutil
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from rollup_bench.engines.contract import Plan
from rollup_bench.engines.druid import ingest
from rollup_bench.engines.druid.cluster import Cluster
from rollup_bench.engines.druid.datasource import Datasource
from rollup_bench.engines.druid.planning import Table
from rollup_bench.errors import RequestError
from rollup_bench.servers.budget import Budget
from rollup_bench.servers.watch import Watch
from rollup_bench.workloads import stored
from rollup_bench.workloads.events import Events, Shard
from rollup_bench.workloads.pace import Pace

FILE_ROWS = 1_000_000
"""The most rows after which a new file begins; sub-tasks read files in parallel."""
MAX_INLINE_BYTES = 50 << 20
"""The most bytes of rows inside a task, if Druid cannot read the disk of the client."""
EVENTS, DERIVED = "events", "derived"
"""The folder of the files of events; each table of cohorts or funnels has one of its own, with its name."""


@dataclass(frozen=True)
class Load:
    """What is loaded into a datasource: a spec, the folder of its files, and the number of rows or events in them."""

    source: str
    datasource: Table
    spec: dict[str, Any]
    folder: Path
    rows: int

    @property
    def alone(self) -> bool:
        """Whether its task starts sub-tasks: two such loads at once could wait forever for each other's slots."""
        return bool(self.spec["tuningConfig"]["maxNumConcurrentSubTasks"] > 1)


def spec(datasource: Table, source: str, budget: Budget) -> dict[str, Any]:
    """How the datasource named `source` is loaded: the `dataSchema` and the `tuningConfig` of its task."""
    return ingest.spec(datasource, source, budget) if isinstance(datasource, Datasource) else datasource.spec(source)


def write_events(events: Events, folder: Path, cores: int, watch: Watch) -> None:
    """Writes the files of the events into a folder, which is emptied first."""
    shutil.rmtree(folder, ignore_errors=True)
    rows = events.statistics.rows
    pace = Pace(watch.say, "writing ", rows)
    file_rows = min(FILE_ROWS, math.ceil(rows / cores))
    for written in _files(events.batches(), folder / EVENTS, events.columns.time.name, file_rows):
        watch.check()
        pace(written)


def missing_parts(events: Events, folder: Path) -> list[Callable[[], int]]:
    """The files of events that are missing in a folder, one for each shard; deletes all other files of a load."""
    shutil.rmtree(folder / DERIVED, ignore_errors=True)
    shards = events.shards()
    files = {folder / EVENTS / f"{shard.number:06}-of-{len(shards):06}.json": shard for shard in shards}
    if (folder / EVENTS).exists():
        for other in set((folder / EVENTS).iterdir()) - files.keys():
            other.unlink()
    time = events.columns.time.name
    return [partial(_write_shard, shard, path, time) for path, shard in files.items() if not path.exists()]


def has_all_parts(folder: Path) -> bool:
    """Whether a folder has the files of all shards of the events; the names of files end with the number of shards."""
    files = list((folder / EVENTS).glob("*-of-*.json"))
    return bool(files) and len(files) == int(files[0].stem.rpartition("-")[2])


def _write_shard(shard: Shard, path: Path, time: str) -> int:
    """Writes the file of a shard, whole or not at all, and returns its number of rows."""

    def fill(part: Path) -> None:
        with part.open("wb") as file:
            for batch in shard.events.batches():
                file.write(ingest.lines(batch, time))

    path.parent.mkdir(parents=True, exist_ok=True)
    stored.whole(path, fill)
    return shard.rows


def loads(
    plan: Plan, datasources: Sequence[Table], events: Events, folder: Path, budget: Budget, watch: Watch
) -> list[Load]:
    """The loads of some datasources of a plan; computes the tables of cohorts and funnels and writes their files."""
    made = []
    for datasource in datasources:
        source, inputs, count = f"{plan.name}_{datasource.name}", folder / EVENTS, events.statistics.rows
        if not isinstance(datasource, Datasource):
            watch.say(f"computing {datasource.title}")
            table, inputs = datasource.rows(events), folder / DERIVED / datasource.name
            count = sum(_files(table.to_batches(), inputs, datasource.time, FILE_ROWS))
            watch.check()
        made.append(Load(source, datasource, spec(datasource, source, budget), inputs, count))
    return made


def _files(batches: Iterable[pa.RecordBatch], folder: Path, time: str, file_rows: int) -> Iterator[int]:
    """Writes batches into files and yields the rows of each batch."""
    folder.mkdir(parents=True)
    rows = 0
    for batch in batches:
        with (folder / f"{rows // file_rows:06}.json").open("ab") as file:
            file.write(ingest.lines(batch, time))
        rows += batch.num_rows
        yield batch.num_rows


def ingest_all(loads: list[Load], cluster: Cluster, shares_disk: bool, watch: Watch) -> None:
    """Runs the tasks of all loads, side by side where that is safe, and waits until historicals serve the segments."""
    together = [load for load in loads if not load.alone]
    for group in filter(None, [together, *([load] for load in loads if load.alone)]):
        named = group[0].datasource.title if len(group) == 1 else f"{len(group)} datasources"
        progress = f"making segments of {named}"
        watch.say(progress)
        tasks = [
            ingest.task(f"{x.source}_{uuid.uuid4().hex[:8]}", x.spec, files_in(x.folder, shares_disk)) for x in group
        ]
        cluster.run(tasks, watch, Pace(watch.say, f"{progress}: ", sum(load.rows for load in group)).at)
    watch.say("waiting for the segments to be served")
    for load in loads:
        cluster.wait_until_served(load.source, watch)


def files_in(folder: Path, shares_disk: bool) -> dict[str, Any]:
    """The input source of a task: the folder, or the content of its files if Druid cannot read the folder."""
    if shares_disk:
        return {"type": "local", "baseDir": str(folder.resolve()), "filter": "*.json"}
    files = sorted(folder.glob("*.json"))
    if (size := sum(f.stat().st_size for f in files)) > MAX_INLINE_BYTES:
        raise RequestError(
            f"druid cannot read local files, and {size >> 20} MiB of events do not fit a task; use --via native"
        )
    return {"type": "inline", "data": "".join(f.read_text("utf-8") for f in files)}
