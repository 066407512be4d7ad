"""How to start Pulsar: one process, which is broker and bookie and keeps its metadata in RocksDB."""

from pathlib import Path

from rollup_bench.servers.connection import Connection
from rollup_bench.servers.recipe import RUNTIME, JavaProcess, Place, Recipe
from rollup_bench.streams.pulsar.admin import answers

LIBRARY = "pulsar"
"""The Python package of the client."""


def stages(place: Place) -> list[list[JavaProcess]]:
    """One process. Of the memory that the JVM does not need for itself, a third is heap, and a third is direct.

    The rest is for RocksDB and for the page cache. The bookie's folders are in the folder of the process's data.
    """
    share = (place.budget.memory - RUNTIME) // 3
    starter, config = "org.apache.pulsar.PulsarStandaloneStarter", place.conf("pulsar") / "standalone.conf"
    folders = ("--metadata-dir", "metadata", "--bookkeeper-dir", "bookkeeper")
    options = ("--bookkeeper-port", str(place.ports["bookie"]), "--no-functions-worker", "--no-stream-storage")
    data = place.data("pulsar")
    process = JavaProcess(
        name="pulsar",
        role="pulsar",
        main=(starter, "--config", str(config), *folders, *options),
        heap=share,
        direct=share,
        values={"data": data, "tmp": data / "tmp", "host": "127.0.0.1", **place.ports},
        ready=lambda: answers(Connection(("127.0.0.1",), place.ports["web"])),
    )
    return [[process]]


RECIPE = Recipe(
    name="pulsar",
    folder=Path(__file__).parent,
    ports=("web", "broker", "bookie"),
    public=2,
    least=1 << 30,
    address="URL",
    example="http://host:8080 or https://host:8443 of a broker",
    port=8080,
    stages=stages,
    answers=answers,
)
