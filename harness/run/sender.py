"""Keeps to a schedule: hands each request to whichever client is free, when it is intended."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing.connection import Connection
from struct import Struct

_SECOND = 10**9
_NUMBER = Struct("q")  # short enough for a pipe to pass it on in one piece, to one reader
_FULL = 0.001  # seconds until a pipe that is full is tried again


def hand_over(intended: Sequence[int], start: int, end: int, outbox: Connection) -> list[int]:
    """Writes the number of each request at its intended nanosecond; gives when, of as many as it could until `end`."""
    handed: list[int] = []
    os.set_blocking(outbox.fileno(), False)
    with first(priority=2):  # before a null engine's clients too
        for number in due(intended, start):
            now = time.monotonic_ns()  # before it is written, so that no client can have it earlier
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
    """The number of each request when it is intended, or at once if that has passed."""
    for number, after in enumerate(intended):
        sleep_until(start + after, clock, sleep)
        yield number


def received(inbox: Connection) -> Iterator[int]:
    """The numbers that come to this one of several readers, until the sender has closed."""
    while number := os.read(inbox.fileno(), _NUMBER.size):
        yield _NUMBER.unpack(number)[0]


def sleep_until(
    then: int, clock: Callable[[], int] = time.monotonic_ns, sleep: Callable[[float], None] = time.sleep
) -> None:
    """Sleeps until this nanosecond."""
    while (left := then - clock()) > 0:
        sleep(left / _SECOND)


@contextmanager
def first(priority: int = 1) -> Iterator[None]:
    """This thread goes before all of ordinary or lower priority, where the system lets us; else it takes its turn."""
    with ExitStack() as stack:
        with suppress(AttributeError, OSError):
            before = os.sched_getscheduler(0), os.sched_getparam(0)
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(priority))
            stack.callback(os.sched_setscheduler, 0, *before)
        yield


def _written(pipe: int, number: int, end: int) -> bool:
    """Waits for room; False once `end` has passed, or where nobody reads any more."""
    while time.monotonic_ns() < end:
        try:
            os.write(pipe, _NUMBER.pack(number))
            return True
        except BlockingIOError:
            time.sleep(_FULL)
        except BrokenPipeError:
            return False
    return False
