"""The test for a shift and the windows of a warm-up, on numbers that can be worked out by hand."""

import math
from collections.abc import Callable, Sequence
from itertools import count

import pytest

from rollup_bench.harness.run.warm_up import shift, steady, warm_up

MILLISECOND = 10**6


class Clock:
    """A clock that each request moves by the next of some durations, the last of them for ever."""

    def __init__(self, durations: Sequence[int], now: int = 7) -> None:
        self.now, self.durations, self.asked = now, durations, 0

    def __call__(self) -> int:
        return self.now

    def ask(self) -> bool:
        self.now += self.durations[min(self.asked, len(self.durations) - 1)]
        self.asked += 1
        return True


def test_pettitts_probability_is_as_published() -> None:
    """Of 20 rising values the 10 first are below the 10 last, so U is 100; p = 2 exp(-6 U^2 / (n^3 + n^2))."""
    assert shift(range(20)) == pytest.approx(2 * math.exp(-60_000 / 8_400))


@pytest.mark.parametrize("windows", [[1.0, 2.0], [1.0] * 20, [3.0, 1.0, 2.0]])
def test_a_probability_is_never_over_1(windows: list[float]) -> None:
    assert shift(windows) == 1.0


def test_ties_count_for_neither_side() -> None:
    """15 ones and 5 twos: of 100 pairs across any cut at most 75 differ, at the cut between them."""
    assert shift([1.0] * 15 + [2.0] * 5) == pytest.approx(2 * math.exp(-6 * 75**2 / 8_400))


def test_only_the_last_20_windows_count() -> None:
    assert steady([9.0, *[1.0] * 20])
    assert steady([*range(40), *[1.0] * 20])
    assert not steady([*[1.0] * 20, *range(20)])


def test_a_window_is_one_request_that_fills_it() -> None:
    clock = Clock([10 * MILLISECOND])
    assert warm_up(clock.ask, 10.0, clock).windows == [10 * MILLISECOND] * 20
    assert clock.asked == 20


def test_short_requests_share_a_window_and_their_median_stands_for_it() -> None:
    clock = Clock([2 * MILLISECOND, 3 * MILLISECOND, 5 * MILLISECOND] * 20)
    found = warm_up(clock.ask, 10.0, clock)
    assert (found.windows, found.steady, clock.asked) == ([3 * MILLISECOND] * 20, True, 60)


def test_a_request_too_short_for_the_clock_counts_as_a_nanosecond() -> None:
    clock = Clock([0, 0, 10 * MILLISECOND] * 20)
    assert warm_up(clock.ask, 10.0, clock).windows == [1] * 20


def test_a_warm_up_goes_on_while_times_fall_until_its_time_is_up() -> None:
    falling = range(50 * MILLISECOND, 10 * MILLISECOND, -MILLISECOND)
    for seconds, steady_at_last in ((10.0, True), (1.0, False)):
        clock = Clock([*falling, 10 * MILLISECOND])
        found = warm_up(clock.ask, seconds, clock)
        assert found.steady is steady_at_last
        assert (len(found.windows) > len(falling)) is steady_at_last


def test_a_warm_up_ends_when_its_time_is_up_to_the_nanosecond() -> None:
    clock = Clock([100 * MILLISECOND, 200 * MILLISECOND, 300 * MILLISECOND, 400 * MILLISECOND])
    found = warm_up(clock.ask, 1.0, clock)
    assert found.windows == [100 * MILLISECOND, 200 * MILLISECOND, 300 * MILLISECOND, 400 * MILLISECOND]
    assert not found.steady


@pytest.mark.parametrize("refused", [1, 20])
def test_a_warm_up_ends_when_it_is_refused_and_is_then_not_steady(refused: int) -> None:
    clock, numbers = Clock([10 * MILLISECOND]), count(1)
    ask: Callable[[], bool] = lambda: clock.ask() and next(numbers) < refused  # noqa: E731
    found = warm_up(ask, 10.0, clock)
    assert (found.steady, clock.asked, len(found.windows)) == (False, refused, refused)


def test_no_time_is_no_warm_up() -> None:
    clock = Clock([MILLISECOND])
    found = warm_up(clock.ask, 0.0, clock)
    assert (found.windows, found.steady, clock.asked) == ([], False, 0)
