"""Asks an engine questions about more data than its budget of memory, and compares the answers with the truth.

`ROLLUP_BENCH_MEMORY=256MiB python -m experiments.beyond_memory duckdb --rows 10000000`. The data are events of the game
on the layout `raw`. The program exits with 1 if the stored bytes do not exceed the budget or an answer is not right.
"""

import sys
import time

import click

from rollup_bench.harness.cli.options import engine_argument
from rollup_bench.harness.report.terminal import ended, progress
from rollup_bench.harness.run import arms as running
from rollup_bench.harness.run.home import home
from rollup_bench.harness.run.verdicts import RIGHT, check
from rollup_bench.servers.budget import budget
from rollup_bench.workloads import dataset, events
from rollup_bench.workloads.layouts import raw

QUESTIONS = ("revenue-by-hour", "best-sellers", "ten-years", "retention-by-country")
"""An hour, a month and all ten years of the data, and a cohort."""


@click.command()
@engine_argument
@click.option("--rows", default=10_000_000, show_default=True, metavar="N", help="Events of the game.")
def main(engine: str, rows: int) -> None:
    """Prints the size of the data, that of the budget, and the verdict and the seconds of each question."""
    game = dataset.read("game").sized(rows, 1)
    stored, memory = events.prepare(game, home()), budget().memory
    with progress() as say, running.opened([engine], "native", home(), say) as (opened,):
        arm = running.arm(opened, raw, game, stored, home(), say)
        size = arm.loaded.bytes if arm.loaded else None
        beyond, right = bool(size and size > memory), True
        click.echo(
            f"{engine}: {rows:,} events, {(size or 0) / 2**20:,.0f} MiB stored, {memory / 2**20:,.0f} MiB budget"
        )
        with opened.session(arm.plan) as session:
            for name in QUESTIONS:
                question, began = game.question(name).fill(), time.perf_counter()
                answer = session.ask(question)
                taken, verdict = time.perf_counter() - began, check(question, answer, stored)
                right = right and verdict.kind in RIGHT
                click.echo(f"{name}: {verdict.kind} {verdict.reason}, {taken:.2f} s")
    sys.exit(not (beyond and right))


if __name__ == "__main__":
    ended(lambda: main(standalone_mode=False))
