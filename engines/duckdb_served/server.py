"""How to start a DuckDB server: one Python process."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path

from rollup_bench.engines.duckdb_served.client import Client
from rollup_bench.errors import FailureError
from rollup_bench.servers.budget import Budget
from rollup_bench.servers.connection import Connection
from rollup_bench.servers.recipe import RUNTIME, Place, PythonProcess, Recipe


def stages(place: Place) -> list[list[PythonProcess]]:
    """One process, which runs `flight_server`."""
    port, limits = place.ports["flight"], of_duckdb(place.budget)
    words = (str(place.data("duckdb")), str(port), str(limits.cores), str(limits.memory))
    module = "rollup_bench.engines.duckdb_served.flight_server"
    return [[PythonProcess("duckdb", module, words, lambda: answers(Connection(("127.0.0.1",), port)))]]


def of_duckdb(budget: Budget) -> Budget:
    """The part of the server's budget that DuckDB's own settings get.

    Its buffers get 80% of the memory, which is DuckDB's own default, but leave twice `RUNTIME` for all else: Python,
    batches, and what DuckDB needs beyond its limit while it sorts a load.
    """
    return replace(budget, memory=min(budget.memory * 4 // 5, budget.memory - 2 * RUNTIME))


def answers(connection: Connection) -> bool:
    """Whether the server reports the version of DuckDB within 5 s."""
    try:
        with closing(Client(connection, seconds=5)) as client:
            client.act("version")
    except FailureError:
        return False
    return True


RECIPE = Recipe(
    name="duckdb-served",
    folder=Path(__file__).parent,
    ports=("flight",),
    least=512 << 20,
    stages=stages,
    answers=answers,
    ways=("native",),
)
