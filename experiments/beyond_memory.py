"""Asks an engine questions about more data than its budget of memory, and compares the answers with the truth.

`ROLLUP_BENCH_MEMORY=256MiB python -m experiments.beyond_memory duckdb --rows 10000000`. The data are events of the game
on the layout `raw`. A question that the engine cannot answer fails, and the engine's reason is printed. The program
exits with 1 if the stored bytes do not exceed the budget, if an answer is wrong, or if none is right.
"""

import sys
import time

import click

from rollup_bench.engines.contract import UNANSWERED, Session
from rollup_bench.harness.cli.options import engine_argument
from rollup_bench.harness.records.kinds import RIGHT, Kind
from rollup_bench.harness.report.terminal import ended, progress
from rollup_bench.harness.run import arms as running
from rollup_bench.harness.run.home import home
from rollup_bench.harness.run.verdicts import Judgement, check
from rollup_bench.servers.budget import budget
from rollup_bench.workloads import dataset, events
from rollup_bench.workloads.events import Events
from rollup_bench.workloads.layouts import raw
from rollup_bench.workloads.questions import Question

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
        beyond, kinds = bool(size and size > memory), set[Kind]()
        click.echo(
            f"{engine}: {rows:,} events, {(size or 0) / 2**20:,.0f} MiB stored, {memory / 2**20:,.0f} MiB budget"
        )
        with opened.session(arm.plan) as session:
            for name in QUESTIONS:
                verdict, seconds = _asked(session, game.question(name).fill(), stored)
                kinds.add(verdict.kind)
                click.echo(f"{name}: {verdict.kind} {verdict.reason}, {seconds:.2f} s")
    sys.exit(not beyond or Kind.WRONG in kinds or not kinds.intersection(RIGHT))


def _asked(session: Session, question: Question, stored: Events) -> tuple[Judgement, float]:
    """The verdict on the answer, `failed` without one, and the seconds until the answer."""
    began = time.perf_counter()
    try:
        answer = session.ask(question)
    except UNANSWERED as error:
        return Judgement(Kind.FAILED, str(error)), time.perf_counter() - began
    seconds = time.perf_counter() - began
    return check(question, answer, stored), seconds


if __name__ == "__main__":
    ended(lambda: main(standalone_mode=False))
