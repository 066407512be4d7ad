"""What a choice takes from followed streams: how fresh answers are, and through which broker."""

from typing import Any

import msgspec
import pytest

from rollup_bench.harness.choose.flips import Flip, flips
from rollup_bench.harness.choose.needs import BROKERS, changed
from rollup_bench.harness.choose.rule import Decision, Rule
from rollup_bench.harness.choose.streamed import Streamed, streamed
from rollup_bench.harness.follow.figures import figures
from rollup_bench.harness.records.streams import Kill, Record, Unsupported
from rollup_bench.harness.report.decisions import freshness
from rollup_bench.harness.stats import histograms
from tests.support import streams
from tests.support.command import Command
from tests.support.evidence import BUSY, decide, run, store
from tests.support.timed import HEADER

FAST, SLOW = {"q": 0.01}, {"q": 0.02}
KEPT = Streamed("kafka", rate=2000, asked=5, launches=3, low=0.4, high=0.5, right=1.0)


RUN = msgspec.structs.replace(HEADER, dataset="game", budget=streams.HEADER.budget, machine=streams.HEADER.machine)


def seen(*lines: Record) -> list[Streamed]:
    """What these streams show of the only store that followed them."""
    (found,) = streamed([[streams.HEADER, *lines]], RUN).values()
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
        Unsupported(arm="duckdb/raw", launch=0, reason="duckdb: out of memory", failed=True),
    ],
)
def test_streams_that_say_nothing_of_freshness_are_left_out(line: Record) -> None:
    assert streamed([[streams.HEADER, line]], RUN) == {}


@pytest.mark.parametrize(
    "changes", [{"dataset": "flights"}, {"budget": {"cores": 2, "memory": 1}}, {"questions": ["daily-players"]}]
)
def test_streams_that_a_run_cannot_be_compared_with_are_left_out(changes: dict[str, Any]) -> None:
    assert streamed([[msgspec.structs.replace(streams.HEADER, **changes), streams.followed()]], RUN) == {}


def test_arms_that_follow_no_stream_say_why() -> None:
    found = streamed([streams.lines()], RUN)
    assert found["cassandra/tuned"][0].never == "tuned follows no stream"
    assert found["druid/raw"][0].never == "it reads only Kafka, so that kafka would need a Kafka beside it"
    assert {one.launches for one in found["duckdb/day"]} == {2}


def test_rounded_bounds_still_are_bounds() -> None:
    (found,) = seen(streams.followed(delay=0.200049))
    exact = figures(streams.HEADER, streams.followed(delay=0.200049)).fresh[0.99]
    assert found.high is not None
    assert found.low <= exact[0]
    assert exact[1] <= found.high <= exact[1] * 1.001


def chosen(values: dict[str, Any], *of: Streamed) -> Decision:
    """The decision between a store that followed these streams, and a dearer one that keeps up with everything."""
    able = [Streamed(broker, 1e6, 1e6, 9, 0.01, 0.02, 1.0) for broker in BROKERS]
    return decide(run(store("a/day", FAST, streams=list(of)), store("b/day", SLOW, streams=able)), **values)


def of(broker: str = "kafka", **others: Any) -> Streamed:
    """A stream like `KEPT`."""
    return msgspec.structs.replace(KEPT, broker=broker, **others)


BRIDGED = of("pulsar", never="it reads only Kafka")


@pytest.mark.parametrize(
    ("values", "streams"),
    [
        ({}, []),
        ({"fresh_seconds": 0.5}, [KEPT]),
        ({"fresh_seconds": 1.0, "events_a_second": 2000.0}, [KEPT, BRIDGED]),
        ({"events_a_second": 500.0, "rate": 5.0}, [KEPT, of(rate=100, fails="it lost 3 events")]),
        ({"broker": "kafka", "events_a_day": 2000 * 86_400.0}, [KEPT, of("pulsar", fails="it lost 3 events")]),
        ({"fresh_seconds": 0.5, "events_a_second": 2000.0001}, [KEPT]),
    ],
)
def test_a_store_serves_within_what_its_streams_showed(values: dict[str, Any], streams: list[Streamed]) -> None:
    decided = chosen(values, *streams)
    assert decided.chosen == ["a/day"]
    assert decided.offers[0].fresh == ({"a/day": KEPT} if values else {})


@pytest.mark.parametrize(
    ("values", "streams", "why"),
    [
        ({"fresh_seconds": 0.3, "rate": 5.0, "events_a_second": 2000.0}, [KEPT], "only after 0.4 s or more"),
        ({"fresh_seconds": 0.3, "rate": 9.0, "events_a_second": 3000.0}, [KEPT], "only after 0.4 s or more"),
        ({"rate": 5.0, "events_a_second": 3000.0}, [of(fails="it lost 3 events")], "it lost 3 events"),
        ({"broker": "pulsar", "rate": 1.0}, [KEPT, BRIDGED], "it reads only Kafka"),
    ],
)
def test_a_store_that_does_not_follow_is_ruled_out(values: dict[str, Any], streams: list[Streamed], why: str) -> None:
    decided = chosen(values, *streams)
    assert decided.chosen == ["b/day"]
    assert why in decided.failing[0].why
    assert decided.refused == []


@pytest.mark.parametrize(
    ("values", "streams", "why", "command"),
    [
        ({"fresh_seconds": 0.3}, [KEPT], "in answers within 0.3 s while", "--rate 100 --asks 17 --launches 3"),
        ({"events_a_second": 4000.5}, [KEPT], "known to follow 4000.5 events a second while", "--rate 4001 --asks 1"),
        ({"fresh_seconds": 9.0, "rate": 20.5}, [KEPT], "follow 0 events a second with 99 of 100", "--asks 21"),
        ({"broker": "pulsar"}, [KEPT], "through pulsar", "--broker pulsar --rate 100"),
        ({"rate": 2.0, "broker": "kafka"}, [of(fails="it lost 3 events")], "through kafka", "--broker kafka"),
        ({"fresh_seconds": 1.0}, [of(launches=2)], "it is not known", "--launches 3"),
    ],
)
def test_what_no_stream_showed_is_refused_with_the_command_that_measures_it(
    values: dict[str, Any], streams: list[Streamed], why: str, command: str
) -> None:
    decided = chosen(values, *streams)
    (refusal,) = decided.refused
    assert (decided.chosen, refusal.what) == (["b/day"], "a/day")
    assert why in refusal.why
    assert refusal.command.startswith("rollup-bench follow --dataset game --engines a --layouts day")
    assert command in refusal.command


def test_a_store_of_a_pair_gets_only_its_part_of_the_questions() -> None:
    """Each store answers one of two questions, and followed its stream at half of the needed rate of questions."""
    kept = [of(asked=5)]
    first = store("a/day", {"p": 0.01}, cannot={"q": "unsupported"}, streams=kept)
    second = store("b/day", {"q": 0.01}, cannot={"p": "unsupported"}, streams=kept)
    assert decide(run(first, second), fresh_seconds=1.0, rate=10.0).chosen == ["a/day and b/day"]
    assert decide(run(first, second), fresh_seconds=1.0, rate=10.1).answer == "refused"


def test_no_stream_fills_the_tables_of_tuned() -> None:
    decided = decide(run(store("a/tuned", FAST), store("b/day", SLOW, streams=[KEPT])), fresh_seconds=1.0)
    assert decided.chosen == ["b/day"]
    assert decided.failing[0].why.startswith("the tables of tuned are made from all events at once")


def changing(need: str, values: dict[str, Any], **stores: list[Streamed]) -> list[Flip]:
    """What changes the choice between a store and a dearer one that followed these streams."""
    able = [store(f"{name}/day", each, streams=stores[name]) for name, each in (("a", FAST), ("b", SLOW))]
    rule = Rule(run(*able), changed(BUSY, values))
    return [one for one in flips(rule, rule.choose()) if one.need == need]


def test_the_seconds_below_which_another_store_is_fresh_enough_change_the_choice() -> None:
    slow = [of(low=2.0, high=3.0), of(rate=8000, low=1.0, high=2.5)]
    values = {"fresh_seconds": 4.0, "events_a_second": 2000.0, "rate": 5.0}
    (flip,) = changing("fresh_seconds", values, a=slow, b=[KEPT])
    assert (flip.up, flip.value, flip.low, flip.high, flip.chosen) == (False, 2.5, 2.0, 2.5, ["b/day"])


def test_streams_through_another_broker_are_no_lower_bound_of_freshness() -> None:
    """Through Kafka, all is known between 0.5 and 1 s; that it takes 3 s through Pulsar does not matter."""
    both = [of(low=0.5, high=1.0), of("pulsar", low=3.0, high=3.5)]
    values = {"fresh_seconds": 4.0, "events_a_second": 2000.0, "rate": 5.0}
    fast = of(low=0.05, high=0.1)
    (flip,) = [one for one in changing("fresh_seconds", values, a=both, b=[fast]) if not one.up]
    assert (flip.value, flip.low, flip.high, flip.chosen) == (1.0, 0.5, 1.0, ["b/day"])


def test_a_store_whose_questions_waited_was_asked_fewer() -> None:
    """The last question was due after 11.5 s, and asked after 23 s: half as many a second as the schedule has."""
    line = streams.followed()
    late = [msgspec.structs.replace(one, asked=2 * one.due, done=2 * one.due) for one in line.answers]
    waiting = msgspec.structs.replace(line, answers=late, whole=100.0)
    assert figures(streams.HEADER, waiting).asked == streams.HEADER.asked / 2
    assert figures(streams.HEADER, line).asked == streams.HEADER.asked


def test_the_seconds_above_which_a_cheaper_store_is_fresh_enough_change_the_choice() -> None:
    values = {"fresh_seconds": 1.0, "events_a_second": 2000.0, "rate": 5.0}
    found = changing("fresh_seconds", values, a=[of(low=2.0, high=3.0)], b=[KEPT])
    assert [(flip.value, flip.chosen) for flip in found if flip.up] == [(3.0, ["a/day"])]


def test_a_store_serves_up_to_the_questions_that_were_asked_during_its_stream() -> None:
    found = changing("rate", {"fresh_seconds": 1.0}, a=[KEPT], b=[of(asked=50)])
    assert [(flip.value, flip.chosen) for flip in found if flip.up] == [(5.0, ["b/day"])]


def test_the_rate_of_events_up_to_which_a_store_is_known_to_follow_changes_the_choice() -> None:
    """The cheaper store is known to follow 2,000 events a second, and fails at 8,000."""
    stores = {"a": [KEPT, of(rate=8000, fails="its lag grew until the end")], "b": [of(rate=9000)]}
    above = changing("events_a_second", {"events_a_second": 500.0, "rate": 5.0}, **stores)
    below = changing("events_a_second", {"events_a_second": 8500.0, "rate": 5.0}, **stores)
    assert [(one.up, one.value, one.high, one.chosen) for one in above] == [(True, 2000, 8000, ["b/day"])]
    assert sorted((one.up, one.value, one.high, one.chosen) for one in below) == [
        (False, 2000, 8000, ["a/day"]),
        (True, 9000, None, []),
    ]
    assert changing("events_a_second", {}, **stores) == []
    assert changing("events_a_second", {"events_a_second": 10.0}, **stores) == []  # more than a hundred times as many
    through = {"a": [KEPT, of("pulsar", rate=5000, fails="it lost 3 events")], "b": [of(rate=9000)]}
    (either,) = changing(
        "events_a_second", {"events_a_day": 500 * 86_400.0, "fresh_seconds": 1.0, "rate": 5.0}, **through
    )
    assert (either.value, either.high) == (2000, None)  # Kafka may do at 5,000
    assert either.now == pytest.approx(500)


def test_streams_of_other_numbers_of_machines_are_left_out() -> None:
    three = msgspec.structs.replace(streams.HEADER, nodes={"duckdb": 3})
    assert streamed([[three, streams.followed()]], RUN) == {}


def test_how_fresh_a_store_was_is_said() -> None:
    asked = "a/day followed 2000 events a second through kafka, asked 5 questions a second: 99 of 100 events were in "
    assert (
        freshness("a/day", of(right=0.77))
        == f"{asked}answers within 0.5 s, and 77.0% of the answers meanwhile were right"
    )
    assert "in answers only after 0.4 s or more, and" in freshness("a/day", of(high=None))


def test_the_command_that_a_refusal_names_is_understood(command: Command) -> None:
    (refusal,) = chosen({"fresh_seconds": 1.0, "rate": 20.0}, KEPT).refused
    status, _, err = command(
        *refusal.command.replace("--layouts day", "--layouts x").replace(" a ", " duckdb ").split()[1:]
    )
    assert (status, "--layouts: game has no layout `x`" in err) == (2, True)
