"""Measures the time that a network on loopback adds to DuckDB: duckdb-served against duckdb, in ABBA order.

`python -m experiments.network`. Both engines have the same tables of the flights and get the same questions, one at a
time. An answer of one row gives the time added to a question; an answer of thousands of rows gives the time added to a
row. Each answer of the served engine is compared with that of the embedded one first.
"""

import time
from collections.abc import Callable
from contextlib import ExitStack
from itertools import cycle

import click
import numpy as np

from experiments.adapter_overhead import DAYS, MANY_ROWS, ONE_ROW, moved
from rollup_bench.engines.contract import Session
from rollup_bench.errors import FailureError
from rollup_bench.harness.report.terminal import ended
from rollup_bench.harness.run import arms as running
from rollup_bench.harness.run.home import home
from rollup_bench.harness.stats.percentiles import median_interval
from rollup_bench.workloads import dataset, events
from rollup_bench.workloads.layouts import raw
from rollup_bench.workloads.questions import Aggregate

PAIRS, WARM_UP = 500, 100


def added(embedded: Session, served: Session, question: Aggregate, pairs: int) -> tuple[list[float], float]:
    """The seconds that the network adds to a question, a sample for each ABBA pair, and the mean number of rows."""
    questions = [moved(question, days) for days in range(DAYS)]
    rows = []
    for each in questions:
        answer = embedded.ask(each)
        rows.append(answer.num_rows)
        if answer != served.ask(each):
            raise FailureError(f"duckdb and duckdb-served answer differently: {each}")
    turns = cycle(questions)
    samples = [_pair(embedded.ask, served.ask, next(turns), next(turns)) for _ in range(pairs + WARM_UP)]
    return samples[WARM_UP:], float(np.mean(rows))


def _pair(
    embedded: Callable[[Aggregate], object], served: Callable[[Aggregate], object], first: Aggregate, second: Aggregate
) -> float:
    """The mean difference between served and embedded, of two questions that both are asked."""
    order = ((served, first), (embedded, first), (embedded, second), (served, second))
    a, b, c, d = (_seconds(ask, question) for ask, question in order)
    return (a - b - c + d) / 2


def _seconds(ask: Callable[[Aggregate], object], question: Aggregate) -> float:
    began = time.perf_counter()
    ask(question)
    return time.perf_counter() - began


@click.command()
def main() -> None:
    """Prints the time that the network adds to a question and to a row."""
    flights = dataset.read("flights")
    prepared = events.prepare(flights, home())
    with running.opened(["duckdb", "duckdb-served"], "native", home(), lambda _: None) as engines, ExitStack() as stack:
        arms = [running.arm(engine, raw, flights, prepared, home(), lambda _: None) for engine in engines]
        embedded, served = (stack.enter_context(arm.engine.session(arm.plan)) for arm in arms)
        once, few = added(embedded, served, ONE_ROW, PAIRS)
        more, many = added(embedded, served, MANY_ROWS, PAIRS)
    by_row = [(seconds - float(np.median(once))) / (many - few) for seconds in more]
    for what, samples in (("question", once), ("row", by_row)):
        low, median, high = (f"{1e6 * seconds:.3f}" for seconds in median_interval(samples))
        click.echo(f"the network adds {median} µs to a {what} (99%: {low} to {high})")


if __name__ == "__main__":
    ended(lambda: main(standalone_mode=False))
