"""How to start Kafka: one process, which is broker and controller."""

from pathlib import Path

from rollup_bench.servers.connection import Connection
from rollup_bench.servers.recipe import RUNTIME, JavaProcess, Place, Recipe
from rollup_bench.streams.kafka.wire import answers

LIBRARY = "confluent_kafka"
"""The Python package of the client."""


def stages(place: Place) -> list[list[JavaProcess]]:
    """One process. Of the memory that the JVM does not need for itself, a third is heap, and an eighth is direct.

    The rest is for the page cache, from which Kafka serves consumers.
    """
    usable = place.budget.memory - RUNTIME
    process = JavaProcess(
        name="kafka",
        role="kafka",
        main=("kafka.Kafka", str(place.conf("kafka") / "server.properties")),
        heap=usable // 3,
        direct=usable // 8,
        values={"data": place.data("kafka"), "tmp": place.data("tmp"), "host": "127.0.0.1", **place.ports},
        ready=lambda: answers(Connection(("127.0.0.1",), place.ports["client"])),
    )
    return [[process]]


RECIPE = Recipe(
    name="kafka",
    folder=Path(__file__).parent,
    ports=("client", "controller"),
    least=1 << 30,
    address="BOOTSTRAP",
    example="host,host or host:9092",
    port=9092,
    stages=stages,
    answers=answers,
)
