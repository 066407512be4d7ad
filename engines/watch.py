"""Looking on while something long happens, and ending it."""

import time
from collections.abc import Callable
from threading import Event

from workloads.errors import FailureError


class Watch:
    """Takes progress; ends the work at a deadline (seconds from now) or when cancelled from another thread."""

    def __init__(self, say: Callable[[str], None] = lambda _text: None, seconds: float | None = None) -> None:
        self.say = say
        self._cancelled = Event()
        self._ends = None if seconds is None else time.monotonic() + seconds
        self._seconds = seconds

    def cancel(self) -> None:
        """Ends the work at its next `check`."""
        self._cancelled.set()

    def check(self) -> None:
        """Raises FailureError once cancelled or past the deadline; long work calls it between steps."""
        if self._cancelled.is_set():
            raise FailureError("cancelled")
        if self._ends is not None and time.monotonic() > self._ends:
            raise FailureError(f"not done after {self._seconds:g} s")

    def pause(self, seconds: float) -> None:
        """Waits, waking up at once when cancelled; then checks."""
        self._cancelled.wait(seconds)
        self.check()
