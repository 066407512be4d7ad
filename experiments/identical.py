"""Counts how many comparisons of identical arms find a difference on this machine.

`python -m experiments.identical [--engines duckdb,druid,cassandra] [FOLDER]`. Six sessions of an engine are measured as
six arms in ABBA order over six launches, each with new sessions; the runs are stored in FOLDER. Then 1,000 comparisons
are drawn, each of two arms in five launches and in sixty successive rounds of each launch. At the 1% level, ten
comparisons are expected to differ at most, and 18 are allowed.
"""

import sys
import tempfile
from contextlib import ExitStack
from itertools import repeat
from pathlib import Path

import click
import numpy as np

from rollup_bench.harness.cli.options import engines_default
from rollup_bench.harness.records.findings import Run
from rollup_bench.harness.records.lines import Header, Rounds, of_type
from rollup_bench.harness.records.run_log import RunLog
from rollup_bench.harness.report.terminal import ended
from rollup_bench.harness.run import arms as running
from rollup_bench.harness.run.home import home
from rollup_bench.harness.run.machine import machine
from rollup_bench.harness.run.rounds import Effort, TimedQuestion, launch
from rollup_bench.harness.stats.estimate import estimate, logarithms
from rollup_bench.workloads import dataset, events, layouts

ARMS = tuple("abcdef")
LAUNCHES, ROUNDS = 6, 100
QUESTIONS = ("carriers", "delays-by-hour")
ALLOWED = 18


def record(path: Path, engine: str) -> Run:
    """Measures each question in all sessions, which are opened again for each launch; returns the stored run."""
    flights = dataset.read("flights")
    rows = events.prepare(flights, home())
    header = Header(
        dataset=flights.name,
        rows=rows.statistics.rows,
        seed=1,
        profile="identical",
        machine=machine(),
        versions={},
        budget={},
        scope=[f"six sessions of {engine}, which are asked the same"],
    )
    log = RunLog(path, header)
    effort = Effort(launches=LAUNCHES, least=ROUNDS, most=ROUNDS, warm=5.0, rounds=600.0)
    requests = {name: flights.question(name).fill() for name in QUESTIONS}
    cells = [TimedQuestion(name, ARMS, "a", repeat(request).__next__) for name, request in requests.items()]
    with running.opened([engine], "native", home(), lambda _: None) as (opened,):
        arm = running.arm(opened, layouts.tuned, flights, rows, home(), lambda _: None)
        for number in range(LAUNCHES):
            with ExitStack() as stack:
                asks = {name: stack.enter_context(opened.session(arm.plan)).ask for name in ARMS}
                for line in launch(number, cells, asks, effort, header.seed):
                    log.add(line)
    return Run.read(path)


def differing(run: Run, comparisons: int = 1000, rounds: int = 60, launches: int = 5, seed: int = 1) -> int:
    """Returns how many of `comparisons` random comparisons of identical arms differ at the 1% level."""
    rng = np.random.default_rng(seed)
    lines = of_type(run.lines, Rounds)
    by_question = {name: [one for one in lines if one.question == name] for name in {one.question for one in lines}}
    differing_pairs = 0
    for _ in range(comparisons):
        among = by_question[str(rng.choice(sorted(by_question)))]
        one, other = rng.choice(sorted(set(among[0].times)), 2, replace=False)
        ratios = []
        for i in rng.choice(len(among), launches, replace=False):
            times = among[i].times
            first = int(rng.integers(len(times[one]) - rounds + 1))
            window = slice(first, first + rounds)
            ratios.append(logarithms(times[one][window]) - logarithms(times[other][window]))
        differing_pairs += estimate(ratios).p < 0.01
    return differing_pairs


@click.command()
@engines_default("duckdb,druid,cassandra")
@click.argument("folder", required=False, type=click.Path(file_okay=False, path_type=Path))
def main(engines: list[str], folder: Path | None) -> None:
    """Prints how many comparisons of identical arms differ; exits with 1 if more than 18 do on any engine."""
    counts = []
    with tempfile.TemporaryDirectory() as temporary:
        for engine in engines:
            counts.append(differing(record((folder or Path(temporary)) / f"identical-{engine}.jsonl", engine)))
            click.echo(
                f"{engine}: {counts[-1]} of 1,000 comparisons of identical arms differ at 1%; the limit is {ALLOWED}"
            )
    sys.exit(max(counts) > ALLOWED)


if __name__ == "__main__":
    ended(lambda: main(standalone_mode=False))
