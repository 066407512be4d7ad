"""How long an answer may take."""

import math
import time
from collections.abc import Callable
from threading import Event, Thread

SECONDS = 300.0
"""How long an answer may take; a little longer, for it is looked at once a second alone, which costs nothing."""


class Limit:
    """Entered around each question; calls `interrupt` where that takes too long."""

    def __init__(self, interrupt: Callable[[], None]) -> None:
        self._interrupt = interrupt
        self._ends = math.inf
        self._closed = Event()
        self._looking = Thread(target=self._look, daemon=True)
        self._looking.start()

    def __enter__(self) -> None:
        self._ends = time.monotonic() + SECONDS

    def __exit__(self, *_: object) -> None:
        self._ends = math.inf

    def close(self) -> None:
        """Looks no more, and holds `interrupt` no more."""
        self._closed.set()
        self._looking.join()

    def _look(self) -> None:
        while not self._closed.wait(1.0):
            if time.monotonic() > self._ends:
                self._interrupt()
