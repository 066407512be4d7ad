"""An engine that does nothing for a known time: what is measured of it, the harness and its clients added."""

import multiprocessing
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.sharedctypes import Synchronized

from rollup_bench.harness.run.sender import first, sleep_until


class NullEngine:
    """Serves request i, an index, for `services[i]` seconds: all at once, or in a queue that clients share.

    It answers with the nanoseconds (monotonic clock) at which it began and was done.
    """

    def __init__(self, services: Sequence[float], queue: bool = False) -> None:
        self._services = [int(service * 1e9) for service in services]
        self._free: Synchronized[int] | None = None
        if queue:
            self._free = multiprocessing.get_context("spawn").Value("q", 0)

    @contextmanager
    def __call__(self) -> Iterator[Callable[[int], tuple[int, int]]]:
        """A client's session, real-time like the sender: what differs from theory is then ours, not the machine's."""
        with first():
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
    """Response times of a queue with one server, from arrivals in order and service times, in the same unit."""
    responses, free = [], 0
    for arrival, service in zip(arrivals, services, strict=True):
        free = max(arrival, free) + service
        responses.append(free - arrival)
    return responses
