"""The sender of an open loop: at each request's intended time, it hands the request to the first free client."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing.connection import Connection
from struct import Struct

_SECOND = 10**9
_NUMBER = Struct("q")  # a number in the pipe: 8 bytes, which a pipe delivers whole to one reader
_FULL = 0.001  # seconds between attempts to write to a full pipe


def hand_over(intended: Sequence[int], start: int, end: int, outbox: Connection) -> list[int]:
    """Writes the number of each request to `outbox` at `start` plus its `intended` nanoseconds, until `end`.

    Returns the time of each write in nanoseconds of the monotonic clock, up to the first request that is not written.
    """
    handed: list[int] = []
    os.set_blocking(outbox.fileno(), False)
    with real_time(priority=2):  # higher than the priority of a null engine's clients
        for number in due(intended, start):
            now = time.monotonic_ns()  # read before the write: no client gets the request earlier
            if not _written(outbox.fileno(), number, end):
                break
            handed.append(now)
    return handed


def due(
    intended: Sequence[int],
    start: int,
    clock: Callable[[], int] = time.monotonic_ns,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[int]:
    """Yields the number of each request, from 0, at its intended time, or at once if that time has passed."""
    for number, after in enumerate(intended):
        sleep_until(start + after, clock, sleep)
        yield number


def received(inbox: Connection) -> Iterator[int]:
    """Yields the request numbers that this client reads from the shared pipe, until the sender closes it."""
    while number := os.read(inbox.fileno(), _NUMBER.size):
        yield _NUMBER.unpack(number)[0]


def sleep_until(
    then: int, clock: Callable[[], int] = time.monotonic_ns, sleep: Callable[[float], None] = time.sleep
) -> None:
    """Sleeps until the clock shows `then`, in nanoseconds."""
    while (left := then - clock()) > 0:
        sleep(left / _SECOND)


@contextmanager
def real_time(priority: int = 1) -> Iterator[None]:
    """Gives this thread a real-time priority inside the block, if the system permits it."""
    with ExitStack() as stack:
        with suppress(AttributeError, OSError):
            before = os.sched_getscheduler(0), os.sched_getparam(0)
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(priority))
            stack.callback(os.sched_setscheduler, 0, *before)
        yield


def _written(pipe: int, number: int, end: int) -> bool:
    """Writes a number as soon as the pipe has room; returns False if that is after `end`, or if no client reads."""
    while time.monotonic_ns() < end:
        try:
            os.write(pipe, _NUMBER.pack(number))
            return True
        except BlockingIOError:
            time.sleep(_FULL)
        except BrokenPipeError:
            return False
    return False
