"""Reports the progress of a task: rows done and rows a second, or the share that is done, and the time left."""

import time
from collections import deque
from collections.abc import Callable

RECENT = 20
"""The rate of rows a second is computed from the last 20 reports, counting the start as one."""


class Pace:
    """Passes a line about the rows done, rows a second and time left to `say` whenever more of `rows` rows are done."""

    def __init__(self, say: Callable[[str], None], what: str, rows: int) -> None:
        self._say, self._what, self._rows = say, what, rows
        self._steps = deque([(time.monotonic(), 0)], RECENT)

    def __call__(self, more: int) -> None:
        """Adds `more` rows to the number of rows done, and reports."""
        self.at(self._steps[-1][1] + more)

    def at(self, done: int) -> None:
        """Sets the rows done so far to `done`, and reports; a number that is not larger than before is ignored."""
        (then, before), now = self._steps[0], time.monotonic()
        if done <= self._steps[-1][1]:
            return
        self._steps.append((now, done))
        rate = (done - before) / max(now - then, 1e-3)
        remaining = time_left((self._rows - done) / rate)
        share = f"{done:,} of {self._rows:,} rows ({min(done / self._rows, 1.0):.0%})"
        self._say(f"{self._what}{share}, {rate:,.0f} a second, {remaining}")


class Share:
    """Passes the share of some work that is done, and the time left, to `say` whenever more of `whole` is done."""

    def __init__(self, say: Callable[[str], None], what: str, whole: int) -> None:
        self._say, self._what, self._whole = say, what, max(whole, 1)
        self._began = time.monotonic()

    def at(self, done: int) -> None:
        """Sets what is done so far to `done`, and reports."""
        share, elapsed = min(done / self._whole, 1.0), time.monotonic() - self._began
        left = f", {time_left(elapsed * (1 - share) / share)}" if share else ""
        self._say(f"{self._what}: {share:.0%}{left}")


def time_left(seconds: float) -> str:
    """A text for a remaining time in seconds, in whole minutes above 90 seconds: about 3 min left, about 40 s left."""
    return f"about {seconds / 60:.0f} min left" if seconds > 90 else f"about {seconds:.0f} s left"
