"""Lets tasks of Spark do what one process does file by file: make the events of a generated dataset."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pyarrow.parquet as pq

from rollup_bench.engines.registry import engine_type, recipe
from rollup_bench.errors import RequestError
from rollup_bench.harness.run.arms import Say, served
from rollup_bench.servers import UP, Connection
from rollup_bench.servers.budget import budget
from rollup_bench.servers.external import ExternalServer
from rollup_bench.servers.watch import Watch
from rollup_bench.workloads import generated
from rollup_bench.workloads.source import Source

NAME = "spark"


@contextmanager
def optional(flag: str, address: str | None, home: Path, say: Say) -> Iterator[Connection | None]:
    """Yields how to reach Spark, as `running` does; None if `address` is None, because `flag` was not given."""
    if address is None:
        yield None
    else:
        with running(flag, address, home, say) as connection:
            yield connection


@contextmanager
def running(flag: str, address: str, home: Path, say: Say) -> Iterator[Connection]:
    """Yields how to reach the Spark at `address`, which `flag` gave; without one, the server of this machine.

    The server is started if it is down, and then stopped after the block.
    """
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
        _remove_partial(paths)
    if missing := [path for path in paths if not path.exists()]:
        remedy = "name a folder that the executors of Spark share with this machine"
        raise RequestError(f"--out {folder}: {missing[0].name} is not there: {remedy}")
    return paths


def _remove_partial(paths: list[Path]) -> None:
    """Deletes the unfinished files of killed tasks; the names of files end with the process that writes them."""
    for path in paths:
        for partial in path.parent.glob(f"{path.name}.*.part"):
            if not psutil.pid_exists(int(partial.suffixes[-2][1:])):
                partial.unlink(missing_ok=True)
