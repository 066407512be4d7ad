"""What is particular to Spark: its sessions, statements that take too long, its dates, quantiles and sketches."""

import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import product
from math import ceil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from rollup_bench.engines.integer_time import LocalTime, shown_at, unit_at
from rollup_bench.engines.spark import states
from rollup_bench.engines.spark.client import Client, StatementError
from rollup_bench.engines.spark.engine import SETTINGS, Spark
from rollup_bench.engines.spark.sql import literal, quoted
from rollup_bench.engines.spark.tasks import task_rows
from rollup_bench.engines.spark.zones import SQL
from rollup_bench.errors import FailureError
from rollup_bench.harness.conformance import strategies
from rollup_bench.harness.conformance.scripted_events import COUNT, JUNE, event
from rollup_bench.harness.conformance.tested_engine import RANDOM, few
from rollup_bench.servers import Server
from rollup_bench.servers.watch import Watch
from rollup_bench.workloads import calendar
from rollup_bench.workloads.questions import EPOCH, Aggregate, Grain, milliseconds
from rollup_bench.workloads.rule import Part
from rollup_bench.workloads.truth import buckets
from tests.conftest import BUDGET
from tests.support.tuned import check_exact_states
from tests.support.zones import ODD_CLOCKS

PERIODS = [
    tuple(milliseconds(datetime(year, 1, 1, tzinfo=UTC)) for year in years)
    for years in ((2, 60), (1850, 1960), (1960, 2040), (9960, 9998))
]
CLOCK = (Grain.MINUTE, Grain.HOUR)
LONG = (Grain.DAY, Grain.WEEK, Grain.MONTH, Grain.QUARTER, Grain.YEAR)
ENDLESS = "SELECT count(*) FROM range(10000000000) AS a WHERE hash(a.id) = hash(a.id + 1)"


@pytest.fixture(scope="module")
def client(spark_server: Server) -> Iterator[Client]:
    with closing(Client(spark_server.connection, SETTINGS)) as opened:
        yield opened


def instants(zone: str, first: int, last: int) -> list[int]:
    """Instants beside some clock changes, and others between."""
    changes = [change for change, _ in calendar.clock_changes(zone, first, last)][:30]
    near = [change + step for change in changes for step in (-3_600_000, -1, 0, 1, 1_800_000, 3_600_000)]
    return sorted(at for at in {*near, *range(first, last, (last - first) // 100 + 12_345_678)} if first <= at < last)


def evaluated(client: Client, expressions: list[str], rows: Iterable[Iterable[int]]) -> list[list[int]]:
    """The values of SQL expressions over the columns t0, t1 and so on of some rows."""
    values = [f"({', '.join(f'{value}L' for value in row)})" for row in rows]
    names = ", ".join(f"t{i}" for i, _ in enumerate(values[0].split(",")))
    columns = ", ".join(f"{expression} AS r{i}" for i, expression in enumerate(expressions))
    found = client.table(f"SELECT {columns} FROM VALUES {', '.join(values)} AS e({names})")
    return [column.to_pylist() for column in found.columns]


@pytest.mark.parametrize("period", PERIODS)
@pytest.mark.parametrize("zone", ODD_CLOCKS)
def test_local_time_is_that_of_the_truth(client: Client, zone: str, period: tuple[int, int]) -> None:
    moments = instants(zone, *period)
    local = LocalTime(SQL, zone, moments[0], moments[-1])
    when = [EPOCH + timedelta(milliseconds=moment) for moment in moments]
    true = {grain: buckets.bucket(np.array(moments), grain, zone, 0).tolist() for grain in (*CLOCK, *LONG)}
    instantly = [local.shown("t0"), *(local.bucket("t0", grain) for grain in true)]
    shown, *found = evaluated(client, instantly, [[moment] for moment in moments])
    assert shown == [shown_at(moment, zone) for moment in when]
    clock, first = found[: len(CLOCK)], found[len(CLOCK) :]
    assert clock == [true[grain] for grain in CLOCK]
    starts = [local.start(f"t{i}", grain) for i, grain in enumerate(LONG)]
    assert evaluated(client, starts, zip(*first, strict=True)) == [true[grain] for grain in LONG]


def test_days_and_longer_periods_of_a_local_time_are_those_of_the_truth(client: Client) -> None:
    numbers = dict[int, list[int]]()
    for zone, period in product(ODD_CLOCKS, PERIODS):
        for moment in instants(zone, *period)[::4]:
            when = EPOCH + timedelta(milliseconds=moment)
            shown = shown_at(when, zone)
            numbers[shown] = [shown // calendar.DAY, *(unit_at(when, grain, zone) for grain in LONG)]
    units = [SQL.day("t0"), *(SQL.unit("t0", grain) for grain in LONG)]
    found = evaluated(client, units, [[shown] for shown in numbers])
    assert list(zip(*found, strict=True)) == [tuple(one) for one in numbers.values()]


def test_texts_are_bound_unchanged(client: Client) -> None:
    texts = [*strategies.TEXTS, "\\", "a\tb", "a\nb\r", "\0", ":p1", "' OR 1"]
    columns = ", ".join(f":p{n} AS x{n}" for n, _ in enumerate(texts, 1))
    (row,) = client.table(f"SELECT {columns}", texts).to_pylist()
    assert list(row.values()) == texts


def test_quantiles_have_the_exact_rank(client: Client) -> None:
    fractions = [n / 100 for n in range(1, 100)]
    wanted = [[ceil(Fraction(str(at)) * n) for n in range(1, 101)] for at in fractions]
    rows = "(SELECT n, explode(sequence(1L, n)) AS v FROM (SELECT explode(sequence(1L, 100L)) AS n))"
    disc = [f"percentile_disc({at * states.LESS!r}D) WITHIN GROUP (ORDER BY v)" for at in fractions]
    placed = [states.placed("array_sort(collect_list(v))", at) for at in fractions]
    for columns in (disc, placed):
        named = ", ".join(f"{column} AS r{i}" for i, column in enumerate(columns))
        found = client.table(f"SELECT n, {named} FROM {rows} GROUP BY n ORDER BY n")
        assert [column.to_pylist() for column in found.columns[1:]] == wanted


HASHED = """(SELECT seed, id % 37 AS part, CAST(xxhash64(id, seed) % 1000000007 AS {}) AS v
FROM range(60000), (SELECT explode(sequence(0L, 4L)) AS seed))"""
"""60,000 pseudo-random values for each of five seeds, as a subquery."""


@pytest.fixture(scope="module")
def hashed(client: Client) -> list[np.ndarray]:
    """The values of each seed in ascending order."""
    found = client.table(f"SELECT seed, v FROM {HASHED.format('BIGINT')} ORDER BY seed, v")
    return np.split(found["v"].to_numpy(), 5)


@pytest.mark.parametrize("kind", ["BIGINT", "DOUBLE"])
@pytest.mark.parametrize("tolerated", [0.05, 0.01])
def test_merged_sketches_are_within_their_bound(
    client: Client, hashed: list[np.ndarray], tolerated: float, kind: str
) -> None:
    distinct, quantile = (states.form(part, tolerated, kind) for part in (Part.DISTINCT, Part.QUANTILE))
    states_of = f"seed, {distinct.state('v')} AS d, {quantile.state('v')} AS q"
    stored = f"SELECT {states_of} FROM {HASHED.format(kind)} GROUP BY seed, part"
    merged = f"{distinct.merged('d', None)} AS d, {quantile.merged('q', 0.9)} AS q"
    found = client.table(f"SELECT {merged} FROM ({stored}) GROUP BY seed ORDER BY seed").to_pylist()
    for row, values in zip(found, hashed, strict=True):
        rank = np.searchsorted(values, row["q"], "right") / len(values)
        assert abs(row["d"] / len(np.unique(values)) - 1) <= distinct.error <= tolerated
        assert abs(rank - 0.9) <= quantile.error <= tolerated


def test_a_declared_rollup_merges_exact_states(spark_server: Server, tmp_path: Path) -> None:
    """Of distinct values and of quantiles; and a layout may have any name."""
    check_exact_states(Spark(spark_server, tmp_path, BUDGET), tmp_path, "it's exact/é")


def test_a_statement_that_takes_too_long_ends_on_the_server_too(client: Client, spark_server: Server) -> None:
    with pytest.raises(FailureError, match="spark gives no answer in time at 127"):
        client.table(ENDLESS, seconds=1)
    time.sleep(2)
    before = spark_server.cpu_seconds()
    time.sleep(2)
    after = spark_server.cpu_seconds()
    assert before is not None
    assert after is not None
    assert after - before < 1.5
    assert client.table("SELECT 1 AS x")["x"].to_pylist() == [1]


def test_python_functions_run_in_processes_of_the_server(client: Client, spark_server: Server, tmp_path: Path) -> None:
    """Each number is a task; its processor time counts as the server's, and its error ends the statement."""
    columns = "n BIGINT, at TIMESTAMP"

    def rows(number: int) -> Iterator[pa.RecordBatch]:  # a function of a function is sent whole, not by its name
        for seconds in range(number):
            at = pa.array([seconds * 1_000_000], pa.timestamp("us", tz="UTC"))
            yield pa.record_batch({"n": [number], "at": at})

    def failing(number: int) -> Iterator[pa.RecordBatch]:
        raise ValueError(f"{number} has no rows")

    used, made = spark_server.cpu_seconds() or 0.0, {"made": task_rows(rows, 4, columns)}
    found = client.table("SELECT n, unix_seconds(at) AS at FROM made WHERE n >= :p1 ORDER BY 1, 2", [2], named=made)
    assert [tuple(row.values()) for row in found.to_pylist()] == [(2, 0), (2, 1), (3, 0), (3, 1), (3, 2)]
    assert (spark_server.cpu_seconds() or 0.0) - used > 0
    client.run(f"INSERT OVERWRITE DIRECTORY {literal(str(tmp_path))} USING parquet SELECT n FROM made", named=made)
    assert client.table(f"SELECT sum(n) AS n FROM parquet.{quoted(str(tmp_path))}")["n"].to_pylist() == [14]
    with pytest.raises(StatementError, match="0 has no rows"):
        client.table("SELECT * FROM made", named={"made": task_rows(failing, 1, columns)})


def test_a_session_that_the_server_has_forgotten_does_not_answer(spark_server: Server, tmp_path: Path) -> None:
    """It would make a new session of the same name, without settings and tables; the test gives it another name."""
    engine, events = Spark(spark_server, tmp_path, BUDGET), few([event(gold=n) for n in range(5)])
    plan = engine.plan(RANDOM, RANDOM.layout("raw"), events.statistics)
    engine.drop(plan)
    engine.load(plan, events, Watch())
    question = Aggregate(JUNE, (COUNT,))
    with engine.session(plan) as session:
        assert session.ask(question)["count()"].to_pylist() == [5]
        session._client._session = str(uuid.uuid4())  # type: ignore[attr-defined]
        with pytest.raises(FailureError, match=r"^spark: .*SESSION_CHANGED"):
            session.ask(question)
    assert engine.rows(plan) == 5
    with engine.session(plan) as session:
        assert session.ask(question)["count()"].to_pylist() == [5]
    engine.drop(plan)
