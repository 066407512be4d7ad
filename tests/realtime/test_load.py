"""OpenLoop and closed loops against an engine whose service times are known."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from typing import Any

import numpy as np
import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given
from hypothesis import strategies as st

from rollup_bench.errors import FailureError
from rollup_bench.harness.records.lines import OpenLoop
from rollup_bench.harness.run.clients import Endpoint, Work, drive, open_loop
from rollup_bench.harness.run.costs import Gauge
from rollup_bench.harness.run.loops import Target, capacity, lateness, offer, read, responses, schedule, services, sweep
from rollup_bench.harness.run.null import NullEngine, lindley
from rollup_bench.harness.run.sender import due, real_time
from tests.support.open_loops import record

GAUGE = Gauge()


def _queue(rate: float, service: float, seconds: float, seed: int) -> OpenLoop:
    """A queue with exponential service times, in theory."""
    rng = np.random.default_rng(seed)
    intended = [at // 1000 for at in schedule(rate, seconds, rng)]
    waits = lindley(intended, [int(1e6 * one) for one in rng.exponential(service, len(intended))])
    return record(intended, [at + wait for at, wait in zip(intended, waits, strict=True)], rate)


@given(st.lists(st.tuples(st.integers(0, 10**9), st.integers(1, 10**9)), min_size=1, max_size=30), st.integers(0, 29))
def test_every_response_is_lindleys_a_stall_included(requests: list[tuple[int, int]], stalled: int) -> None:
    """On a clock that moves only by sleeping and serving, to the nanosecond."""
    intended = sorted(at for at, _ in requests)
    served = [service + (10**9 if i == stalled else 0) for i, (_, service) in enumerate(requests)]
    now = [0]

    def pass_by(nanoseconds: float) -> None:
        now[0] += round(nanoseconds)

    log: list[list[Any]] = []
    open_loop(
        lambda request: pass_by(served[request]),
        Work(range(len(served)), seconds=60, limit=60, intended=intended),
        due(intended, 0, clock=lambda: now[0], sleep=lambda seconds: pass_by(seconds * 1e9)),
        start=0,
        log=log,
        clock=lambda: now[0],
    )
    measured = [done - at for (_, _, done, _), at in zip(log, intended, strict=True)]
    assert measured == lindley(intended, served)
    free = [0, *(done for _, _, done, _ in log)]  # when the one session was free for each
    assert [sent - max(at, before) for (_, sent, _, _), at, before in zip(log, intended, free, strict=False)] == (
        [0] * len(log)
    )


@pytest.mark.alone
def test_real_clients_measure_lindleys_responses_through_a_stall() -> None:
    """In real time, by processes. A busy machine delays a few requests; coordinated omission would miss half."""
    served = np.random.default_rng(5).exponential(0.01, 300)
    served[60] = 1.0
    target = Target(Endpoint("null", NullEngine(served.tolist(), queue=True)), "q", range(300))

    def shares_within_bound(seed: int) -> tuple[float, float]:
        offered = offer(target, 50, 4.0, "search 50", seed, GAUGE, clients=8)
        late = lateness(offered)
        arrivals = [at + int(by) for at, by in zip(offered.intended, late, strict=True)]
        theory = late + lindley(arrivals, [int(served[i % 300] * 1e6) for i in range(len(arrivals))])
        assert theory.max() >= 1_000_000
        bound = np.maximum(1000, 0.02 * theory)
        right, omitting = (np.abs(one - theory) <= bound for one in (responses(offered), services(offered)))
        return float(right.mean()), float(omitting.mean())

    tried: list[tuple[float, float]] = []
    while len(tried) < 4 and not (tried and tried[-1][0] > 0.9 and tried[-1][1] < 0.7):
        tried.append(shares_within_bound(len(tried)))
    assert tried[-1][0] > 0.9
    assert tried[-1][1] < 0.7


def test_a_schedule_is_poisson_and_the_seeds_own() -> None:
    rng = np.random.default_rng
    times = schedule(1000, 30, rng(1))
    gaps = np.diff(times) / 1e9
    assert times == schedule(1000, 30, rng(1)) != schedule(1000, 30, rng(2))
    assert times == sorted(times)
    assert len(times) == pytest.approx(30_000, rel=0.03)
    assert gaps.std() / gaps.mean() == pytest.approx(1.0, abs=0.03)  # exponential


def test_a_queue_below_its_capacity_is_sustained_and_one_above_is_not() -> None:
    below = [read(_queue(rate=80, service=0.01, seconds=10, seed=seed)).outcome for seed in range(100)]
    above = [read(_queue(rate=115, service=0.01, seconds=10, seed=seed)).outcome for seed in range(100)]
    assert below.count("sustained") >= 97
    assert above.count("not sustained") >= 90


def _right_below(limit: int, number: int, answer: object) -> bool:
    return number < limit


@pytest.mark.alone
def test_a_sweep_counts_what_its_clients_did() -> None:
    target = Target(Endpoint("null", NullEngine([0.005] * 4)), "q", range(4))
    one, four = sweep(target, 1, 0.5, GAUGE), sweep(target, 4, 0.5, GAUGE)
    assert one.wrong == one.failed == four.wrong == four.failed == 0
    assert one.right <= 0.5 / 0.005 + 1 < four.right <= 4 * (0.5 / 0.005 + 1)
    assert capacity([one, four]) == four.right / four.seconds
    assert HdrHistogram.decode(four.service).get_total_count() == four.right
    wrong = sweep(
        Target(Endpoint("null", NullEngine([0.005] * 4), partial(_right_below, 3)), "q", range(4)), 2, 0.2, GAUGE
    )
    assert wrong.wrong > 0
    assert wrong.right > 0
    assert capacity([wrong]) is None


@pytest.mark.alone
def test_every_client_of_a_sweep_asks_all_requests_alike() -> None:
    """Else one that asks the fast ones alone would pass for capacity."""
    served = [0.001, 0.04, 0.04, 0.04]
    work = Work(range(4), seconds=0.5, limit=30.0)
    attempts = drive(Endpoint("null", NullEngine(served)), work, 4, GAUGE).attempts
    counts = [sum(one.number % 4 == request for one in attempts) for request in range(4)]
    assert max(counts) - min(counts) <= 4
    assert len({one.number for one in attempts}) == len(attempts)


@pytest.mark.alone
def test_a_request_waits_for_a_free_session_and_the_schedule_does_not() -> None:
    """Four sessions, each busy for a tenth of a second: of ten requests at once the last has waited for two others."""
    target = Endpoint("null", NullEngine([0.1]))
    driven = drive(target, Work([0], seconds=1.0, limit=30.0, intended=[0] * 10), 4, GAUGE, processes=2)
    waited = sorted(one.sent - driven.handed[one.number] for one in driven.attempts if one.sent)
    assert len(waited) == 10
    assert driven.handed[-1] - driven.start < 100_000_000
    assert max(one.sent for one in driven.attempts if one.sent) - driven.handed[0] >= 200_000_000


@pytest.mark.alone
def test_what_cannot_be_sent_in_time_is_given_up() -> None:
    driven = drive(
        Endpoint("null", NullEngine([0.7])), Work([0], seconds=0.1, limit=0.5, intended=[0] * 9), 2, GAUGE, processes=2
    )
    assert [one.state for one in driven.attempts].count("u") == 7


@contextmanager
def _refuses() -> Iterator[None]:
    raise ConnectionRefusedError("nobody is listening")
    yield


@contextmanager
def _ends_its_process() -> Iterator[object]:
    yield lambda _: os._exit(3)


def test_a_client_s_process_that_ends_in_the_middle_is_one_line() -> None:
    target = Target(Endpoint("gone", _ends_its_process), "q", [None])  # type: ignore[arg-type]
    with pytest.raises(FailureError, match="ended with status 3"):
        offer(target, 20, 0.5, "search 20", 1, GAUGE, clients=2)


def test_a_check_that_fails_is_not_taken_for_the_engine() -> None:
    target = Target(Endpoint("null", NullEngine([0.001]), partial(_right_below, None)), "q", [0])  # type: ignore[arg-type]
    with pytest.raises(FailureError, match="failed: TypeError"):
        sweep(target, 1, 0.1, GAUGE)


def test_the_sender_s_priority_is_its_own_again_afterwards() -> None:
    before = os.sched_getscheduler(0)
    with pytest.raises(KeyError), real_time():
        raise KeyError
    assert os.sched_getscheduler(0) == before


@contextmanager
def _fails_in_turn() -> Iterator[object]:
    numbers = count()

    def ask(_: object) -> None:
        match next(numbers) % 4:
            case 1:
                raise TimeoutError
            case 2:
                raise ValueError
            case 3:
                time.sleep(0.2)

    yield ask


def test_a_client_that_cannot_connect_is_one_line() -> None:
    target = Target(Endpoint("gone", _refuses), "q", [None])  # type: ignore[arg-type]
    with pytest.raises(FailureError, match="could not connect: ConnectionRefusedError: nobody is listening"):
        sweep(target, 2, 0.1, GAUGE)


@pytest.mark.alone
def test_failures_and_timeouts_are_counted_with_their_limit() -> None:
    target = Target(Endpoint("weak", _fails_in_turn, embedded=True), "q", [None], limit=0.1)  # type: ignore[arg-type]
    offered = offer(target, 20, 2.0, "search 20", 1, GAUGE, clients=4)
    assert set(offered.state) == {"r", "f", "t"}
    assert responses(offered)[[state != "r" for state in offered.state]].min() >= 100_000
    assert HdrHistogram.decode(offered.response).get_total_count() == len(offered.state)
    assert len(lateness(offered)) == len(offered.state)
