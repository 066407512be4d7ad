"""Measures what a time zone costs DuckDB: events counted by month in New York and in UTC, in ABBA order.

`python -m experiments.time_zones`. The events are a million of `game` over ten years, on the layout raw. Each answer is
compared with the truth first. The program exits with 1 if New York takes more than 1.5 times as long.
"""

import sys
import time

import click
import numpy as np

from rollup_bench.engines.contract import Session
from rollup_bench.errors import FailureError
from rollup_bench.harness.records.kinds import RIGHT
from rollup_bench.harness.report.terminal import ended
from rollup_bench.harness.run import arms as running
from rollup_bench.harness.run.admission import check
from rollup_bench.harness.run.home import home
from rollup_bench.harness.stats.abba import abba
from rollup_bench.harness.stats.estimate import Estimate, estimate, logarithms
from rollup_bench.workloads import dataset, events
from rollup_bench.workloads.layouts import raw
from rollup_bench.workloads.measures import parse
from rollup_bench.workloads.questions import Aggregate, Grain

ROWS, LAUNCHES, ROUNDS = 1_000_000, 5, 20
LIMIT = 1.5


def cost() -> Estimate:
    """The time of the question in New York over its time in UTC; each launch opens a session of its own."""
    game = dataset.read("game").sized(ROWS, 1)
    stored = events.prepare(game, home())
    ten_years = game.questions["ten-years"].fill().span
    questions = {
        zone: Aggregate(ten_years, (parse("count()"),), Grain.MONTH, zone) for zone in ("America/New_York", "UTC")
    }
    rng, launches = np.random.default_rng(1), []
    with running.opened(["duckdb"], "native", home(), lambda _: None) as (engine,):
        arm = running.arm(engine, raw, game, stored, home(), lambda _: None)
        for _ in range(LAUNCHES):
            with engine.session(arm.plan) as session:
                for question in questions.values():
                    verdict = check(arm, session, question, stored).verdict
                    if verdict.kind not in RIGHT:
                        raise FailureError(f"the answer in {question.zone} is {verdict.kind}: {verdict.reason}")
                rounds = [_round(session, questions, rng) for _ in range(ROUNDS)]
                one, other = (logarithms([times[zone] for times in rounds]) for zone in questions)
                launches.append(one - other)
    return estimate(launches)


def _round(session: Session, questions: dict[str, Aggregate], rng: np.random.Generator) -> dict[str, tuple[int, int]]:
    """The two times of each question in nanoseconds."""
    times: dict[str, list[int]] = {zone: [] for zone in questions}
    for zone in abba(list(questions), rng):
        began = time.perf_counter_ns()
        session.ask(questions[zone])
        times[zone].append(time.perf_counter_ns() - began)
    return {zone: (first, second) for zone, (first, second) in times.items()}


@click.command()
def main() -> None:
    """Prints the ratio of New York to UTC; exits with 1 if it exceeds 1.5."""
    ratio = cost()
    low, high = ratio.interval()
    click.echo(f"a month in New York takes {ratio.ratio:.2f} times a month in UTC (99%: {low:.2f} to {high:.2f})")
    sys.exit(ratio.ratio > LIMIT)


if __name__ == "__main__":
    ended(lambda: main(standalone_mode=False))
