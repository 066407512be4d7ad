"""Measures the processor seconds that an adapter adds to its client library in the asking thread, in ABBA order.

`python -m experiments.adapter_overhead [--engines duckdb,duckdb-served,druid,cassandra]`. The adapter is
compared with its bare client library, which sends the same statement and reads the same rows. An answer of one row
gives the time added to a question; an answer of thousands of rows gives the time added to a row, after the time added
to a question is subtracted. Requests ask about different days, as in a replay, so that no adapter can reuse an answer.
Druid's client library is pydruid; bare HTTP beside it, with the JSON decoder of the adapter, has no limit. DuckDB's is
`fetchall`, since DuckDB 2.0 makes an Arrow table by a second statement; beside that statement there is no limit. The
bare clients of DuckDB and Cassandra make an Arrow table of their rows, because every adapter must return one. The time
for such a table of one row is printed too: it follows the wait for the server, when the caches of the processor hold
nothing of Arrow.
"""

import http.client
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import cycle, islice
from typing import Any

import click
import msgspec
import numpy as np
import pyarrow as pa

from rollup_bench.engines.contract import Session
from rollup_bench.harness.cli.options import engines_default
from rollup_bench.harness.report.terminal import ended
from rollup_bench.harness.run import arms as running
from rollup_bench.harness.run.arms import Arm
from rollup_bench.harness.run.home import home
from rollup_bench.harness.stats.percentiles import median_interval
from rollup_bench.workloads import answers, dataset, events
from rollup_bench.workloads.measures import parse
from rollup_bench.workloads.questions import Aggregate, Grain, Span

DAYS = 30
LAYOUTS = {"duckdb": "raw", "duckdb-served": "raw", "druid": "raw", "cassandra": "day"}
LIMITS = {"duckdb": 70e-6, "duckdb-served": 200e-6, "druid": 200e-6, "cassandra": 200e-6}
"""The seconds that an adapter may add to a question of its client library, by engine."""
ROW_LIMIT = 0.5e-6
"""The seconds that an adapter may add to each row of an answer."""
MEASURES = tuple(map(parse, ("count()", "sum(distance)", "max(dep_delay)")))
START = datetime(2013, 7, 1, 4, tzinfo=UTC)
ZONE = "America/New_York"
ONE_ROW = Aggregate(Span(START, START.replace(day=2)), MEASURES, zone=ZONE)
MANY_ROWS = Aggregate(Span(START, START.replace(month=10)), MEASURES, Grain.DAY, ZONE, ("carrier", "origin", "dest"))
Bare = Callable[[], int]
"""A function that sends what the adapter sends for a question, and returns the number of rows that it reads."""
MakeBare = Callable[[Arm, Any, Aggregate], Bare]
"""Returns how a client library asks an arm a question without the adapter's session."""


class Overhead(msgspec.Struct, frozen=True):
    """Seconds that the adapter adds to a question and to each row of an answer, a sample for each ABBA pair.

    `table` has seconds in which a table of one row was made, each right after the bare client had read the row.
    """

    question: list[float]
    row: list[float]
    table: list[float]


def overheads(engine: str, pairs: int = 1000) -> dict[str, Overhead]:
    """Loads the flights; returns the overhead over each library from `pairs` ABBA pairs on one row.

    On many rows there are a fiftieth as many pairs. Pairs before them, which are not counted, warm up.
    """
    flights = dataset.read("flights")
    rows = events.prepare(flights, home())
    with running.opened([engine], "native", home(), lambda _: None) as (opened,):
        arm = running.arm(opened, flights.layout(LAYOUTS[engine]), flights, rows, home(), lambda _: None)
        with opened.session(arm.plan) as session:
            return {library: _overhead(arm, session, make, pairs) for library, make in BARE[engine].items()}


def _overhead(arm: Arm, session: Session, make: MakeBare, pairs: int) -> Overhead:
    once, few = _added(arm, session, make, ONE_ROW, pairs)
    more, count = _added(arm, session, make, MANY_ROWS, max(pairs // 50, 5))
    table = _made(session, make(arm, session, ONE_ROW), pairs)
    return Overhead(once, [(seconds - float(np.median(once))) / (count - few) for seconds in more], table)


def _made(session: Session, read: Bare, samples: int) -> list[float]:
    """Returns the seconds in which the table of an answer of one row is made of Python objects after each read."""
    answer = session.ask(ONE_ROW)
    columns = list(zip(answer.to_pydict().values(), answer.schema.types, strict=True))

    def make() -> pa.Table:
        return pa.Table.from_arrays([pa.array(values, kind) for values, kind in columns], schema=answer.schema)

    return [_seconds(make) for _ in range(samples) if read()]


def _added(arm: Arm, session: Session, make: MakeBare, question: Aggregate, pairs: int) -> tuple[list[float], float]:
    """Returns the seconds that the adapter adds, one sample for each ABBA pair, and the mean number of rows."""
    questions = [moved(question, days) for days in range(DAYS)]
    bare = [make(arm, session, each) for each in questions]
    turns = cycle(zip(questions, bare, strict=True))
    first = max(pairs // 2, DAYS)
    samples = (_pair(session, [next(turns), next(turns)]) for _ in range(first + pairs))
    return list(islice(samples, first, None)), float(np.mean([read() for read in bare]))


def _pair(session: Session, both: Sequence[tuple[Aggregate, Bare]]) -> float:
    (first, read), (second, read_again) = both
    order = (lambda: session.ask(first), read, read_again, lambda: session.ask(second))
    a, b, c, d = map(_seconds, order)
    return (a - b - c + d) / 2


def _seconds(call: Callable[[], object]) -> float:
    began = time.thread_time()
    call()
    return time.thread_time() - began


def moved(question: Aggregate, days: int) -> Aggregate:
    """The question about a span that begins and ends so many days later."""
    later = timedelta(days=days)
    return msgspec.structs.replace(question, span=Span(question.span.start + later, question.span.end + later))


def _duckdb(arm: Arm, session: Any, question: Aggregate) -> Bare:
    from rollup_bench.engines.duckdb.engine import statement

    text, values = statement(question, arm.plan)
    schema = answers.schema(question, arm.plan.schema)

    def bare() -> int:
        return _tabled(session._connection.execute(text, values).fetchall(), schema)

    return bare


def _tabled(rows: Sequence[tuple[Any, ...]], schema: pa.Schema) -> int:
    """Makes an Arrow table of the first columns of rows, as many as `schema` has; returns the number of the rows."""
    columns = islice(zip(*rows, strict=True), len(schema))
    arrays = [pa.array(column, kind) for column, kind in zip(columns, schema.types, strict=True)]
    return int(pa.Table.from_arrays(arrays, schema=schema).num_rows)


def _duckdb_arrow(arm: Arm, session: Any, question: Aggregate) -> Bare:
    from rollup_bench.engines.duckdb.engine import statement

    text, values = statement(question, arm.plan)
    return lambda: int(session._connection.execute(text, values).to_arrow_table().num_rows)


def _duckdb_served(arm: Arm, session: Any, question: Aggregate) -> Bare:
    from pyarrow.flight import Ticket

    from rollup_bench.engines.duckdb.engine import statement
    from rollup_bench.engines.duckdb_served.protocol import Query, query_bytes

    ticket = Ticket(query_bytes(Query(arm.plan.name, *statement(question, arm.plan))))
    flight = session._client._flight
    return lambda: int(flight.do_get(ticket).read_all().num_rows)


def _pydruid(arm: Arm, _session: Session, question: Aggregate) -> Bare:
    from pydruid.db import connect

    from rollup_bench.engines.druid.client import CACHES, CONTEXT
    from rollup_bench.engines.druid.engine import statement

    sent, address = statement(question, arm.plan), arm.engine._broker  # type: ignore[attr-defined]
    context = CONTEXT | dict.fromkeys(CACHES, False)
    connection = connect(address.hosts[0], address.port, "/druid/v2/sql", context=context)
    names = (f"%(p{place})s" for place, _ in enumerate(sent.values))
    text = re.sub(r"\?", lambda _: next(names), sent.text.replace("%", "%%"))
    values = {f"p{place}": value for place, value in enumerate(sent.values)}
    return lambda: len(connection.execute(text, values).fetchall())


def _http(arm: Arm, _session: Session, question: Aggregate) -> Bare:
    from rollup_bench.engines.druid.client import payload
    from rollup_bench.engines.druid.engine import statement

    sent = statement(question, arm.plan)
    body = msgspec.json.encode(payload(sent.text, sent.values))
    address = arm.engine._broker  # type: ignore[attr-defined]  # where the adapter sends it too
    connection = http.client.HTTPConnection(address.hosts[0], address.port, timeout=60)

    def bare() -> int:
        connection.request("POST", "/druid/v2/sql", body, {"Content-Type": "application/json"})
        rows: list[object] = msgspec.json.decode(connection.getresponse().read())
        return len(rows)

    return bare


def _cassandra(arm: Arm, _session: Session, question: Aggregate) -> Bare:
    from rollup_bench.engines.cassandra.driver import Reader

    driver = arm.engine._driver  # type: ignore[attr-defined]  # the adapter's own driver, so that all else is equal
    reader = Reader(driver)
    statements = [(reader.prepare(text), values) for text, values in sent_statements(arm, question)]
    schema = answers.schema(question, arm.plan.schema)

    def bare() -> int:
        waiting = [driver.execute_async(statement, values) for statement, values in statements]
        return _tabled([row for future in waiting for row in future.result()], schema)

    return bare


def sent_statements(arm: Arm, question: Aggregate) -> list[tuple[str, Any]]:
    """Returns the statements, with their values, that Cassandra's adapter sends for a question."""
    from rollup_bench.engines.cassandra.driver import Reader
    from rollup_bench.engines.cassandra.engine import access_path
    from rollup_bench.engines.cassandra.loading import read_manifest

    sent: list[tuple[str, Any]] = []

    class Recording(Reader):
        def results(self, requests: Iterable[tuple[str, Any]]) -> Iterator[list[Any]]:
            sent.extend(known := list(requests))
            return super().results(known)

    recording = Recording(arm.engine._driver)  # type: ignore[attr-defined]
    manifest = read_manifest(recording, arm.plan)
    sent.clear()
    access_path(question, arm.plan).answer(recording, manifest, answers.schema(question, arm.plan.schema))
    return sent


BARE: dict[str, dict[str, MakeBare]] = {
    "duckdb": {"duckdb": _duckdb, "DuckDB's Arrow tables": _duckdb_arrow},
    "duckdb-served": {"Arrow Flight": _duckdb_served},
    "druid": {"pydruid": _pydruid, "bare HTTP": _http},
    "cassandra": {"cassandra-driver": _cassandra},
}
"""Each engine's client library; after it, another way to ask it that has no limit."""


def _told(engine: str, what: str, samples: Sequence[float], limit: float | None) -> bool:
    """Prints the median of some seconds with its interval; returns whether it is within the limit, if there is one."""
    low, median, high = median_interval(samples)
    bounds = f"(99%: {1e6 * low:.3f} to {1e6 * high:.3f})"
    click.echo(f"{engine} {1e6 * median:.3f} µs {what} {bounds}" + (f"; limit {1e6 * limit:g} µs" if limit else ""))
    return limit is None or median <= limit


@click.command()
@engines_default("duckdb")
def main(engines: list[str]) -> None:
    """Prints the time that each adapter adds to a question and to a row; exits with 1 if a median exceeds its limit."""
    within = True
    for engine in engines:
        for place, (library, added) in enumerate(overheads(engine).items()):
            limits = (None, None) if place else (LIMITS[engine], ROW_LIMIT)
            within = _told(f"{engine} adds", f"to a question of {library}", added.question, limits[0]) and within
            within = _told(f"{engine} adds", f"to a row of {library}", added.row, limits[1]) and within
            _told(f"{engine}:", "to make the table of a row", added.table, None)
    sys.exit(not within)


if __name__ == "__main__":
    ended(lambda: main(standalone_mode=False))
