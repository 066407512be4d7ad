"""The deadline and the progress of long work."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Timer

from rollup_bench.errors import FailureError


class Watch:
    """Passes progress to `say`, and ends work at a deadline `seconds` from now; None means no deadline."""

    def __init__(self, say: Callable[[str], None] = lambda _text: None, seconds: float | None = None) -> None:
        self._say, self._said = say, ""
        self._ends = None if seconds is None else time.monotonic() + seconds
        self._seconds = seconds

    def say(self, text: str) -> None:
        """Reports what the work does or waits for now; the error at the deadline repeats the text."""
        self._said = text
        self._say(text)

    def check(self) -> None:
        """Raises FailureError if the deadline has passed; long work calls `check` between its steps."""
        if self._ends is not None and time.monotonic() >= self._ends:
            raise FailureError(f"not done after {self._seconds:g} s" + (f": {self._said}" if self._said else ""))

    @property
    def remaining(self) -> float | None:
        """Seconds until the deadline, 0 after it; None without a deadline."""
        return None if self._ends is None else max(self._ends - time.monotonic(), 0.0)

    def pause(self, seconds: float) -> None:
        """Sleeps for `seconds`, and raises FailureError if the deadline has passed then."""
        time.sleep(seconds)
        self.check()

    @contextmanager
    def ending(self, end: Callable[[], object]) -> Iterator[None]:
        """Calls `end` at the deadline to interrupt the block; an error of the block after that becomes FailureError."""
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
