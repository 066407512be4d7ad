"""Prints which tables answer the requests that a replay draws, for each question of the layout `tuned`.

`python -m experiments.routes` draws 100 requests for each question of each built-in dataset and asks each engine by
`support`, without a server, which tables it would read. A request is a scan if the engine reads the table of all events
for it, or if the client aggregates events. The file `scans.toml` lists the questions for which more than 5% of the
requests are scans, with the percentage and the reason; the exit status is 1 if the program finds something else.
"""

import sys
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import partial
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import click

from rollup_bench.engines.contract import Engine, Where
from rollup_bench.engines.registry import engine_type
from rollup_bench.harness.cli.options import engines_option
from rollup_bench.harness.records.lines import Route
from rollup_bench.harness.records.routes import shares
from rollup_bench.harness.report.terminal import ended
from rollup_bench.harness.run.arms import Arm
from rollup_bench.harness.run.home import home
from rollup_bench.harness.run.replay import domain
from rollup_bench.harness.run.routes import counted, route
from rollup_bench.servers.budget import budget
from rollup_bench.workloads import dataset as datasets
from rollup_bench.workloads import events, layouts

LIST = Path(__file__).with_name("scans.toml")
REQUESTS = 100
EVENTS = "events"
"""The name of the table of all events, in every engine."""
LIMIT = 5
"""The percentage of scans above which a question must be in the list."""


class Cell(NamedTuple):
    """One question asked of one engine's layout `tuned`, with the routes of the requests that are supported."""

    engine: str
    question: str
    routes: Sequence[Route]

    @property
    def scans(self) -> int:
        """The percentage of scans among the supported requests."""
        scans = sum(taken.requests for taken in self.routes if EVENTS in taken.tables or taken.where == Where.CLIENT)
        return round(100 * scans / max(1, sum(taken.requests for taken in self.routes)))


def cells(engine: Engine, name: str) -> Iterator[Cell]:
    """Yields the cell of each question of a built-in dataset, which is generated with its default number of rows."""
    dataset = datasets.read(name)
    prepared = events.prepare(dataset, home())
    arm = Arm(engine, engine.plan(dataset, layouts.tuned, prepared.statistics))
    drawn_from = domain(prepared)
    for question in dataset.questions.values():
        routes = counted(partial(route, arm), islice(question.drawn(drawn_from, 1), REQUESTS))
        yield Cell(engine.name, f"{name}/{question.name}", [taken for taken in routes if taken.where])


def listed() -> dict[tuple[str, str], int]:
    """Returns the percentage of scans in the list, by engine and question."""
    groups = tomllib.loads(LIST.read_text("utf-8"))["scans"]
    return {
        (engine, question): share
        for group in groups
        for engine in group["engines"]
        for question, share in group["percent"].items()
    }


def unlike(found: Sequence[Cell]) -> list[str]:
    """Returns a line for each of these cells that the list should have, should not have, or has with another share."""
    known = listed()
    lines = []
    for cell in found:
        wanted, share = cell.scans if cell.scans > LIMIT else None, known.get((cell.engine, cell.question))
        if wanted != share:
            here, there = (f"{each}%" if each is not None else f"at most {LIMIT}%" for each in (wanted, share))
            lines.append(f"{cell.question} on {cell.engine}: {here} are scans, but {LIST.name} says {there}")
    return lines


@click.command()
@engines_option
def main(engines: list[str]) -> None:
    """Prints the routes of each question, and where the list differs from them."""
    found: list[Cell] = []
    for name in engines:
        with closing(engine_type(name)(None, home(), budget())) as engine:
            for dataset in datasets.offline():
                for cell in cells(engine, dataset):
                    click.echo(f"{cell.engine}/tuned {cell.question}: {shares(cell.routes) or 'unsupported'}")
                    found.append(cell)
    differing = unlike(found)
    click.echo("\n".join([*differing, f"{len(found)} cells, {sum(cell.scans > LIMIT for cell in found)} with scans"]))
    sys.exit(bool(differing))


if __name__ == "__main__":
    ended(lambda: main(standalone_mode=False))
