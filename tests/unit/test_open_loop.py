"""Schedules, backlogs, percentiles and capacity of open and closed loops whose times the tests choose."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rollup_bench.harness.records.lines import ClosedLoop, OpenLoop, Route, Spent
from rollup_bench.harness.run import loops
from rollup_bench.harness.run.clients import Attempt, Driven, Endpoint, Work
from rollup_bench.harness.run.costs import Gauge
from rollup_bench.harness.run.loops import (
    OpenLoopResult,
    Target,
    capacity,
    growth,
    lateness,
    meets,
    next_rate,
    offer,
    read,
    responses,
    schedule,
    services,
    sweep,
)
from rollup_bench.harness.run.null import NullEngine
from rollup_bench.harness.stats import histograms
from rollup_bench.harness.stats.percentiles import queue_percentiles
from tests.support.open_loops import record

SPENT = Spent(seconds=1.0, client=0.1)
TARGET = Target(
    Endpoint("null", NullEngine([])),
    "q",
    ["x", "y"],
    "cached",
    limit=5.0,
    route=lambda request: Route((str(request),), ""),
)
SECOND, MILLISECOND = 10**9, 10**6


class Gaps:
    """Replaces a random generator: every gap is the mean gap."""

    def exponential(self, scale: float, size: int) -> Any:
        assert size >= 256 + 10 * 16  # ten standard deviations more than are expected
        return np.full(size, scale)


def test_a_schedule_ends_before_its_seconds() -> None:
    assert schedule(64.0, 4.0, Gaps()) == [i * SECOND // 64 for i in range(1, 256)]  # type: ignore[arg-type]


def did(monkeypatch: pytest.MonkeyPatch, asked: list[Attempt], handed: list[int]) -> list[tuple[object, ...]]:
    """Replaces the clients, which start at one second and return these requests; lists the arguments of each call."""
    calls: list[tuple[object, ...]] = []

    def drive(*told: object, **named: object) -> Driven:
        calls.append((*told, named))
        return Driven(SECOND, asked, handed, SPENT)

    monkeypatch.setattr(loops, "drive", drive)
    return calls


def test_a_sweep_counts_states_and_times_what_was_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = [
        Attempt(0, SECOND + 1_000, SECOND + 6_999, "r"),
        Attempt(1, SECOND + 1_000, SECOND + 10_000, "r"),
        Attempt(2, SECOND + 1_000, SECOND + 8_000, "w"),
        Attempt(3, SECOND + 1_000, SECOND + 4 * SECOND, "f"),
        Attempt(4, SECOND + 1_000, None, "t"),
    ]
    told, gauge = did(monkeypatch, asked, []), Gauge()
    assert sweep(TARGET, 3, 2.0, gauge) == ClosedLoop(
        arm="null",
        question="q",
        cache="cached",
        clients=3,
        seconds=4.0,
        right=2,
        wrong=1,
        failed=2,
        service=histograms.encode([5, 9, 7]),
        spent=SPENT,
        routes=[Route(("x",), "", 3), Route(("y",), "", 2)],
    )
    assert told == [(TARGET.arm, Work(["x", "y"], 2.0, 5.0), 3, gauge, {})]


def test_a_sweep_in_which_nothing_is_done_takes_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    did(monkeypatch, [Attempt(0, SECOND, None, "t")], [])
    assert sweep(TARGET, 1, 2.0, Gauge()).seconds == 0.0


def test_an_offer_keeps_microseconds_from_the_start_of_its_schedule(monkeypatch: pytest.MonkeyPatch) -> None:
    intended = schedule(3.0, 2.0, np.random.default_rng(5))
    assert len(intended) > 3
    handed = [SECOND + at + MILLISECOND // 2 for at in intended]
    asked = [
        Attempt(number, at + MILLISECOND + 700, at + 8 * MILLISECOND, "r") for number, at in list(enumerate(handed))[3:]
    ]
    asked += [Attempt(1, handed[1] + MILLISECOND, None, "t"), Attempt(2, None, None, "u")]
    told, gauge = did(monkeypatch, asked, handed), Gauge()
    found = offer(TARGET, 3.0, 2.0, "80%", 5, gauge, clients=64)
    at, rest = [one // 1000 for one in intended], len(intended) - 3
    assert (found.arm, found.question, found.cache, found.load) == ("null", "q", "cached", "80%")
    assert (found.rate, found.clients, found.limit, found.spent) == (3.0, 64, 5.0, SPENT)
    assert found.intended == at
    sent, done = [(one + 1_500_700) // 1000 for one in intended[3:]], [one + 8500 for one in at[3:]]
    assert found.sent == [None, at[1] + 1500, None, *sent]
    assert found.done == [None, None, None, *done]
    assert found.waited == [0, 1000, 0, *[1000] * rest]
    assert found.state == "utu" + "r" * rest
    assert sum(one.requests for one in found.routes) == rest + 1
    assert found.response == histograms.encode([5_000_000] * 3 + [8500] * rest)
    assert found.service == histograms.encode(end - begin for begin, end in zip(sent, done, strict=True))
    assert found.lateness == histograms.encode([500, *(s - a - 1000 for s, a in zip(sent, at[3:], strict=True))])
    assert told == [(TARGET.arm, Work(["x", "y"], 2.0, 5.0, intended), 64, gauge, {"processes": 2})]
    offer(TARGET, 3.0, 2.0, "80%", 5, gauge, clients=7)
    assert told[1][2] == 7


def _sweep(right: int, seconds: float, wrong: int = 0, failed: int = 0) -> ClosedLoop:
    return ClosedLoop(
        arm="a",
        question="q",
        cache="hot",
        clients=1,
        seconds=seconds,
        right=right,
        wrong=wrong,
        failed=failed,
        service="",
        spent=SPENT,
    )


def test_capacity_is_the_most_right_answers_a_second() -> None:
    assert capacity([_sweep(10, 2.0), _sweep(30, 4.0), _sweep(50, 10.0)]) == 7.5
    assert capacity([_sweep(10, 2.0), _sweep(30, 4.0, wrong=1), _sweep(90, 4.0, failed=1)]) == 5.0
    assert capacity([_sweep(10, 2.0), _sweep(90, 4.0, wrong=1, failed=1)]) == 5.0
    assert capacity([_sweep(1, 2.0)]) == 0.5
    assert capacity([_sweep(0, 0.0)]) is None
    assert capacity([]) is None


def test_times_are_from_intent_to_done_from_sent_to_done_and_from_intent_to_handed() -> None:
    line = record([0, 10, 20, 30], [100, 200, None, None], sent=[5, 50, 60, None], waited=[1, 2, 3, 0], state="rwtu")
    assert responses(line).tolist() == [100, 190, 30_000_000, 30_000_000]
    assert services(line).tolist() == [95, 150]
    assert lateness(line).tolist() == [4, 38, 37]


def test_a_failed_request_counts_for_its_limit_at_least() -> None:
    failing = record([0, 0, 0, 0], [10, 20, 40_000_000, 50], state="rftr")
    assert responses(failing).tolist() == [10, 30_000_000, 40_000_000, 50]
    assert services(failing).tolist() == [10, 50]
    assert read(failing).failed == 2


arrivals = st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 400)), min_size=2, max_size=40)


@given(arrivals)
@settings(max_examples=100)
def test_growth_is_the_line_through_what_is_under_way_at_each_arrival(requests: list[tuple[int, int]]) -> None:
    requests = sorted(requests)
    at, done = [at for at, _ in requests], [at + took for at, took in requests]
    if at[0] == at[-1]:
        assert growth(record(at, done)) == 0.0
        return
    backlog = [sum(then >= now for then in done[: i + 1]) for i, now in enumerate(at)]
    gained = float(np.polyfit(at, backlog, 1)[0]) * (at[-1] - at[0])
    assert growth(record(at, list(done))) == pytest.approx(gained, abs=1e-6)


def test_fewer_than_two_requests_have_no_backlog() -> None:
    assert growth(record([], [])) == growth(record([5], [9])) == 0.0


def _stuck(requests: int, every: int) -> OpenLoop:
    """An open loop in which every n-th request ends long after its arrival, and all others at once."""
    intended = [i * 10_000 for i in range(requests)]
    return record(intended, [at + (10**10 if i % every == 0 else 1) for i, at in enumerate(intended)])


@pytest.mark.parametrize(
    ("line", "outcome"),
    [
        (_stuck(21, 1), "sustained"),  # gains 20
        (_stuck(22, 1), "not sustained"),  # 21
        (_stuck(1000, 25), "sustained"),  # 40 of 1000
        (_stuck(1000, 15), "not sustained"),  # 67
    ],
)
def test_a_backlog_that_gains_twenty_and_a_twentieth_of_all_is_not_sustained(line: OpenLoop, outcome: str) -> None:
    found = read(line)
    assert found.outcome == outcome
    if outcome == "not sustained":
        assert (found.response, found.service, found.maximum) == ({}, {}, None)


def _late(by: Sequence[int], response: int) -> OpenLoop:
    """An open loop, one request for each delay: so many microseconds after its time it is handed to a client."""
    intended = [i * 1_000_000 for i in range(len(by))]
    sent = [at + late for at, late in zip(intended, by, strict=True)]
    return record(intended, [at + response for at in intended], sent=sent)


@pytest.mark.parametrize(
    ("line", "late", "slow"),
    [
        (_late([1000] * 100, 20_000), 0.001, False),
        (_late([1001] * 100, 20_000), 0.001001, True),
        (_late([5000] * 100, 100_000), 0.005, False),
        (_late([5001] * 100, 100_000), 0.005001, True),
        (_late([0] * 99 + [10**6], 2 * 10**6), 0.0, False),
        (_late([0] * 98 + [10**6] * 2, 2 * 10**6), 1.0, True),
    ],
)
def test_a_client_is_too_slow_if_one_in_a_hundred_is_late_by_a_millisecond_and_a_twentieth(
    line: OpenLoop, late: float, slow: bool
) -> None:
    found = read(line)
    assert found.outcome == ("client too slow" if slow else "sustained")
    assert found.lateness == pytest.approx(late)
    assert (found.maximum is None) is slow


def test_one_response_in_a_hundred_does_not_excuse_a_late_client() -> None:
    line = _late([2000] * 100, 20_000)
    line.done[-1] = 99 * 1_000_000 + 10**8
    assert read(line).outcome == "client too slow"
    line.done[-2] = 98 * 1_000_000 + 10**8
    assert read(line).outcome == "sustained"


def test_a_load_that_is_sustained_has_percentiles_in_seconds() -> None:
    """Every eighth of 80 requests is slow: ten are beyond p75, and none beyond p90."""
    took = [*[1000] * 7, 3000] * 10
    intended = [i * 1_000_000 for i in range(80)]
    sent = [at + 500 for at in intended]
    done = [at + each for at, each in zip(intended, took, strict=True)]
    found = read(record(intended, list(done), sent=sent, state="r" * 78 + "fr", limit=0.002, rate=7.0))
    assert found == OpenLoopResult(
        outcome="sustained",
        rate=7.0,
        requests=80,
        failed=1,
        maximum=0.003,
        response={"p50": 0.001, "p75": 0.001},
        service={"p50": 0.0005, "p75": 0.0005},
        lateness=0.0005,
    )


def test_no_requests_say_nothing() -> None:
    assert read(record([], [])) == OpenLoopResult("sustained", 100.0, 0, 0, lateness=0.0)


def test_requests_that_were_never_sent_or_answered_wrongly_void_a_rate() -> None:
    assert read(record([0, 9], [5, None], sent=[0, None], state="wu", rate=3.0)) == OpenLoopResult(
        "wrong answers", 3.0, 2, 1
    )
    assert read(record([0, 9], [5, None], sent=[0, None], state="ru", rate=3.0)) == OpenLoopResult(
        "not sustained", 3.0, 2, 1
    )


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ([0, 1] * 10, {"p50": 0.5}),
        ([1, 0] * 10, {"p50": 0.5}),
        ([0, 1] * 9, {}),
        ([0, 0, 0, 1, 1] * 10, {"p50": 0.0}),
        ([0, 1, 2, 0, 1, 2], {}),
        ([0] * 1000 + [1] * 1000, {}),
        ([], {}),
    ],
)
def test_a_percentile_of_a_sequence_has_ten_episodes_beyond(values: list[int], found: dict[str, float]) -> None:
    assert queue_percentiles(values) == found


def _offered(rate: float, response: int, requests: int = 40, **changes: object) -> OpenLoop:
    """An open loop in which every second request takes this many microseconds, and all others one."""
    intended = [i * 1_000_000 for i in range(requests)]
    return record(intended, [at + (response if i % 2 else 1) for i, at in enumerate(intended)], rate, **changes)


def test_an_objective_is_met_with_a_percentile_within_its_seconds() -> None:
    """The median of 1 and 19,999 is 10,000 microseconds."""
    assert meets(_offered(1, 19_999), "p50", 0.01) is True
    assert meets(_offered(1, 20_001), "p50", 0.01) is False
    assert meets(_offered(1, 19_999), "p75", 0.01) is None
    assert meets(_offered(1, 19_999, state="r" * 39 + "f"), "p50", 40.0) is False
    assert meets(_offered(1, 19_999, state="r" * 39 + "u"), "p50", 0.01) is False
    assert meets(_offered(1, 19_999, state="r" * 39 + "w"), "p50", 0.01) is False
    assert meets(_stuck(30, 1), "p50", 10**9) is False
    assert meets(_late([9000] * 100, 20_000), "p50", 1.0) is None


def _known(**outcomes: bool | None) -> tuple[list[OpenLoop], dict[float, bool | None]]:
    found = {float(name[1:]): known for name, known in outcomes.items()}
    return [record([], [], rate) for rate in found], found


@pytest.mark.parametrize(
    ("outcomes", "rate"),
    [
        ({}, 50.0),
        ({"r50": True}, 75.0),
        ({"r50": False}, 25.0),
        ({"r50": None}, 25.0),
        ({"r50": None, "r60": True}, 80.0),
        ({"r50": True, "r60": None}, None),
        ({"r50": True, "r61": None}, 55.5),
        ({"r50": True, "r60": False}, None),
        ({"r50": True, "r60": False, "r20": True}, None),
        ({"r50": True, "r90": False, "r70": False}, 60.0),
        ({"r50": True, "r40": False}, None),
        ({"r10": False}, None),
    ],
)
def test_the_next_rate_halves_what_is_between_met_and_missed(
    outcomes: dict[str, bool | None], rate: float | None
) -> None:
    records, known = _known(**outcomes)
    assert next_rate(records, 100.0, lambda one: known[one.rate]) == rate
