"""Tests whether three slowdowns of 10% in an adapter are found, within a run and between two runs.

`python -m experiments.slowdowns [FOLDER]`. A first run measures DuckDB under two names without a slowdown. In a
second run, the second name takes 10% longer for three questions. The second run is then compared with the first. Both
runs are stored in FOLDER.
"""

import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import repeat
from pathlib import Path

import pyarrow as pa

from rollup_bench.harness.records.compare import compare
from rollup_bench.harness.records.findings import Run, differences
from rollup_bench.harness.records.lines import Header
from rollup_bench.harness.records.run_log import RunLog
from rollup_bench.harness.run import arms as running
from rollup_bench.harness.run.home import home
from rollup_bench.harness.run.machine import machine
from rollup_bench.harness.run.rounds import Ask, Effort, TimedQuestion, launch
from rollup_bench.workloads import dataset, events, layouts
from rollup_bench.workloads.questions import Question

SLOWED = ("carriers", "delays-by-hour", "cancelled-by-day")
EFFORT = Effort(launches=5, least=20, most=200, warm=30.0, rounds=120.0)


def record(path: Path, slowed: Sequence[str]) -> Run:
    """Measures every question on both names, of which the second is slower for `slowed`; returns the stored run."""
    flights = dataset.read("flights")
    rows = events.prepare(flights, home())
    questions = {name: flights.question(name).fill() for name in flights.questions}
    header = Header(
        dataset=flights.name,
        rows=rows.statistics.rows,
        seed=1,
        profile="slowdowns",
        machine=machine(),
        versions={},
        budget={},
        scope=[f"slowed by a tenth: {', '.join(slowed) or 'nothing'}"],
    )
    log = RunLog(path, header)
    arms = ("adapter", "slowed")
    cells = [TimedQuestion(name, arms, arms[0], repeat(question).__next__) for name, question in questions.items()]
    for number in range(EFFORT.launches):
        with _asks(flights, rows, [questions[name] for name in slowed]) as asks:
            for line in launch(number, cells, asks, EFFORT, header.seed, lambda one: print(one.doing, end="\r")):
                log.add(line)
    return Run.read(path)


@contextmanager
def _asks(flights: dataset.Dataset, rows: events.Events, slowed: Sequence[Question]) -> Iterator[dict[str, Ask]]:
    with running.opened(["duckdb"], "native", home(), print) as engines, ExitStack() as stack:
        arm = running.arm(engines[0], layouts.raw, flights, rows, home(), print)
        sessions = [stack.enter_context(arm.engine.session(arm.plan)) for _ in range(2)]

        def slow(question: Question) -> pa.Table:
            start = time.perf_counter()
            answer = sessions[1].ask(question)
            end = start + (time.perf_counter() - start) * (1.1 if question in slowed else 1.0)
            while time.perf_counter() < end:
                pass
            return answer

        yield {"adapter": sessions[0].ask, "slowed": slow}


def main() -> None:
    """Prints the claimed slowdowns; exits with 1 if exactly the three slowed questions are not claimed."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(temporary)
        before, after = record(folder / "before.jsonl", ()), record(folder / "after.jsonl", SLOWED)
    within = {one.question: one.claim for one in differences(after)}
    between = {one.cell.question: one.claim for one in compare(before, after).changes if one.cell.arm == "slowed"}
    claimed = []
    for where, claims in (("within a run", within), ("between two", between)):
        for question, claim in claims.items():
            if claim and (question in SLOWED or claim.told_apart):
                ratio = claim.ratio if where == "between two" else 1 / claim.ratio
                detects = claim.detectable or float("inf")
                print(f"{where}: {question} takes {ratio:.3f} times as long; a ratio of {detects:.3f} is detectable")
        claimed.append({name for name, claim in claims.items() if claim and claim.told_apart})
    found = [sorted(one) for one in claimed]
    print(f"questions found slower within a run and between two: {found}; slowed: {sorted(SLOWED)}")
    sys.exit(claimed != [set(SLOWED)] * 2)


if __name__ == "__main__":
    main()
