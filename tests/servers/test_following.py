"""Engines that follow streams: each question is right at the end, whatever is written again; and by real brokers."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pytest
from cassandra.query import BatchStatement

from rollup_bench.engines.cassandra import batch_writer
from rollup_bench.engines.cassandra.batch_writer import BatchWriter
from rollup_bench.engines.contract import Engine, Plan
from rollup_bench.engines.following import Following, Mark, Written, follower
from rollup_bench.errors import FailureError, RequestError
from rollup_bench.harness.follow.arm import Place, follow, supported
from rollup_bench.harness.follow.figures import figures
from rollup_bench.harness.follow.killing import Victim
from rollup_bench.harness.follow.request import Request
from rollup_bench.harness.follow.run import header, run
from rollup_bench.harness.follow.stream import by_time
from rollup_bench.harness.records.kinds import RIGHT
from rollup_bench.harness.records.streams import Followed, Header, Kind, Record, read
from rollup_bench.harness.run.verdicts import check
from rollup_bench.servers import open_server
from rollup_bench.servers.watch import Watch
from rollup_bench.streams import registry
from rollup_bench.workloads import dataset as datasets
from rollup_bench.workloads import events as event_store
from rollup_bench.workloads.dataset import Dataset
from rollup_bench.workloads.events import Events
from tests.conftest import BUDGET, HOME

ROWS, PIECE = 4_000, 400
LAYOUTS = pytest.mark.parametrize("layout", ["raw", "day", "month"])
WRITTEN = pytest.mark.parametrize("engine", ["duckdb", "cassandra"], indirect=True)


@pytest.fixture(scope="module")
def game() -> Dataset:
    return datasets.read("game").sized(ROWS, 1)


@pytest.fixture(scope="module")
def events(game: Dataset) -> Events:
    """The events by time."""
    prepared = event_store.prepare(game, HOME)
    return event_store.of(pa.Table.from_batches(prepared.batches()).sort_by("time"), game.columns)


@pytest.fixture
def plan(engine: Engine, game: Dataset, events: Events, layout: str) -> Iterator[Plan]:
    made = engine.plan(game, game.layout(layout), events.statistics)
    engine.drop(made)
    yield made
    engine.drop(made)


def written(tables: Following, events: Events, first: int, last: int) -> None:
    """Writes the events from `first` to `last` in pieces."""
    assert isinstance(tables, Written)
    table = pa.Table.from_batches(events.batches())
    for begin in range(first, last, PIECE):
        end = min(begin + PIECE, last)
        tables.write(table.slice(begin, end - begin), Mark(end, f"place {end}"))


def not_right(engine: Engine, plan: Plan, tables: Following, events: Events) -> list[str]:
    """The questions that the plan supports and whose answers are wrong."""
    supported = {name: template.fill() for name, template in plan.dataset.questions.items()}
    supported = {name: one for name, one in supported.items() if engine.support(one, plan).where is not None}
    assert supported
    with tables.session() as session:
        return [name for name, one in supported.items() if check(one, session.ask(one), events).kind not in RIGHT]


@WRITTEN
@LAYOUTS
def test_a_stream_that_is_opened_again_goes_on_where_it_stands(engine: Engine, plan: Plan, events: Events) -> None:
    with follower(engine).opened(plan) as tables:
        assert tables.mark() == Mark()
        written(tables, events, 0, ROWS // 2)
    with follower(engine).opened(plan) as tables:
        written(tables, events, tables.mark().events, ROWS)
        assert not_right(engine, plan, tables, events) == []
    with follower(engine).opened(plan) as tables:
        assert tables.mark() == Mark(ROWS, f"place {ROWS}")


@pytest.mark.parametrize("engine", ["cassandra"], indirect=True)
@pytest.mark.parametrize(("layout", "sent"), [("raw", 300), ("day", 300), ("day", 500), ("month", 300)])
def test_a_write_that_was_cut_short_is_completed(
    engine: Engine, plan: Plan, events: Events, sent: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next process finds some rows of the write, and writes its events in other pieces."""
    monkeypatch.setattr(batch_writer, "BATCH_BYTES", 1)
    with follower(engine).opened(plan) as tables:
        written(tables, events, 0, 1_200)
        with monkeypatch.context() as patch:
            patch.setattr(BatchWriter, "send", only(sent))
            with pytest.raises(FailureError, match="cut short"):
                written(tables, events, 1_200, 1_600)
    with follower(engine).opened(plan) as tables:
        assert tables.mark().events == 1_200
        written(tables, events, 1_200, 1_350)
        written(tables, events, 1_350, ROWS)
        assert not_right(engine, plan, tables, events) == []


def only(batches: int) -> Callable[[BatchWriter, BatchStatement], None]:
    """A `send` that sends the first batches, waits until they are stored, and fails at the next one."""
    left, send = iter(range(batches)), BatchWriter.send

    def sending(self: BatchWriter, batch: BatchStatement) -> None:
        if next(left, None) is None:
            self.finish()
            raise FailureError("cut short")
        send(self, batch)

    return sending


@pytest.mark.parametrize("engine", ["duckdb", "cassandra", "druid"], indirect=True)
def test_tuned_tables_follow_no_stream(engine: Engine, game: Dataset, events: Events) -> None:
    plan = engine.plan(game, game.layout("tuned"), events.statistics)
    assert follower(engine).support(plan).where is None
    with pytest.raises(RequestError, match="tuned"), follower(engine).opened(plan):
        pass


@pytest.mark.parametrize("engine", ["duckdb-served"], indirect=True)
def test_an_engine_without_a_follower_says_so(engine: Engine) -> None:
    with pytest.raises(RequestError, match="the adapter of duckdb-served does not follow streams"):
        follower(engine)


def asked(live: bool) -> Request:
    """Streams of 1,500 events in three seconds."""
    game = datasets.read("game").sized(1_500, 1)
    table = by_time(event_store.prepare(game, HOME), 1_500)
    return Request(game, table, rate=500.0, live=live, late=0.01, asked=10.0, questions=[], seed=1)


def assert_sound(header: Header, streams: Sequence[Record]) -> None:
    """All streams were stored whole, and all questions are right at the end."""
    for line in streams:
        assert isinstance(line, Followed), line
        found = figures(header, line)
        assert (found.lost, found.doubled, found.wrong) == (0, 0, []), line.final
        assert sum(one.kind is Kind.RIGHT for one in line.answers) > 10, line.failures
        assert found.message is not None
        assert found.message > 20
        assert "follower" in found.written


@pytest.mark.parametrize(("broker", "live", "victim"), [("kafka", True, "follower"), ("pulsar", False, "broker")])
def test_duckdb_follows_through_a_broker_also_after_a_kill(
    broker: str, live: bool, victim: Victim, tmp_path: Path
) -> None:
    made = asked(live)
    layouts = [made.dataset.layout(name) for name in ("raw", "day")]
    out = tmp_path / "file.jsonl"
    said: list[str] = []
    path, (first, *streams) = run(made, ["duckdb"], layouts, broker, "native", HOME, 1, out, said.append, victim)
    assert [text for text in said if text.startswith("duckdb/day: following: 1,500 of 1,500 rows (100%)")]
    assert isinstance(first, Header)
    assert list(read(path)) == [first, *streams]
    assert_sound(first, streams)
    for line in streams:
        assert isinstance(line, Followed)
        assert line.kill is not None
        assert line.kill.victim == victim
        assert line.kill.stored < 1_500, "the kill came before the stream was stored"
        assert figures(first, line).caught_up is not None


@pytest.mark.parametrize("engine", ["cassandra", "druid"], indirect=True)
def test_engines_with_servers_follow_through_kafka(engine: Engine, tmp_path: Path) -> None:
    """The broker is no one else's, so that the tests of these servers need not wait for those of brokers."""
    (tmp_path / "jars").symlink_to(HOME / "jars")
    server = open_server(registry.recipe("kafka"), "native", tmp_path, BUDGET)
    with server.running(Watch(print, seconds=300)):
        made = asked(live=True)
        place = Place("native", HOME, server)
        plans = [supported(made, engine, made.dataset.layout(name), 0) for name in ("raw", "day")]
        streams = [follow(made, engine, plan, place, 0, print) for plan in plans]
    assert_sound(header(made, [engine], "kafka"), streams)
