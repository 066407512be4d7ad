"""What is particular to ClickHouse in the asking process: its disks, its dates, its sketches, and what errors leave."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from functools import partial
from math import ceil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from rollup_bench.engines.clickhouse import connections, states
from rollup_bench.engines.clickhouse.connections import Connection
from rollup_bench.engines.clickhouse.engine import ClickHouse
from rollup_bench.engines.clickhouse.zones import SQL
from rollup_bench.engines.contract import Engine, Plan
from rollup_bench.engines.integer_time import LocalTime, shown_at, unit_at
from rollup_bench.errors import FailureError
from rollup_bench.harness.conformance import strategies
from rollup_bench.harness.conformance.scripted_events import COUNT, JUNE, event
from rollup_bench.harness.conformance.tested_engine import RANDOM, EngineUnderTest, few
from rollup_bench.harness.run.clients import Endpoint, Work, drive
from rollup_bench.harness.run.costs import gauge
from rollup_bench.servers.watch import Watch
from rollup_bench.workloads import calendar, layouts
from rollup_bench.workloads.events import Events
from rollup_bench.workloads.questions import EPOCH, Aggregate, Grain, Question, Span, milliseconds
from rollup_bench.workloads.rule import Part
from rollup_bench.workloads.truth import buckets
from tests.conftest import BUDGET
from tests.support.zones import ODD_CLOCKS

PERIODS = [
    tuple(milliseconds(datetime(year, 1, 1, tzinfo=UTC)) for year in years)
    for years in ((1901, 1960), (1960, 2040), (2270, 2299))
]
LONG = (Grain.DAY, Grain.WEEK, Grain.MONTH, Grain.QUARTER, Grain.YEAR)
READER = """
import sys
from pathlib import Path
from tests.unit.test_clickhouse import JUNE, COUNT, Aggregate, ClickHouse, BUDGET, planned
engine = ClickHouse(None, Path(sys.argv[1]), BUDGET)
plan, _ = planned(engine)
with engine.session(plan) as session:
    print(engine.rows(plan), session.ask(Aggregate(JUNE, (COUNT,)))["count()"].to_pylist(), flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def connection() -> Iterator[Connection]:
    with closing(Connection(connections.settings(BUDGET))) as opened:
        yield opened


def planned(engine: Engine) -> tuple[Plan, Events]:
    events = few([event(gold=n) for n in range(5)])
    return engine.plan(RANDOM, layouts.raw, events.statistics), events


def instants(zone: str, first: int, last: int) -> list[int]:
    """Instants beside clock changes, and one in every two months."""
    changes = [change for change, _ in calendar.clock_changes(zone, first, last)]
    near = [change + step for change in changes for step in (-3_600_000, -1, 0, 1, 1_800_000, 3_600_000)]
    return sorted(at for at in {*near, *range(first, last, 60 * 86_400_000 + 12_345_678)} if first <= at < last)


def evaluated(connection: Connection, expression: str, values: list[int]) -> list[int]:
    """An SQL expression over the column t."""
    text = f"SELECT {expression} AS r FROM (SELECT arrayJoin([{', '.join(map(str, values))}])::Int64 AS t)"
    return [int(value) for value in connection.arrow(text)["r"].to_pylist()]


@pytest.mark.parametrize("period", PERIODS)
@pytest.mark.parametrize("zone", ODD_CLOCKS)
def test_local_time_is_that_of_the_truth(connection: Connection, zone: str, period: tuple[int, int]) -> None:
    moments, local = instants(zone, *period), LocalTime(SQL, zone, *period)
    when = [EPOCH + timedelta(milliseconds=moment) for moment in moments]
    shown = evaluated(connection, local.shown("t"), moments)
    assert shown == [shown_at(moment, zone) for moment in when]
    for grain in (Grain.MINUTE, Grain.HOUR):
        expected = buckets.bucket(np.array(moments), grain, zone, 0).tolist()
        assert evaluated(connection, local.bucket("t", grain), moments) == expected
    for grain in LONG:
        assert evaluated(connection, SQL.unit("t", grain), shown) == [unit_at(moment, grain, zone) for moment in when]
        first = evaluated(connection, f"toInt64({local.bucket('t', grain)})", moments)
        expected = buckets.bucket(np.array(moments), grain, zone, 0).tolist()
        assert evaluated(connection, local.start("t", grain), first) == expected
    assert evaluated(connection, SQL.day("t"), shown) == [one // 86_400_000 for one in shown]


def test_events_of_years_without_dates_are_refused(tmp_path: Path) -> None:
    engine = ClickHouse(None, tmp_path, BUDGET)
    question = Aggregate(Span(datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)), (COUNT,), Grain.WEEK)
    for year in (1900, 2299):
        plan = engine.plan(RANDOM, layouts.raw, few([event(when=datetime(year, 6, 1, tzinfo=UTC))]).statistics)
        support = engine.support(question, plan)
        assert support.where is None
        assert support.reason.endswith(f"not from {year}-06-01 to {year}-06-01")


def test_the_first_and_the_last_times_that_are_stored(tmp_path: Path) -> None:
    times = [datetime(1901, 1, 1, tzinfo=UTC), datetime(2298, 12, 31, 23, 59, 59, 999_000, UTC), EPOCH]
    events = few([event(when=EPOCH - timedelta(milliseconds=1)), *(event(when=time) for time in times)])
    span = Span(datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC))
    subject = EngineUnderTest(ClickHouse(None, tmp_path, BUDGET), tmp_path, 0)
    with closing(subject):
        subject.ask(events, *(Aggregate(span, (COUNT,), g, zone) for g in Grain for zone in ("UTC", "Asia/Kolkata")))


def test_processes_read_a_plan_at_the_same_time(tmp_path: Path) -> None:
    """Also another engine of this process, in another home, which loads the same plan."""
    engines = [ClickHouse(None, tmp_path / name, BUDGET) for name in ("one", "other")]
    with ExitStack() as stack:
        for engine in engines:
            plan, events = planned(engine)
            engine.load(plan, events, Watch())
            sessions = [stack.enter_context(engine.session(plan)) for _ in range(2)]
        call = [sys.executable, "-c", READER, str(tmp_path / "one")]
        with subprocess.Popen(call, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as reader:
            assert reader.stdout
            assert reader.stdout.readline() == "5 [5]\n"
            for session in sessions:
                assert session.ask(Aggregate(JUNE, (COUNT,)))["count()"].to_pylist() == [5]
            reader.communicate("")
    for engine in engines:
        assert engine.rows(plan) == 5
        engine.drop(plan)
        assert engine.rows(plan) is None
        assert not list((engine.home / "clickhouse").iterdir())


@contextmanager
def asking(home: Path) -> Iterator[Callable[[Question], object]]:
    """A client of a load test, in a process of its own."""
    engine = ClickHouse(None, home, BUDGET)
    with engine.session(planned(engine)[0]) as session:
        yield session.ask


def test_processes_that_ask_leave_no_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine, folder = ClickHouse(None, tmp_path / "home", BUDGET), tmp_path / "temporary"
    engine.load(*planned(engine), Watch())
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    client = Endpoint("clickhouse/raw", partial(asking, engine.home), embedded=True)
    driven = drive(client, Work([Aggregate(JUNE, (COUNT,))], seconds=0.2, limit=10), 2, gauge(None))
    assert [attempt for attempt in driven.attempts if attempt.state == "r"]
    assert not list(folder.iterdir())


def test_an_error_leaves_nothing_for_the_next_answer(connection: Connection) -> None:
    for text in ("SELECT number, throwIf(number = 900000) FROM numbers(1000000)", "SELECT", "SELECT * FROM nothing"):
        with pytest.raises(FailureError, match=r"^clickhouse: Code: \d+"):
            connection.arrow(text)
        assert connection.arrow("SELECT 1 AS x").to_pydict() == {"x": [1]}
    with pytest.raises(OverflowError):
        connection.arrow("SELECT accurateCast(toInt128(9223372036854775807) + {p1:Int64}, 'Int64')", [1])
    assert connection.arrow("SELECT {p1:Int64} AS x", [-(2**63)]).to_pydict() == {"x": [-(2**63)]}


def test_texts_are_bound_unchanged(connection: Connection) -> None:
    texts = [*strategies.TEXTS, "\\", "\\N", "a\tb", "a\nb\r", "\0", "\b\f\v\a", "{p1:String}", "' OR 1"]
    for text in texts:
        assert connection.arrow("SELECT {p1:String} AS x", [text])["x"].to_pylist() == [text]


def test_quantiles_have_the_exact_rank(connection: Connection) -> None:
    fractions = [n / 100 for n in range(1, 100)]
    wanted = {at: [ceil(Fraction(str(at)) * n) for n in range(1, 101)] for at in fractions}
    rows = "(SELECT arrayJoin(range(1, 101)) AS n, arrayJoin(range(1, n + 1)) AS v)"
    for exact in ("quantileExact", "quantileExactWeighted"):
        weight = ", 1" if exact.endswith("Weighted") else ""
        columns = [f"{exact}({at * states.LESS!r})(v{weight})" for at in fractions]
        result = connection.arrow(f"SELECT n, {', '.join(columns)} FROM {rows} GROUP BY n ORDER BY n")
        assert [column.to_pylist() for column in result.columns[1:]] == list(wanted.values())


@pytest.mark.parametrize("tolerated", [0.05, 0.01])
def test_merged_sketches_are_within_their_bound(connection: Connection, tolerated: float) -> None:
    parts = "(SELECT number % 37 AS part, cityHash64(number, {p1:Int64}) AS v FROM numbers(60000))"
    distinct, quantile = (states.form(part, tolerated) for part in (Part.DISTINCT, Part.QUANTILE))
    other = states.form(Part.QUANTILE, tolerated, 0.9)
    text = f"SELECT {distinct.merged('d', 'UInt64', distinct)} AS d, {quantile.merged('q', 'UInt64', other)} AS q FROM "
    text += f"(SELECT {distinct.state('v')} AS d, {quantile.state('v')} AS q FROM {parts} GROUP BY part)"
    for seed in range(10):
        (row,) = connection.arrow(text, [seed]).to_pylist()
        ranks = connection.arrow(f"SELECT countIf(v <= {row['q']}) / 60000 AS rank FROM {parts}", [seed])
        assert abs(row["d"] / 60_000 - 1) <= distinct.error <= tolerated
        assert abs(ranks["rank"][0].as_py() - 0.9) <= quantile.error <= tolerated


def test_a_name_may_have_any_character(tmp_path: Path) -> None:
    engine = ClickHouse(None, tmp_path / "it's a\\folder", BUDGET)
    plan, events = planned(engine)
    engine.load(plan, events, Watch())
    with engine.session(plan) as session:
        assert isinstance(session.ask(Aggregate(JUNE, (COUNT,))), pa.Table)
