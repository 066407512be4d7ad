"""How to start Cassandra and Spark: a node and a Connect server, which share one budget."""

from dataclasses import replace
from pathlib import Path

from rollup_bench.engines.cassandra import server as cassandra
from rollup_bench.engines.spark import server as spark
from rollup_bench.servers.connection import Connection
from rollup_bench.servers.recipe import JavaProcess, Place, Recipe

CQL = "cql"
"""The port of Cassandra."""


def stages(place: Place) -> list[list[JavaProcess]]:
    """Both processes, side by side, with half of the memory each."""
    half = place.budget.memory // 2
    node, connect = cassandra.node(place, "cassandra", "127.0.0.1", half), spark.connect(place, half)
    return [[replace(node, folder=cassandra.RECIPE.folder), replace(connect, folder=spark.RECIPE.folder)]]


def answers(connection: Connection) -> bool:
    """Whether Spark answers; while it does, a question for which Cassandra does not answer is an error."""
    return spark.answers(connection)


RECIPE = Recipe(
    name="spark-cassandra",
    folder=Path(__file__).parent,
    ports=("connect", CQL, "storage", "jmx"),
    least=2 * max(cassandra.RECIPE.least, spark.RECIPE.least),
    stages=stages,
    answers=answers,
    ways=("native",),
)
