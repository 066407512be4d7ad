"""Counts the messages of a producer that the broker has not acknowledged yet."""

import time
from threading import Condition

from rollup_bench.errors import FailureError
from rollup_bench.servers.watch import Watch
from rollup_bench.streams.contract import Acknowledged


class Acknowledgements:
    """Used by two threads: the one that sends messages, and the one in which the client reports their end."""

    def __init__(self, acknowledged: Acknowledged) -> None:
        self._acknowledged = acknowledged
        self._changed = Condition()
        self._sent = self._ended = 0
        self._failure: str | None = None

    def next(self) -> int:
        """Returns the number of the next message, which is then awaited; FailureError if an earlier one failed."""
        self._check()
        with self._changed:
            self._sent += 1
            return self._sent - 1

    def end(self, number: int, failure: str | None) -> None:
        """Reports that a message was acknowledged or, with the reason as one line, that it was not."""
        instant = time.monotonic()
        if failure is None:
            self._acknowledged(number, instant)
        with self._changed:
            self._failure = self._failure or failure
            self._ended += 1
            self._changed.notify_all()

    def wait(self, watch: Watch) -> None:
        """Waits until no message is awaited; FailureError if one failed, or at the deadline."""
        with self._changed:
            while self._ended < self._sent and self._failure is None:
                self._changed.wait(0.25)
                watch.check()
        self._check()

    def _check(self) -> None:
        if self._failure is not None:
            raise FailureError(self._failure)
