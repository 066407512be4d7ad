"""Prints what further processes of an engine cost on one machine, from a file of `experiments.scale`."""

from collections.abc import Sequence

from rich.console import Console

from rollup_bench.harness.records.clusters import OnCluster
from rollup_bench.harness.report.grid import new_table, print_table

NAMES = {"cassandra": "node", "druid": "historical", "spark": "worker"}
"""What a process of a cluster is called, by engine."""


def cluster_tables(lines: Sequence[OnCluster], console: Console) -> None:
    """Prints a table for each engine, with a column for each of its clusters."""
    console.print("Seconds of a load, and processor milliseconds of client and engine for a request")
    for heading, *rows in grids(lines):
        table = new_table(heading[0], right=heading[1:])
        for row in rows:
            table.add_row(*row)
        print_table(table, console)


def grids(lines: Sequence[OnCluster]) -> list[list[list[str]]]:
    """Returns the texts of each engine's table, row by row, the headings first."""
    return [_grid(engine, lines) for engine in dict.fromkeys(line.engine for line in lines)]


def _grid(engine: str, lines: Sequence[OnCluster]) -> list[list[str]]:
    own = [line for line in lines if line.engine == engine]
    clusters = [[line for line in own if line.processes == n] for n in dict.fromkeys(line.processes for line in own)]
    names = [f"{one[0].processes} {NAMES[engine]}{'s' * (one[0].processes > 1)}" for one in clusters]
    return [
        [engine, *names],
        ["load, seconds", *(f"{one[0].load:.0f}" for one in clusters)],
        ["load, processor seconds", *(f"{one[0].load_processor:.0f}" for one in clusters)],
        *([f"{same[0].question}, ms", *map(_milliseconds, same)] for same in zip(*clusters, strict=True)),
    ]


def _milliseconds(line: OnCluster) -> str:
    return f"{1000 * (line.client + line.server):.3g}"
