"""Tests whether three slowdowns in an adapter are found, within a run and between two runs.

`python -m experiments.slowdowns [--engines duckdb,druid,cassandra] [FOLDER]`. A first run measures an engine under two
names without a slowdown. In a second run, the second name needs more processor time of the client for three of six
questions: a tenth of the time of an answer, and for DuckDB also a twentieth. The second run is then compared with the
first. The runs are stored in FOLDER.
"""

import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from itertools import repeat
from pathlib import Path

import click
import pyarrow as pa

from rollup_bench.harness.cli.options import engines_default
from rollup_bench.harness.records.compare import compare
from rollup_bench.harness.records.findings import Run, differences
from rollup_bench.harness.records.lines import Header
from rollup_bench.harness.records.run_log import RunLog
from rollup_bench.harness.report.terminal import ended
from rollup_bench.harness.run import arms as running
from rollup_bench.harness.run.home import home
from rollup_bench.harness.run.machine import machine
from rollup_bench.harness.run.rounds import Ask, Effort, TimedQuestion, launch
from rollup_bench.harness.stats.claims import Claim
from rollup_bench.workloads import dataset, events, layouts
from rollup_bench.workloads.questions import Question

SLOWED = ("carriers", "delays-by-hour", "cancelled-by-day")
QUESTIONS = (*SLOWED, "flights-by-month", "busiest-routes", "origin-carrier-totals")
LONGER = {"duckdb": (1.1, 1.05)}
"""By engine, how many times as long the slowed answers take, for each test; by default 1.1 times."""
EFFORT = Effort(launches=8, least=20, most=100, warm=15.0, rounds=40.0)


def record(path: Path, engine: str, longer: float) -> Run:
    """Measures six questions on both names; the second takes `longer` times as long for `SLOWED`."""
    flights = dataset.read("flights")
    rows = events.prepare(flights, home())
    questions = {name: flights.question(name).fill() for name in QUESTIONS}
    header = Header(
        dataset=flights.name,
        rows=rows.statistics.rows,
        seed=1,
        profile="slowdowns",
        machine=machine(),
        versions={},
        budget={},
        scope=[f"the second name takes {longer:g} times as long: {', '.join(SLOWED)}"],
    )
    log = RunLog(path, header)
    arms = (engine, "slowed")
    cells = [TimedQuestion(name, arms, engine, repeat(question).__next__) for name, question in questions.items()]
    with running.opened([engine], "native", home(), lambda _: None) as (opened,):
        arm = running.arm(opened, layouts.tuned, flights, rows, home(), lambda _: None)
        times = {questions[name]: longer for name in SLOWED}
        for number in range(EFFORT.launches):
            with _asks(arm, times) as asks:
                for line in launch(number, cells, asks, EFFORT, header.seed):
                    log.add(line)
    return Run.read(path)


@contextmanager
def _asks(arm: running.Arm, times: Mapping[Question, float]) -> Iterator[dict[str, Ask]]:
    """Yields two functions that ask an arm; the second keeps the processor busy after answers, as `times` says."""
    with ExitStack() as stack:
        sessions = [stack.enter_context(arm.engine.session(arm.plan)) for _ in range(2)]

        def slow(question: Question) -> pa.Table:
            start = time.perf_counter()
            answer = sessions[1].ask(question)
            end = start + (time.perf_counter() - start) * times.get(question, 1.0)
            while time.perf_counter() < end:
                pass
            return answer

        yield {arm.engine.name: sessions[0].ask, "slowed": slow}


def found(before: Run, after: Run) -> tuple[dict[str, Claim], dict[str, Claim]]:
    """Returns, by question, the claims about the second name against the first, and against itself in the first run."""
    within = {one.question: one.claim.inverted() for one in differences(after)}
    changes = [change for change in compare(before, after).changes if change.cell.arm == "slowed"]
    return within, {change.cell.question: change.claim for change in changes if change.claim}


def _finds_all(where: str, claims: Mapping[str, Claim]) -> bool:
    """Prints the claims about slowed questions; returns whether exactly these are claimed to be slower."""
    for question, claim in claims.items():
        if question in SLOWED or claim.told_apart:
            detects = "unknown" if claim.detectable is None else f"{claim.detectable:.3f}"
            click.echo(
                f"{where}: {question} takes {claim.ratio:.3f} times as long, {claim.outcome}; detectable: {detects}"
            )
    return {name for name, claim in claims.items() if claim.outcome == "slower"} == set(SLOWED)


def _tested(engine: str, tests: Sequence[float], folder: Path) -> Iterator[bool]:
    before = record(folder / f"{engine}-before.jsonl", engine, 1.0)
    for longer in tests:
        after = record(folder / f"{engine}-{longer:g}.jsonl", engine, longer)
        for where, claims in zip(("within a run", "between two"), found(before, after), strict=True):
            yield _finds_all(f"{engine}, {longer:g} times, {where}", claims)


@click.command()
@engines_default("duckdb,druid,cassandra")
@click.argument("folder", required=False, type=click.Path(file_okay=False, path_type=Path))
def main(engines: list[str], folder: Path | None) -> None:
    """Prints the claimed slowdowns; exits with 1 if exactly the three slowed questions are not claimed."""
    with tempfile.TemporaryDirectory() as temporary:
        results = [
            result
            for engine in engines
            for result in _tested(engine, LONGER.get(engine, (1.1,)), folder or Path(temporary))
        ]
    click.echo(f"all three slowdowns and no others are found in {sum(results)} of {len(results)} comparisons")
    sys.exit(not all(results))


if __name__ == "__main__":
    ended(lambda: main(standalone_mode=False))
