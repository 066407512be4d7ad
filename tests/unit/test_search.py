"""The search for the highest rate that meets an objective, on engines whose response times are computed."""

import msgspec
import numpy as np
import pytest

from rollup_bench.harness.records.lines import ClosedLoop, OpenLoop, Spent
from rollup_bench.harness.run import search
from rollup_bench.harness.run.search import highest, lowest, meets, next_number, number_below, rate, slow_when_idle
from rollup_bench.harness.stats import histograms
from tests.support.open_loops import record


def test_rates_are_the_preferred_numbers() -> None:
    assert [rate(number) for number in range(-1, 12)] == [0.8, 1, 1.25, 1.6, 2, 2.5, 3.15, 4, 5, 6.3, 8, 10, 12.5]
    steps = [rate(number + 1) / rate(number) for number in range(-20, 60)]
    assert 1.24 < min(steps) < max(steps) < 1.29


@pytest.mark.parametrize(
    ("requests", "number"), [(1.0, 0), (1.24, 0), (1.25, 1), (9.99, 9), (10, 10), (0.79, -2), (0.8, -1), (6300, 38)]
)
def test_the_rate_below_is_the_highest_that_is_not_above(requests: float, number: int) -> None:
    assert number_below(requests) == number


def test_the_lowest_rate_sends_enough_requests_in_the_seconds_that_there_are() -> None:
    assert rate(lowest(120)) * 120 >= 200 > rate(lowest(120) - 1) * 120


@pytest.mark.parametrize(
    ("outcomes", "number"),
    [
        ({}, 5),
        ({5: True}, 7),
        ({5: True, 7: False}, 6),
        ({5: True, 7: False, 6: True}, None),
        ({5: True, 7: False, 6: False}, None),
        ({5: True, 6: None}, None),
        ({5: True, 9: None}, 7),
        ({5: None, 7: True}, 9),
        ({5: False}, 3),
        ({5: None, 3: False}, 1),
        ({5: False, 3: True}, 4),
    ],
)
def test_the_next_rate_is_between_the_one_that_met_and_the_one_that_missed(
    outcomes: dict[int, bool | None], number: int | None
) -> None:
    assert next_number(outcomes, 5) == number


def slow(response: int, state: str = "r" * 400, **changes: object) -> OpenLoop:
    """An open loop in which one request in fifteen, and so the p95, takes this many microseconds."""
    intended = [i * 1_000_000 for i in range(len(state))]
    done = [at + (response + i if i % 15 == 0 else 1) for i, at in enumerate(intended)]
    return msgspec.structs.replace(record(intended, done, state=state, objective=0.01), **changes)


def clusters(number: int, response: int) -> OpenLoop:
    """An open loop with clusters of ten slow requests, of which those in every second cluster are slower."""
    intended = [i * 1_000_000 for i in range(400)]
    slow_ones = {40 * cluster + i: response * (1 + cluster % 2) for cluster in range(number) for i in range(10)}
    return record(intended, [at + slow_ones.get(i, 1) for i, at in enumerate(intended)], objective=0.01)


def test_an_objective_is_met_if_the_p95_is_within_its_seconds() -> None:
    assert meets(slow(9_000)) is True
    assert meets(slow(10_001)) is False
    assert meets(slow(9_000, state="r" * 399 + "f")) is False
    assert meets(slow(9_000, state="r" * 399 + "u")) is False
    assert meets(slow(9_000, state="r" * 399 + "w")) is False
    assert meets(slow(9_000, state="r" * 100)) is True  # only 7 requests are beyond the p95, but all are fast enough
    assert meets(slow(10_001, state="r" * 100)) is None
    assert meets(clusters(10, 10_001)) is False  # nothing exceeds the p95, but ten clusters the objective
    assert meets(clusters(9, 10_001)) is None
    assert meets(slow(9_000, state="r" * 19)) is None


class Simulated:
    """Answers as a queue with one server does: the p95 is 3 / (capacity - rate). Notes which rates were offered."""

    def __init__(self, capacity: float, lucky: tuple[int, ...] = ()) -> None:
        self.capacity, self.lucky = capacity, lucky
        self.records: list[OpenLoop] = []

    def __call__(self, purpose: str, number: int) -> OpenLoop:
        free = self.capacity - rate(number)
        response = 9_000 if purpose == search.SEARCH and number in self.lucky else 3e6 / free if free > 0 else 10**8
        line = slow(int(response), load=f"{purpose} {rate(number):g}", rate=rate(number))
        self.records.append(line)
        return line


@pytest.mark.parametrize("first", [14, 22, 26, 32, 36])
def test_the_highest_rate_is_found_from_any_rate_and_confirmed(first: int) -> None:
    """The p95 is within 10 ms up to 700 requests per second; of the rates, 630 is the highest below."""
    engine = Simulated(1000)
    search.search(engine, first, lowest=0)
    found = highest(engine.records)
    assert found is not None
    assert (found.rate, found.load) == (630, "confirm 630")
    assert len(engine.records) <= 11
    assert len({line.load for line in engine.records}) == len(engine.records)


def test_a_rate_that_is_not_confirmed_gives_way_to_the_next_lower_one() -> None:
    engine = Simulated(1000, lucky=(29,))
    search.search(engine, 26, lowest=0)
    assert [line.load for line in engine.records[-2:]] == ["confirm 800", "confirm 630"]
    assert highest(engine.records) == engine.records[-1]


def test_a_longer_schedule_decides_where_the_first_one_does_not_tell() -> None:
    engine = Simulated(1000)

    def brief(purpose: str, number: int) -> OpenLoop:
        line = engine(purpose, number)
        return line if purpose == search.CONFIRM else slow(10_001, "r" * 100, load=line.load, rate=line.rate)

    search.search(brief, 26, lowest=0)
    found = highest(engine.records)
    assert found is not None
    assert found.rate == 630


def test_no_rate_below_the_lowest_is_offered() -> None:
    engine = Simulated(10)
    search.search(engine, 12, lowest=5)
    assert [line.rate for line in engine.records] == [16, 10, 6.3, 4]
    assert highest(engine.records) is None


def closed(clients: int, milliseconds: int) -> ClosedLoop:
    service = histograms.encode([1000] * 90 + [milliseconds * 1000] * 10)
    fields = {"arm": "a", "question": "q", "cache": "hot", "seconds": 1.0, "right": 100, "wrong": 0, "failed": 0}
    return ClosedLoop(clients=clients, service=service, spent=Spent(seconds=1.0, client=0.1), **fields)  # type: ignore[arg-type]


def test_an_arm_is_slow_when_idle_if_the_p95_of_one_client_is_beyond_the_objective() -> None:
    assert slow_when_idle([closed(1, 101), closed(8, 5)], 0.1)
    assert not slow_when_idle([closed(1, 99), closed(8, 500)], 0.1)
    assert not slow_when_idle([], 0.1)


def test_responses_of_a_simulated_engine_are_those_that_were_meant() -> None:
    line = Simulated(1000)(search.SEARCH, 25)
    assert np.quantile([done - at for at, done in zip(line.intended, line.done, strict=True) if done], 0.95) > 4000
