"""A queue with one server: Lindley's recursion and the null engine's own."""

from collections.abc import Iterator

import pytest

from rollup_bench.harness.run import null
from rollup_bench.harness.run.null import NullEngine, lindley

SECOND = 10**9


def test_a_request_waits_for_those_before_it() -> None:
    """The four requests wait 0, 2, 1 and 0; the last comes when the queue is empty."""
    assert lindley([0, 3, 9, 100], [5, 5, 5, 5]) == [5, 7, 6, 5]


def test_a_first_arrival_does_not_wait_for_the_time_before_it() -> None:
    assert lindley([50], [5]) == [5]
    assert lindley([], []) == []


def test_every_arrival_has_a_service() -> None:
    with pytest.raises(ValueError, match="shorter"):
        lindley([1, 2], [1])


@pytest.fixture
def slept_until(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The instants until which the engine would have slept. The clock starts at 7 and moves by 1 when it is read."""
    instants: list[int] = []
    monkeypatch.setattr(null, "sleep_until", instants.append)
    monkeypatch.setattr("rollup_bench.harness.run.null.time.monotonic_ns", iter(range(7, 100)).__next__)
    return instants


def asked(engine: NullEngine, *requests: int) -> Iterator[tuple[int, int]]:
    with engine() as ask:
        yield from [ask(request) for request in requests]


def test_without_a_queue_all_are_served_at_once(slept_until: list[int]) -> None:
    assert list(asked(NullEngine([1.0, 2.5]), 0, 1, 0)) == [(7, 7 + SECOND), (8, 8 + 5 * SECOND // 2), (9, 9 + SECOND)]
    assert slept_until == [7 + SECOND, 8 + 5 * SECOND // 2, 9 + SECOND]


def test_in_a_queue_each_begins_when_the_one_before_is_done(slept_until: list[int]) -> None:
    engine = NullEngine([1.0, 1e-9], queue=True)
    assert [*asked(engine, 1, 1, 0), *asked(engine, 0)] == [
        (7, 8),
        (8, 9),
        (9, 9 + SECOND),
        (9 + SECOND, 9 + 2 * SECOND),
    ]
    assert slept_until == [8, 9, 9 + SECOND, 9 + 2 * SECOND]
