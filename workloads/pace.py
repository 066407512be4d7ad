"""Progress of a task that handles rows: rows a second and the time left."""

import time
from collections import deque
from collections.abc import Callable

RECENT = 20
"""The rate is that of so many last steps."""


class Pace:
    """Reports the rows done, the rows a second and the time left, through `say`, whenever more rows are done."""

    def __init__(self, say: Callable[[str], None], what: str, rows: int) -> None:
        self._say, self._what, self._rows = say, what, rows
        self._steps = deque([(time.monotonic(), 0)], RECENT)

    def __call__(self, more: int) -> None:
        """Adds rows to those that are done."""
        self.at(self._steps[-1][1] + more)

    def at(self, done: int) -> None:
        """Sets how many rows are done in all; reports nothing if that is no more than before."""
        (then, before), now = self._steps[0], time.monotonic()
        if done <= self._steps[-1][1]:
            return
        self._steps.append((now, done))
        rate = (done - before) / max(now - then, 1e-3)
        remaining = time_left((self._rows - done) / rate)
        self._say(f"{self._what}{done:,} of {self._rows:,} rows, {rate:,.0f} a second, {remaining}")


def time_left(seconds: float) -> str:
    """The text for a time that is left."""
    return f"about {seconds / 60:.0f} min left" if seconds > 90 else f"about {seconds:.0f} s left"
