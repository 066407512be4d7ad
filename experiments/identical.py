"""Counts how many comparisons of identical arms find a difference on this machine.

`python -m experiments.identical [FILE]`. Six names of the same DuckDB query are measured in ABBA order over six
launches, which are stored in FILE. Then 1,000 comparisons are drawn, each of two names in five launches and in sixty
successive rounds of each launch. At the 1% level, ten comparisons are expected to differ, and 18 are allowed.
"""

import sys
import tempfile
from itertools import repeat
from pathlib import Path

import numpy as np

from rollup_bench.harness.records.findings import Run
from rollup_bench.harness.records.lines import Header, Rounds, of_type
from rollup_bench.harness.records.run_log import RunLog
from rollup_bench.harness.run.machine import machine
from rollup_bench.harness.run.rounds import Effort, TimedQuestion, launch
from rollup_bench.harness.stats.estimate import estimate, logarithms

ARMS = tuple("abcdef")
LAUNCHES, ROUNDS = 6, 100
QUERIES = {
    "sum by twenty groups": "SELECT g, sum(x) FROM t GROUP BY g",
    "top ten of a thousand": "SELECT h, count(*) AS n FROM t GROUP BY h ORDER BY n DESC, h LIMIT 10",
}
ALLOWED = 18


def record(path: Path) -> Run:
    """Measures each query under all names, in a new database for each launch; returns the run stored in the file."""
    import duckdb

    header = Header(
        dataset="synthetic",
        rows=200_000,
        seed=1,
        profile="identical",
        machine=machine(),
        versions={"duckdb": duckdb.__version__},
        budget={},
        scope=["one process, the same query under every name"],
    )
    log = RunLog(path, header)
    effort = Effort(launches=LAUNCHES, least=ROUNDS, most=ROUNDS, warm=5.0, rounds=600.0)
    for number in range(LAUNCHES):
        with duckdb.connect() as connection:
            connection.execute("SELECT setseed(0.5)")
            connection.execute(
                "CREATE TABLE t AS SELECT (random() * 20)::INT AS g, (random() * 1000)::INT AS h, random() AS x "
                f"FROM range({header.rows})"
            )
            asks = dict.fromkeys(ARMS, lambda query: connection.execute(query).fetchall())
            cells = [TimedQuestion(name, ARMS, "a", repeat(query).__next__) for name, query in QUERIES.items()]
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


def main() -> None:
    """Prints how many comparisons of identical arms differ; exits with 1 if more than ALLOWED do."""
    with tempfile.TemporaryDirectory() as folder:
        run = record(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(folder) / "identical.jsonl")
    count = differing(run)
    print(f"{count} of 1,000 comparisons of identical arms differ at the 1% level; the limit is {ALLOWED}")
    sys.exit(count > ALLOWED)


if __name__ == "__main__":
    main()
