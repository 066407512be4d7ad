"""What the Druid adapter adds to bare HTTP kept alive: the same statement, the same rows, in mirrored pairs.

By hand: `python -m benchmarks.druid`, with Druid up (`rollup-bench up druid`) or started for it. A question over one
hour, with an answer of one row, gives what is added to each question; one with an answer of many thousand rows
gives, less that, what is added to each row. Times are processor seconds of the thread that asks, so that neither the
server nor what else runs on the machine shows. A load's events a second count until every segment is served.
"""

import http.client
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import islice

import msgspec
import numpy as np

from engines.contract import Plan, Session
from engines.registry import engine_type, recipe
from engines.servers import Connection, open_server
from engines.watch import Watch
from harness import run as running
from harness.clock.spread import spread
from harness.home import home
from workloads import dataset, events
from workloads.measures import parse
from workloads.questions import Aggregate, Grain, Span

WARM_UP = 5
MOST = {"question": 300e-6, "row": 1e-6}  # seconds
MEASURES = tuple(map(parse, ("count()", "sum(distance)", "mean(arr_delay)")))
HOUR = Span(datetime(2013, 7, 1, 12, tzinfo=UTC), datetime(2013, 7, 1, 13, tzinfo=UTC))
MONTH = Span(datetime(2013, 7, 1, tzinfo=UTC), datetime(2013, 8, 1, tzinfo=UTC))
ONE_ROW = Aggregate(span=HOUR, measures=MEASURES)
MANY_ROWS = Aggregate(span=MONTH, grain=Grain.HOUR, by=("carrier", "origin", "dest"), measures=MEASURES)


class Measured(msgspec.Struct, frozen=True):
    """Seconds that the adapter adds, one sample a mirrored pair; events a second of a load."""

    question: list[float]
    row: list[float]
    load: float


def measure(pairs: int = 200) -> Measured:
    """Loads the flights and asks both; a twentieth as often where there are many rows."""
    flights = dataset.read("flights")
    kept = events.prepare(flights, home())
    found = recipe("druid")
    assert found is not None
    server = open_server(found, "native", home(), running.budget())
    with server.running(Watch(lambda text: print(text, file=sys.stderr), seconds=600)):
        engine = engine_type("druid")(server, home(), running.budget())
        plan = engine.plan(flights, flights.layout("raw"), kept.shape)
        engine.drop(plan)
        loaded = engine.load(plan, kept, Watch(seconds=600))
        with engine.session(plan) as session:
            one, few = _added(session, plan, server.connection, ONE_ROW, pairs)
            many, count = _added(session, plan, server.connection, MANY_ROWS, max(pairs // 20, 5))
        engine.drop(plan)
        engine.close()
    once = float(np.median(one))
    return Measured(one, [(more - once) / (count - few) for more in many], kept.shape.rows / loaded.seconds)


def _added(session: Session, plan: Plan, to: Connection, question: Aggregate, pairs: int) -> tuple[list[float], int]:
    """Seconds more that the adapter takes, each from adapter, bare, bare, adapter in a row; and the answer's rows."""
    from engines.druid.client import payload
    from engines.druid.engine import statement

    _, sent = statement(question, plan)
    body = msgspec.json.encode(payload(sent.text, sent.values))
    wire = http.client.HTTPConnection(to.hosts[0], to.port, timeout=60)

    def adapter() -> int:
        return int(session.ask(question).num_rows)

    def bare() -> int:
        wire.request("POST", "/druid/v2/sql", body, {"Content-Type": "application/json"})
        found: list[object] = msgspec.json.decode(wire.getresponse().read())
        return len(found) - 1

    rows = adapter()
    assert bare() == rows, "the bare client gives another answer"
    taken = ([_time(ask) for ask in (adapter, bare, bare, adapter)] for _ in range(pairs + WARM_UP))
    return [(a - b - c + d) / 2 for a, b, c, d in islice(taken, WARM_UP, None)], rows


def _time(ask: Callable[[], object]) -> float:
    began = time.thread_time()
    ask()
    return time.thread_time() - began


class DruidAdapter:
    """What the adapter adds, and how fast it loads, for asv."""

    version = "1"
    timeout = 1800

    def setup_cache(self) -> Measured:
        """Measured once for all three."""
        return measure()

    def track_question(self, measured: Measured) -> dict[str, object]:
        return {"samples": measured.question, "number": 1}

    def track_row(self, measured: Measured) -> dict[str, object]:
        return {"samples": measured.row, "number": 1}

    def track_load(self, measured: Measured) -> float:
        return measured.load

    track_question.unit = track_row.unit = "seconds"  # type: ignore[attr-defined]
    track_load.unit = "events a second"  # type: ignore[attr-defined]


def main() -> None:
    """Prints what is added beside what may be, and the load; ends with 1 where more is added."""
    measured = measure()
    rng = np.random.default_rng(1)
    for what, most in MOST.items():
        found = spread([getattr(measured, what)], rng)
        low, median, high = (f"{1e6 * value:.3f}" for value in (found.low, found.median, found.high))
        print(f"the adapter adds {median} µs to a {what} (99%: {low} to {high}); at most {1e6 * most:g} are allowed")
    print(f"{measured.load:,.0f} events a second loaded, until every segment is served")
    sys.exit(any(np.median(getattr(measured, what)) > most for what, most in MOST.items()))


if __name__ == "__main__":
    main()
