"""The figures of followed streams, from lines made by hand."""

import io
import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import msgspec
import numpy as np
import psutil
import pyarrow as pa
import pytest
from rich.console import Console

from rollup_bench.engines.contract import Engine
from rollup_bench.errors import FailureError, RequestError
from rollup_bench.harness.follow.arm import Place
from rollup_bench.harness.follow.figures import are_sound, figures
from rollup_bench.harness.follow.request import Request
from rollup_bench.harness.follow.run import followed
from rollup_bench.harness.follow.stream import decoded
from rollup_bench.harness.follow.usage import Usage
from rollup_bench.harness.records.streams import Asked, Delays, Followed, Kill, Kind, Record, Unsupported, read
from rollup_bench.harness.report.site.frontier_view import Reach, reaches
from rollup_bench.harness.report.stream_view import delay_views, stream_views
from rollup_bench.harness.report.streams import stream_tables
from rollup_bench.servers import Server
from rollup_bench.workloads import layouts
from tests.support import ROOT, streams
from tests.support.command import Command


def test_bounds_hold_the_delay_and_the_widest_of_all_launches_is_shown() -> None:
    found = figures(streams.HEADER, streams.followed(delay=0.2))
    for low, high in found.fresh.values():
        assert low <= 0.2 + 1 / streams.RATE
        assert 0.2 <= high <= 0.2 + streams.GAP
    lines: list[Record] = [streams.HEADER, streams.followed(delay=0.2), streams.followed(launch=1, delay=0.7)]
    (view,) = stream_views({"vm/game": lines})
    (arm,) = view.arms
    half = arm.lags[0]
    assert (arm.launches, half.share) == (2, 0.5)
    assert half.high is not None
    assert half.low <= 0.2 + 1 / streams.RATE < 0.7 <= half.high


@pytest.mark.parametrize(("sent", "expected"), [(300, 0.5), (10_000, None)])
def test_after_a_kill_an_answer_has_all_events_that_were_sent_before(sent: int, expected: float | None) -> None:
    """At 3 s, an answer has the events that were due by 2.8 s; the next answers come every half second."""
    line = streams.followed(delay=0.2, kill=Kill(victim="engine", at=3.0, sent=sent, stored=0))
    assert figures(streams.HEADER, line).caught_up == expected


def test_the_table_names_bridges_kills_and_processor_time() -> None:
    text = io.StringIO()
    killed = streams.followed("duckdb/day", kill=Kill(victim="broker", at=3.0, sent=300, stored=280))
    stream_tables([*streams.lines()[:-4], killed], Console(file=text, width=100))
    shown = text.getvalue()
    assert "druid/raw*" in shown
    assert "not followed: cassandra/tuned: tuned follows no stream" in shown
    assert re.search(r"duckdb/day +broker +3\.0 +300 +280 +0\.5", shown)
    assert re.search(r"duckdb/day +120 +300 +150 ", shown)
    assert re.search(r"duckdb/raw +up to 0\.45 .* 0\.19 to 0\.69 ", shown)
    assert not are_sound(streams.lines())
    assert are_sound([streams.HEADER, streams.followed()])


@pytest.mark.parametrize("name", ["game-kafka-500", "game-kafka-kills-follower", "game-pulsar-2000"])
def test_stored_streams_are_shown_in_80_columns_without_a_cut(name: str, command: Command) -> None:
    path = ROOT / "results" / "vm" / "streams" / f"{name}.jsonl"
    narrow = io.StringIO()
    stream_tables(list(read(path)), Console(file=narrow, width=80))
    status, shown, _ = command("show", str(path))
    assert status == 0
    assert "How long events take" in shown
    assert "…" not in narrow.getvalue()


@pytest.mark.parametrize(("name", "tables"), [("streams/delays", 1), ("scale/game", 3)])
def test_what_experiments_stored_is_shown_in_80_columns(
    name: str, tables: int, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    shown = command.done("show", str(ROOT / "results" / "vm" / f"{name}.jsonl"))
    assert len(re.findall("─+", shown)) == tables
    assert "…" not in shown


@pytest.mark.parametrize("path", sorted(ROOT.glob("results/*/streams/*.jsonl")), ids=lambda path: path.stem)
def test_stored_streams_lost_nothing_and_all_answers_were_right_at_the_end(path: Path) -> None:
    lines = list(read(path))
    assert any(isinstance(line, Delays) for line in lines) or are_sound(lines)


@pytest.mark.parametrize("broker", ["kafka", "pulsar"])
def test_three_engines_have_the_published_counts_of_flights_at_the_end(broker: str) -> None:
    """Published counts are those of the truth: see tests/servers/test_published.py."""
    lines = list(read(ROOT / "results" / "vm" / "streams" / f"flights-{broker}.jsonl"))
    ends = {line.arm: line.final["flights-by-month"] for line in lines if isinstance(line, Followed)}
    assert ends == dict.fromkeys(("duckdb/raw", "druid/raw", "cassandra/raw"), "right")


def test_the_highest_rate_that_is_kept_up_with_lies_below_all_that_are_not() -> None:
    wrong = msgspec.structs.replace(streams.followed(rate=3e3), final={"daily-players": "wrong"})
    tried = [(rate, streams.followed(rate=rate)) for rate in (1e3, 2e3, 8e3)]
    tried += [(4e3, streams.followed(delay=5.6, rate=4e3)), (3e3, wrong)]
    files: list[list[Record]] = [[msgspec.structs.replace(streams.HEADER, rate=rate), line] for rate, line in tried]
    assert reaches({"vm": files}) == [Reach("vm", "game", "kafka", "duckdb/raw", 2.0, 2e3, 3e3)]
    assert reaches({"vm": files[3:4]}) == [Reach("vm", "game", "kafka", "duckdb/raw", 2.0, None, 4e3)]


def test_delays_are_listed_by_rate_and_broker() -> None:
    found = delay_views({"vm/delays": streams.lines()})
    assert [(one.rate, one.broker) for one in found] == [
        (1e3, "kafka"),
        (1e3, "pulsar"),
        (5e3, "kafka"),
        (5e3, "pulsar"),
    ]
    assert found[0].published == pytest.approx((0.005, 0.005), rel=0.01)
    assert found[0].name == "vm/delays"


def test_answers_after_one_had_all_events_are_not_those_while_the_stream_was_written() -> None:
    """All are visible at 10.2 s. A question that failed has no response time."""
    line = streams.followed(delay=0.2)
    failed = Asked("daily-players", 1.0, 1.0, 9.0, Kind.FAILED)
    found = figures(streams.HEADER, msgspec.structs.replace(line, answers=[*line.answers, failed]))
    assert found.kinds == {Kind.RIGHT: len(np.arange(0, 10.2, streams.GAP)), Kind.FAILED: 1}
    assert sum(found.kinds.values()) < len(line.answers)
    assert found.writing == (0.0, 0.0)


def test_a_store_that_did_not_catch_up_in_one_launch_has_not_caught_up() -> None:
    kill = Kill(victim="engine", at=3.0, sent=300, stored=0)
    whole, never = (streams.followed(kill=kill), streams.followed(kill=kill, launch=1, delay=100.0))
    for launches, expected in (([whole, whole], 0.5), ([whole, never], None)):
        (view,) = stream_views({"vm/game": [streams.HEADER, *launches]})
        assert view.arms[0].caught_up == expected


def test_messages_of_a_read_follow_each_other() -> None:
    schema = pa.schema({"n": pa.int64()})
    first, events = decoded([b'{"position": 7, "n": 1}', b'{"position": 8, "n": 2}'], schema)
    assert (first, events["n"].to_pylist()) == (7, [1, 2])
    for positions in ((7, 9), (7, 7), (8, 7)):
        messages = [json.dumps({"position": at, "n": 1}).encode() for at in positions]
        with pytest.raises(FailureError, match=f"events from {positions[0]} to {positions[1]} of the stream"):
            decoded(messages, schema)


def test_what_servers_used_before_the_stream_does_not_count() -> None:
    """Nor what the follower used, which is this process."""

    class Counting:
        spent = 0.0

        def cpu_seconds(self) -> float:
            self.spent += 5.0
            return self.spent

        def written_bytes(self) -> int:
            return 100

    server = Counting()
    usage = Usage({"engine": cast(Server, server)})
    server.spent = 100.0
    for _ in range(3):
        usage.sample(psutil.Process(), now=True)
    assert usage.processor["engine"] == 10.0
    assert usage.written["engine"] == 0
    assert usage.processor["follower"] < 5.0


def test_only_a_store_that_refuses_streams_is_known_to_follow_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """After any other error, the store may follow the next stream, also if a request was wrong."""

    def failing(*_: object) -> None:
        raise RequestError("the topic exists")

    engine, place = cast(Engine, SimpleNamespace(name="duckdb")), cast(Place, None)
    monkeypatch.setattr("rollup_bench.harness.follow.run.supported", lambda *_: None)
    monkeypatch.setattr("rollup_bench.harness.follow.run.follow", failing)
    line = followed(cast(Request, None), engine, layouts.raw, place, 0, print)
    assert isinstance(line, Unsupported)
    assert (line.reason, line.failed) == ("the topic exists", True)
    monkeypatch.setattr("rollup_bench.harness.follow.run.supported", failing)
    line = followed(cast(Request, None), engine, layouts.raw, place, 0, print)
    assert isinstance(line, Unsupported)
    assert not line.failed
