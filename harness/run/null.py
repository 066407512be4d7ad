"""The null engine, which sleeps for a known time instead of answering; all other measured time is overhead."""

import multiprocessing
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.sharedctypes import Synchronized

from rollup_bench.harness.run.sender import real_time, sleep_until


class NullEngine:
    """Serves request i by sleeping `services[i]` seconds: requests run in parallel or, with `queue`, one by one.

    The answer is the pair of nanoseconds (monotonic clock) at which the service began and ended.
    """

    def __init__(self, services: Sequence[float], queue: bool = False) -> None:
        self._services = [int(service * 1e9) for service in services]
        self._free: Synchronized[int] | None = None
        if queue:
            self._free = multiprocessing.get_context("spawn").Value("q", 0)

    @contextmanager
    def __call__(self) -> Iterator[Callable[[int], tuple[int, int]]]:
        """Yields the function that serves requests; the thread gets real-time priority if the system permits that."""
        with real_time():
            yield self._serve

    def _serve(self, request: int) -> tuple[int, int]:
        begin, end = self._turn(self._services[request])
        sleep_until(end)
        return begin, end

    def _turn(self, service: int) -> tuple[int, int]:
        now = time.monotonic_ns()
        if self._free is None:
            return now, now + service
        with self._free.get_lock():
            begin = max(now, self._free.value)
            self._free.value = begin + service
        return begin, begin + service


def lindley(arrivals: Sequence[int], services: Sequence[int]) -> list[int]:
    """Returns the response time of each arrival in a queue with one server (Lindley's recursion), in their unit."""
    responses, free = [], 0
    for arrival, service in zip(arrivals, services, strict=True):
        free = max(arrival, free) + service
        responses.append(free - arrival)
    return responses
