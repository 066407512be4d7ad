"""What the Druid adapter adds to bare HTTP kept alive: the same statement, the same rows, in abba pairs.

By hand: `python -m experiments.druid`, with Druid up (`rollup-bench up druid`) or started for it. A question over one
hour, with an answer of one row, gives what is added to each question; one with an answer of many thousand rows
gives, less that, what is added to each row. A load's events a second count until every segment is served.
"""

import http.client
import sys
from datetime import UTC, datetime
from functools import partial

import msgspec

from experiments import added
from experiments.added import Overhead
from rollup_bench.engines.contract import Plan
from rollup_bench.engines.registry import engine_type, recipe
from rollup_bench.harness.run import arms as running
from rollup_bench.harness.run.home import home
from rollup_bench.servers import Connection, open_server
from rollup_bench.servers.watch import Watch
from rollup_bench.workloads import dataset, events
from rollup_bench.workloads.measures import parse
from rollup_bench.workloads.questions import Aggregate, Grain, Span

MEASURES = tuple(map(parse, ("count()", "sum(distance)", "mean(arr_delay)")))
HOUR = Span(datetime(2013, 7, 1, 12, tzinfo=UTC), datetime(2013, 7, 1, 13, tzinfo=UTC))
MONTH = Span(datetime(2013, 7, 1, tzinfo=UTC), datetime(2013, 8, 1, tzinfo=UTC))
ONE_ROW = Aggregate(span=HOUR, measures=MEASURES)
MANY_ROWS = Aggregate(span=MONTH, grain=Grain.HOUR, by=("carrier", "origin", "dest"), measures=MEASURES)


class Measured(msgspec.Struct, frozen=True):
    """What the adapter adds, and events a second of a load."""

    added: Overhead
    load: float


def measure(pairs: int = 200) -> Measured:
    """Loads the flights and asks."""
    flights = dataset.read("flights")
    kept = events.prepare(flights, home())
    declared = recipe("druid")
    assert declared is not None
    server = open_server(declared, "native", home(), running.budget())
    with server.running(Watch(lambda text: print(text, file=sys.stderr), seconds=600)):
        engine = engine_type("druid")(server, home(), running.budget())
        plan = engine.plan(flights, flights.layout("raw"), kept.statistics)
        engine.drop(plan)
        loaded = engine.load(plan, kept, Watch(seconds=600))
        with engine.session(plan) as session:
            found = added.overhead(session.ask, partial(_bare, plan, server.connection), ONE_ROW, MANY_ROWS, pairs)
        engine.drop(plan)
        engine.close()
    return Measured(found, kept.statistics.rows / loaded.seconds)


def _bare(plan: Plan, to: Connection, question: Aggregate) -> added.Bare:
    from rollup_bench.engines.druid.client import payload
    from rollup_bench.engines.druid.engine import statement

    sent = statement(question, plan)
    body = msgspec.json.encode(payload(sent.text, sent.values))
    wire = http.client.HTTPConnection(to.hosts[0], to.port, timeout=60)

    def bare() -> int:
        wire.request("POST", "/druid/v2/sql", body, {"Content-Type": "application/json"})
        found: list[object] = msgspec.json.decode(wire.getresponse().read())
        return len(found) - 1

    return bare


class DruidAdapter:
    """What the adapter adds, and how fast it loads, for asv."""

    version = "1"
    timeout = 1800

    def setup_cache(self) -> Measured:
        """Measured once for all three."""
        return measure()

    def track_question(self, measured: Measured) -> dict[str, object]:
        return {"samples": measured.added.question, "number": 1}

    def track_row(self, measured: Measured) -> dict[str, object]:
        return {"samples": measured.added.row, "number": 1}

    def track_load(self, measured: Measured) -> float:
        return measured.load

    track_question.unit = track_row.unit = "seconds"  # type: ignore[attr-defined]
    track_load.unit = "events a second"  # type: ignore[attr-defined]


def main() -> None:
    """Prints what is added beside what may be, and the load; ends with 1 where more is added."""
    measured = measure()
    few = measured.added.told()
    print(f"{measured.load:,.0f} events a second loaded, until every segment is served")
    sys.exit(not few)


if __name__ == "__main__":
    main()
