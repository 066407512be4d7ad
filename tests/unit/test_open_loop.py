"""Schedules, backlogs, percentiles and capacity of open and closed loops whose times the tests choose."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rollup_bench.harness.records.lines import ClosedLoop, OpenLoop, Route, Spent
from rollup_bench.harness.run.clients import Attempt, Driven, Endpoint, Work
from rollup_bench.harness.run.costs import Gauge
from rollup_bench.harness.run.loops import (
    OpenLoopResult,
    Target,
    capacity,
    growth,
    lateness,
    offer,
    read,
    responses,
    schedule,
    services,
    sweep,
)
from rollup_bench.harness.run.null import NullEngine
from rollup_bench.harness.run.search import meets
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


@given(st.floats(0.1, 500), st.floats(0.1, 20), st.integers(0, 9))
@settings(max_examples=50)
def test_a_schedule_has_the_number_of_requests_that_its_rate_says(rate: float, seconds: float, seed: int) -> None:
    times = schedule(rate, seconds, np.random.default_rng(seed))
    assert len(times) == round(rate * seconds)
    assert times == sorted(times)
    assert all(0 <= at < seconds * SECOND for at in times)


class Clients:
    """Stands for the clients, which start at one second and return these attempts; notes what they are told."""

    def __init__(self, attempts: list[Attempt], handed: Sequence[int] = ()) -> None:
        self.driven = Driven(SECOND, attempts, list(handed), SPENT)
        self.told: list[tuple[object, ...]] = []

    def __call__(self, *told: object) -> Driven:
        self.told.append(told)
        return self.driven


def test_a_sweep_counts_states_and_times_what_was_answered() -> None:
    asked = [
        Attempt(0, SECOND + 1_000, SECOND + 6_999, "r"),
        Attempt(1, SECOND + 1_000, SECOND + 10_000, "r"),
        Attempt(2, SECOND + 1_000, SECOND + 8_000, "w"),
        Attempt(3, SECOND + 1_000, SECOND + 4 * SECOND, "f"),
        Attempt(4, SECOND + 1_000, None, "t"),
    ]
    clients, gauge = Clients(asked), Gauge()
    assert sweep(TARGET, 3, 2.0, gauge, clients) == ClosedLoop(
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
    assert clients.told == [(TARGET.arm, Work(["x", "y"], 2.0, 5.0), 3, gauge)]


def test_a_sweep_in_which_nothing_is_done_takes_no_time() -> None:
    assert sweep(TARGET, 1, 2.0, Gauge(), Clients([Attempt(0, SECOND, None, "t")])).seconds == 0.0


def test_an_offer_keeps_microseconds_from_the_start_of_its_schedule() -> None:
    intended = schedule(3.0, 2.0, np.random.default_rng(5))
    assert len(intended) > 3
    handed = [SECOND + at + MILLISECOND // 2 for at in intended]
    asked = [
        Attempt(number, at + MILLISECOND + 700, at + 8 * MILLISECOND, "r") for number, at in list(enumerate(handed))[3:]
    ]
    asked += [Attempt(1, handed[1] + MILLISECOND, None, "t"), Attempt(2, None, None, "u")]
    clients, gauge = Clients(asked, handed), Gauge()
    found = offer(TARGET, 3.0, 2.0, "search 3", 5, gauge, 64, clients)
    at, rest = [one // 1000 for one in intended], len(intended) - 3
    assert (found.arm, found.question, found.cache, found.load) == ("null", "q", "cached", "search 3")
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
    assert clients.told == [(TARGET.arm, Work(["x", "y"], 2.0, 5.0, intended), 64, gauge)]
    offer(TARGET, 3.0, 2.0, "search 3", 5, gauge, 7, clients)
    assert clients.told[1][2] == 7


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


arrivals = st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 400)), min_size=20, max_size=60)


@given(arrivals)
@settings(max_examples=100)
def test_growth_is_what_the_backlog_gains_and_its_interval_is_that_of_ten_parts(
    requests: list[tuple[int, int]],
) -> None:
    requests = sorted(requests)
    at, done = [at for at, _ in requests], [at + took for at, took in requests]
    backlog = [sum(then >= now for then in done[: i + 1]) for i, now in enumerate(at)]
    gained, reach = growth(record(at, list(done)))
    assert gained == backlog[-1] - backlog[0]
    ends = [backlog[round(part * (len(at) - 1) / 10)] for part in range(11)]
    assert reach == pytest.approx(2.262157 * 10**0.5 * np.std(np.diff(ends), ddof=1), rel=1e-4)


def test_fewer_than_twenty_requests_do_not_tell_how_a_backlog_grows() -> None:
    assert growth(record([0] * 19, [1] * 19)) == (0.0, np.inf)
    assert growth(record([i * 10 for i in range(20)], [i * 10 + 1 for i in range(20)])) == (0.0, 0.0)


def _stuck(requests: int, ends: int, of: int) -> OpenLoop:
    """An open loop in which of every `of` successive requests, `ends` end at once, and all others long afterwards."""
    intended = [i * 10_000 for i in range(requests)]
    return record(intended, [at + (1 if i % of < ends else 10**10) for i, at in enumerate(intended)])


def _busy(requests: int, late: int) -> OpenLoop:
    """An open loop whose backlog only grows in the sixth tenth, in which `late` requests do not end."""
    intended = [i * 10_000 for i in range(requests)]
    stuck = range(requests // 2 + 1, requests // 2 + 1 + late)
    return record(intended, [at + (10**10 if i in stuck else 1) for i, at in enumerate(intended)])


@pytest.mark.parametrize(
    ("line", "outcome"),
    [
        (_stuck(1000, 10, 10), "sustained"),
        (_stuck(1000, 9, 10), "not sustained"),  # each part of 100 requests gains 10
        (_stuck(19, 1, 1), "undecided"),
        (_stuck(20, 1, 1), "sustained"),
        (_busy(1000, 60), "sustained"),  # the 95% interval reaches from -75 to 195 of at most 200
        (_busy(1000, 62), "undecided"),  # to 202
    ],
)
def test_a_rate_is_sustained_if_the_backlog_gains_less_than_a_fifth_of_all(line: OpenLoop, outcome: str) -> None:
    """A rate of 1.25 times the capacity leaves a fifth of all requests behind."""
    result = read(line)
    assert result.outcome == outcome
    if outcome != "sustained":
        assert (result.response, result.service, result.maximum) == ({}, {}, None)


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


def test_a_load_with_a_failed_request_is_not_called_sustained() -> None:
    at = [i * 1_000_000 for i in range(80)]
    done = [instant + 1000 for instant in at]
    found = read(record(at, list(done), state="r" * 78 + "fr"))
    assert (found.outcome, found.failed, found.response) == ("failed requests", 1, {})
    assert meets(record(at, list(done), state="r" * 78 + "fr")) is False


def test_a_load_that_is_sustained_has_percentiles_in_seconds() -> None:
    """Every eighth of 80 requests is slow: ten are beyond p75, and none beyond p90."""
    took = [*[1000] * 7, 3000] * 10
    intended = [i * 1_000_000 for i in range(80)]
    sent = [at + 500 for at in intended]
    done = [at + each for at, each in zip(intended, took, strict=True)]
    found = read(record(intended, list(done), sent=sent, state="r" * 80, limit=0.002, rate=7.0))
    assert found == OpenLoopResult(
        outcome="sustained",
        rate=7.0,
        requests=80,
        failed=0,
        maximum=0.003,
        response={"p50": 0.001, "p75": 0.001},
        service={"p50": 0.0005, "p75": 0.0005},
        lateness=0.0005,
    )


def test_no_requests_say_nothing() -> None:
    assert read(record([], [])) == OpenLoopResult("undecided", 100.0, 0, 0, lateness=0.0)


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
