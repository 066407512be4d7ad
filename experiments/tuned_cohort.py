"""Measures what the question `aircraft-retention` of the flights costs each engine on the layout `tuned`.

`python -m experiments.tuned_cohort --engines duckdb,duckdb-served,druid,cassandra`. One engine at a time is started. It
loads `raw` and `tuned`, and its default answer is compared with the truth. Then 300 replayed requests are asked after
100 requests of warm-up. The table shows the processor milliseconds of the client and of the engine for one question,
and the seconds and bytes of both loads. The program exits with 1 if DuckDB in the process takes more than 5 ms.
"""

import sys
from collections.abc import Iterator
from itertools import islice

import click
import numpy as np
from rich.table import Table

from rollup_bench.engines.contract import Engine
from rollup_bench.errors import FailureError
from rollup_bench.harness.cli.options import engines_option
from rollup_bench.harness.records.kinds import RIGHT
from rollup_bench.harness.records.lines import Spent
from rollup_bench.harness.report.terminal import console, ended
from rollup_bench.harness.run import arms as running
from rollup_bench.harness.run.admission import check
from rollup_bench.harness.run.arms import Arm
from rollup_bench.harness.run.costs import Meter, gauge
from rollup_bench.harness.run.home import home
from rollup_bench.harness.run.replay import domain, replay
from rollup_bench.workloads import dataset, events, layouts
from rollup_bench.workloads.events import Events
from rollup_bench.workloads.templates import Template

QUESTION, WARM_UP, REQUESTS = "aircraft-retention", 100, 300
LIMIT = 5.0
"""Processor milliseconds of a question in DuckDB."""


def measured(engine: Engine, arm: Arm, template: Template, stored: Events) -> Spent:
    """The resources that the requests used."""
    rng = np.random.default_rng(1)
    requests = replay(template, domain(stored), lambda question: bool(engine.support(question, arm.plan).where), rng)
    server = engine.server
    with engine.session(arm.plan) as session:
        verdict = check(arm, session, template.fill(), stored).verdict
        if verdict.kind not in RIGHT:
            raise FailureError(f"{arm.name}: {QUESTION} is {verdict.kind}: {verdict.reason}")
        for question in islice(requests, WARM_UP):
            session.ask(question)
        drawn = list(islice(requests, REQUESTS))
        meter = Meter(gauge(server))
        for question in drawn:
            session.ask(question)
        return meter.read()


def _quiet(_text: str) -> None: ...


def rows(names: list[str]) -> Iterator[tuple[str, list[str], float]]:
    """For each engine its cells of the table, and the processor milliseconds of the client."""
    flights = dataset.read("flights")
    stored, template = events.prepare(flights, home()), flights.question(QUESTION)
    for name in names:
        with running.opened([name], "native", home(), _quiet) as (engine,):
            loads = [
                running.arm(engine, layout, flights, stored, home(), _quiet) for layout in (layouts.raw, layouts.tuned)
            ]
            spent = measured(engine, loads[1], template, stored)
            client, server = (
                None if seconds is None else 1e3 * seconds / REQUESTS for seconds in (spent.client, spent.engine)
            )
            cells = ["" if each is None else f"{each:.2f}" for each in (client, server)]
            for arm in loads:
                cells += (
                    [f"{arm.loaded.seconds:.1f}", f"{(arm.loaded.bytes or 0) / 1e6:.1f}"] if arm.loaded else ["", ""]
                )
            yield name, cells, client or 0.0


@click.command()
@engines_option
def main(engines: list[str]) -> None:
    """Prints the table; exits with 1 if DuckDB takes more than 5 processor milliseconds."""
    table = Table("engine", "client ms", "engine ms", "raw s", "raw MB", "tuned s", "tuned MB")
    within = True
    for name, cells, client in rows(engines):
        table.add_row(name, *cells)
        within = within and (name != "duckdb" or client <= LIMIT)
    console().print(table)
    sys.exit(not within)


if __name__ == "__main__":
    ended(lambda: main(standalone_mode=False))
