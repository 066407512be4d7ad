"""What a choice takes from followed streams: how fresh answers are, and through which broker."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from rollup_bench.harness.choose.flips import flips
from rollup_bench.harness.choose.needs import BROKERS, changed
from rollup_bench.harness.choose.rule import Decision, Rule
from rollup_bench.harness.choose.streamed import Streamed, streamed
from rollup_bench.harness.records.streams import Followed, Header, Kill, Record
from rollup_bench.harness.report.decisions import freshness
from rollup_bench.harness.stats import histograms
from tests.support import streams
from tests.support.command import Command
from tests.support.evidence import BUSY, decide, run, store

FAST, SLOW = {"q": 0.01}, {"q": 0.02}
KEPT = Streamed("kafka", rate=2000, asked=5, launches=3, low=0.4, high=0.5, right=1.0)


def seen(*lines: Followed, header: Header = streams.HEADER) -> list[Streamed]:
    """What these streams show of the only store that followed them."""
    (found,) = streamed([[header, *lines]], header.dataset).values()
    return found


def test_the_widest_bounds_of_all_launches_count() -> None:
    (found,) = seen(streams.followed(delay=0.2), streams.followed(launch=1, delay=0.7))
    assert (found.broker, found.rate, found.asked, found.launches) == ("kafka", streams.RATE, 2.0, 2)
    assert found.high is not None
    assert found.low <= 0.2 + streams.GAP
    assert 0.7 <= found.high <= 0.7 + streams.GAP
    assert (found.right, found.fails) == (1.0, "")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"stored": streams.EVENTS - 3}, "it lost 3 events"),
        ({"stored": streams.EVENTS + 1}, "it stored 1 events twice"),
        ({"final": {"daily-players": "wrong: 3, not 4"}}, "daily-players: not right at the end"),
        ({"bridged": True}, "it reads only Kafka, so that kafka would need a Kafka beside it"),
        ({"answers": []}, "no answer was right"),
    ],
)
def test_a_stream_that_was_not_kept_up_with_says_why(changes: dict[str, Any], why: str) -> None:
    (found,) = seen(streams.followed(), msgspec.structs.replace(streams.followed(launch=1), **changes))
    assert found.fails == why


@pytest.mark.parametrize(
    "line",
    [
        streams.followed(kill=Kill(victim="engine", at=1.0, sent=100, stored=90)),
        msgspec.structs.replace(streams.followed(), sent=histograms.encode([9_000_000])),
    ],
)
def test_streams_that_say_nothing_of_freshness_are_left_out(line: Followed) -> None:
    assert streamed([[streams.HEADER, line]], "game") == {}


def test_streams_of_other_datasets_are_left_out_and_refused_arms_say_why() -> None:
    lines: Sequence[Record] = streams.lines()
    assert streamed([lines], "flights") == {}
    assert streamed([lines], "game")["cassandra/tuned"][0].fails == "tuned follows no stream"


def chosen(values: dict[str, Any], *of: Streamed) -> Decision:
    """The decision between a store that followed these streams, and a dearer one that keeps up with everything."""
    able = [Streamed(broker, 1e6, 1e6, 9, 0.01, 0.02, 1.0) for broker in BROKERS]
    return decide(run(store("a/day", FAST, streams=list(of)), store("b/day", SLOW, streams=able)), **values)


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"fresh_seconds": 0.5},
        {"fresh_seconds": 1.0, "events_a_second": 2000.0},
        {"events_a_second": 500.0, "rate": 5.0},
        {"broker": "kafka"},
    ],
)
def test_a_store_serves_within_what_its_streams_showed(values: dict[str, Any]) -> None:
    decided = chosen(values, KEPT)
    assert decided.chosen == ["a/day"]
    assert decided.offers[0].fresh == ({"a/day": KEPT} if values else {})


@pytest.mark.parametrize(
    ("values", "stream", "why"),
    [
        ({"fresh_seconds": 0.3, "rate": 5.0}, KEPT, "only after 0.4 s or more"),
        ({"fresh_seconds": 0.3, "rate": 9.0, "events_a_second": 3000.0}, KEPT, "only after 0.4 s or more"),
        ({"broker": "pulsar", "rate": 5.0}, Streamed("pulsar", 2000, 5, fails="it lost 3 events"), "it lost 3 events"),
    ],
)
def test_a_store_that_does_not_keep_up_is_ruled_out(values: dict[str, Any], stream: Streamed, why: str) -> None:
    decided = chosen(values, stream)
    assert decided.chosen == ["b/day"]
    assert why in decided.failing[0].why


@pytest.mark.parametrize(
    ("values", "why", "command"),
    [
        ({"fresh_seconds": 0.45}, "its freshness at any rate of events and 1 questions", "--asks 1 --launches 3"),
        ({"fresh_seconds": 1.0, "events_a_second": 4000.0}, "its freshness at 4000 events", "--rate 4000 --asks 1"),
        ({"fresh_seconds": 1.0, "rate": 20.0}, "and 20 questions a second was not measured", "--asks 20"),
        ({"broker": "pulsar"}, "through pulsar", "--broker pulsar"),
    ],
)
def test_what_no_stream_showed_is_refused_with_the_command_that_measures_it(
    values: dict[str, Any], why: str, command: str
) -> None:
    decided = chosen(values, KEPT)
    (refusal,) = decided.refused
    assert (decided.chosen, refusal.what) == (["b/day"], "a/day")
    assert why in refusal.why
    assert refusal.command.startswith("rollup-bench follow --dataset game --engines a --layouts day")
    assert command in refusal.command


def test_fewer_than_three_launches_are_not_enough() -> None:
    decided = chosen({"fresh_seconds": 1.0}, msgspec.structs.replace(KEPT, launches=2))
    assert decided.chosen == ["b/day"]
    assert decided.refused[0].why.endswith("was not measured in 3 launches")


def test_no_stream_fills_the_tables_of_tuned() -> None:
    decided = decide(run(store("a/tuned", FAST), store("b/day", SLOW, streams=[KEPT])), fresh_seconds=1.0)
    assert decided.chosen == ["b/day"]
    assert decided.failing[0].why.startswith("a/tuned: the tables of tuned are made from all events at once")


def test_the_seconds_below_which_another_store_is_fresh_enough_change_the_choice() -> None:
    slow = store("a/day", FAST, streams=[msgspec.structs.replace(KEPT, low=2.0, high=3.0)])
    rule = Rule(run(slow, store("b/day", SLOW, streams=[KEPT])), changed(BUSY, {"fresh_seconds": 4.0, "rate": 5.0}))
    (flip,) = [one for one in flips(rule, rule.choose()) if one.need == "fresh_seconds"]
    assert (flip.up, flip.value, flip.low, flip.high, flip.chosen) == (False, 3.0, 2.0, 3.0, ["b/day"])


def test_how_fresh_a_store_was_is_said() -> None:
    assert freshness("a/day", msgspec.structs.replace(KEPT, right=0.77)) == (
        "a/day has 99 of 100 events in answers within 0.5 s at 2000 events a second through kafka, "
        "with 77.0% of these answers right"
    )


def test_the_command_that_a_refusal_names_is_understood(command: Command) -> None:
    (refusal,) = chosen({"fresh_seconds": 1.0, "rate": 20.0}, KEPT).refused
    status, _, err = command(*refusal.command.replace("--engines a", "--engines x").split()[1:])
    assert (status, "`x` is not an engine" in err) == (2, True)
