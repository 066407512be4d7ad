"""Lets tasks of Spark do what one process does file by file: make the events of a generated dataset."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow.parquet as pq

from rollup_bench.engines.registry import engine_type, recipe
from rollup_bench.errors import RequestError
from rollup_bench.harness.run.arms import Say, served
from rollup_bench.servers import UP, Connection
from rollup_bench.servers.budget import budget
from rollup_bench.servers.external import ExternalServer
from rollup_bench.servers.watch import Watch
from rollup_bench.workloads import generated, stored
from rollup_bench.workloads.source import Source

NAME = "spark"


@contextmanager
def optional(flag: str, address: str | None, home: Path, say: Say) -> Iterator[Connection | None]:
    """Yields how to reach the Spark at `address`, which `flag` gave; if it is empty, the server of this machine.

    That server is started if it is down, and then stopped after the block. Yields None if `address` is None, because
    `flag` was not given.
    """
    if address is None:
        yield None
        return
    engine_type(NAME)
    if address:
        declared = recipe(NAME)
        assert declared
        with ExternalServer(declared, home, budget(), flag, address).running(Watch(say, UP)) as server:
            yield server.connection
    else:
        with served([NAME], "native", home, say) as servers:
            found = servers[NAME]
            assert found
            yield found.connection


def make(connection: Connection, source: Source, folder: Path, say: Say) -> list[Path]:
    """Writes the files of `generated.write`, with the same bytes, and returns their paths; each task writes one file.

    Spark repeats a task that is lost. Raises RequestError if `source.generator` is unknown or if the executors of Spark
    do not share `folder` with this machine, FailureError if a task fails four times.
    """
    from rollup_bench.engines.spark.tasks import each_done

    target, pace = folder.absolute(), generated.pace(source, say)
    paths = generated.paths(source, target)

    def write(number: int) -> int:
        (path,) = generated.write(source, target, only=range(number, number + 1))
        return int(pq.read_metadata(path).num_rows)

    try:
        for rows in each_done(connection, write, len(paths)):
            pace(rows)
    finally:
        stored.remove_unfinished(part for path in paths for part in path.parent.glob(f"{path.name}.*.part"))
    if missing := [path for path in paths if not path.exists()]:
        remedy = "name a folder that the executors of Spark share with this machine"
        raise RequestError(f"--out {folder}: {missing[0].name} is not there: {remedy}")
    return paths
