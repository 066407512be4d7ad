"""What the DuckDB adapter adds to the bare client: the same SQL, the same Arrow result, in abba pairs.

By hand: `python -m experiments.overhead`. A question over one hour, with an answer of one row, gives what is added to
each question; one with an answer of a third of a million rows gives, less that, what is added to each row. Times are
processor seconds of the thread that asks: the adapter waits for nothing that the bare client does not wait for, and
so what else runs on the machine does not show.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from rollup_bench.engines.contract import Plan, Session
from rollup_bench.harness.run import arms as running
from rollup_bench.harness.run.home import home
from rollup_bench.harness.stats.percentiles import percentiles
from rollup_bench.workloads import dataset, events, layouts
from rollup_bench.workloads.measures import parse
from rollup_bench.workloads.questions import Aggregate, Grain, Span

WARM_UP = 5
MOST = {"question": 200e-6, "row": 1e-6}  # seconds
MEASURES = tuple(map(parse, ("count()", "sum(distance)", "mean(arr_delay)")))
HOUR = Span(datetime(2013, 7, 1, 12, tzinfo=UTC), datetime(2013, 7, 1, 13, tzinfo=UTC))
YEAR = Span(datetime(2013, 1, 1, tzinfo=UTC), datetime(2014, 1, 1, tzinfo=UTC))
ONE_ROW = Aggregate(span=HOUR, measures=MEASURES)
MANY_ROWS = Aggregate(
    span=YEAR, grain=Grain.HOUR, by=("carrier", "flight", "origin", "dest", "tailnum"), measures=MEASURES
)


class Overhead(msgspec.Struct, frozen=True):
    """Seconds that the adapter adds, one sample a abba pair: to a question, and to each row of an answer."""

    question: list[float]
    row: list[float]


def measure(pairs: int = 400) -> Overhead:
    """Loads the flights into a folder of its own and asks both; a twentieth as often where there are many rows."""
    from rollup_bench.engines.duckdb.engine import DuckDB

    flights = dataset.read("flights")
    rows = events.prepare(flights, home())
    with tempfile.TemporaryDirectory() as folder:
        engine = DuckDB(None, Path(folder), running.budget())
        arm = running.arm(engine, layouts.raw, flights, rows, Path(folder), lambda _: None)
        with engine.session(arm.plan) as session:
            one, few = _added(session, arm.plan, ONE_ROW, pairs)
            many, count = _added(session, arm.plan, MANY_ROWS, max(pairs // 20, 5))
    once = float(np.median(one))
    return Overhead(one, [(more - once) / (count - few) for more in many])


def _added(session: Session, plan: Plan, question: Aggregate, pairs: int) -> tuple[list[float], int]:
    """Seconds more that the adapter takes, each from adapter, bare, bare, adapter in a row; and the answer's rows."""
    from rollup_bench.engines.duckdb.engine import statement

    text, values = statement(question, plan)
    connection: Any = session._connection  # type: ignore[attr-defined]  # the very one, so that all else is equal

    def adapter() -> pa.Table:
        return session.ask(question)

    def bare() -> pa.Table:
        answer: pa.Table = connection.sql(text, params=values).to_arrow_table()
        return answer

    answer = adapter()
    assert bare().cast(answer.schema).equals(answer), "the bare client gives another answer"
    taken = ([_time(ask) for ask in (adapter, bare, bare, adapter)] for _ in range(pairs + WARM_UP))
    return [(a - b - c + d) / 2 for a, b, c, d in islice(taken, WARM_UP, None)], answer.num_rows


def _time(ask: Callable[[], object]) -> float:
    began = time.thread_time()
    ask()
    return time.thread_time() - began


class DuckDBAdapter:
    """What the adapter adds, for asv."""

    version = "1"
    timeout = 600

    def setup_cache(self) -> Overhead:
        """Measured once for both."""
        return measure()

    def track_question(self, added: Overhead) -> dict[str, object]:
        return {"samples": added.question, "number": 1}

    def track_row(self, added: Overhead) -> dict[str, object]:
        return {"samples": added.row, "number": 1}

    track_question.unit = track_row.unit = "seconds"  # type: ignore[attr-defined]


def main() -> None:
    """Prints both beside what they may be; ends with 1 where one is more."""
    added = measure()
    rng = np.random.default_rng(1)
    for what, most in MOST.items():
        found = percentiles([getattr(added, what)], rng)
        low, median, high = (f"{1e6 * value:.3f}" for value in (found.low, found.median, found.high))
        print(f"the adapter adds {median} µs to a {what} (99%: {low} to {high}); at most {1e6 * most:g} are allowed")
    sys.exit(any(np.median(getattr(added, what)) > most for what, most in MOST.items()))


if __name__ == "__main__":
    main()
