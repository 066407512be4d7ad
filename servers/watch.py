"""Looking on while something long happens, and ending it."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Timer

from rollup_bench.errors import FailureError


class Watch:
    """Takes progress; ends the work at a deadline (seconds from now) or when cancelled from another thread."""

    def __init__(self, say: Callable[[str], None] = lambda _text: None, seconds: float | None = None) -> None:
        self._say, self._said = say, ""
        self._cancelled = Event()
        self._ends = None if seconds is None else time.monotonic() + seconds
        self._seconds = seconds

    def say(self, text: str) -> None:
        """Tells what is done now, or waited for."""
        self._said = text
        self._say(text)

    def cancel(self) -> None:
        """Ends the work at its next `check`."""
        self._cancelled.set()

    def check(self) -> None:
        """Raises FailureError once cancelled or past the deadline; long work calls it between steps."""
        if self._cancelled.is_set():
            raise FailureError("cancelled")
        if self._ends is not None and time.monotonic() >= self._ends:
            raise FailureError(f"not done after {self._seconds:g} s" + (f": {self._said}" if self._said else ""))

    def pause(self, seconds: float) -> None:
        """Waits, waking up at once when cancelled; then checks."""
        self._cancelled.wait(seconds)
        self.check()

    @contextmanager
    def ending(self, end: Callable[[], object]) -> Iterator[None]:
        """Calls `end` at the deadline, for work inside that cannot check; an error then says that it was too long."""
        if self._ends is None:
            yield
            return
        timer = Timer(self._ends - time.monotonic(), end)
        timer.daemon = True
        timer.start()
        try:
            yield
        except Exception:
            self.check()
            raise
        finally:
            timer.cancel()
