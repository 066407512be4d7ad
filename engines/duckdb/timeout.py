"""A timeout for queries, because DuckDB itself has none."""

import math
import time
from collections.abc import Callable
from threading import Event, Thread

SECONDS = 300.0
"""How long a query may take; it is checked once a second, which costs the query nothing."""


class Timeout:
    """A context manager around each query, which calls `interrupt` once the query has run for more than 300 s."""

    def __init__(self, interrupt: Callable[[], None]) -> None:
        self._interrupt = interrupt
        self._deadline = math.inf
        self._closed = Event()
        self._thread = Thread(target=self._check, daemon=True)
        self._thread.start()

    def __enter__(self) -> None:
        self._deadline = time.monotonic() + SECONDS

    def __exit__(self, *_: object) -> None:
        self._deadline = math.inf

    def close(self) -> None:
        """Stops the thread that checks the time of queries; `interrupt` is not called afterwards."""
        self._closed.set()
        self._thread.join()

    def _check(self) -> None:
        while not self._closed.wait(1.0):
            if time.monotonic() > self._deadline:
                self._interrupt()
