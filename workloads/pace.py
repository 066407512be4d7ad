"""How fast rows go by, and how long the rest of them takes."""

import time
from collections import deque
from collections.abc import Callable

RECENT = 20
"""Steps over which the rate is taken, so that it follows what happens now."""


class Pace:
    """Says how many rows are done, how many a second, and about how long it still takes."""

    def __init__(self, say: Callable[[str], None], what: str, rows: int) -> None:
        self._say, self._what, self._rows = say, what, rows
        self._steps = deque([(time.monotonic(), 0)], RECENT)

    def __call__(self, more: int) -> None:
        """So many more rows are done."""
        self.at(self._steps[-1][1] + more)

    def at(self, done: int) -> None:
        """So many rows are done in all; as many as before are no news."""
        (then, before), now = self._steps[0], time.monotonic()
        if done <= self._steps[-1][1]:
            return
        self._steps.append((now, done))
        rate = (done - before) / max(now - then, 1e-3)
        still = left((self._rows - done) / rate)
        self._say(f"{self._what}{done:,} of {self._rows:,} rows, {rate:,.0f} a second, {still}")


def left(seconds: float) -> str:
    """How long it still takes, in words."""
    return f"about {seconds / 60:.0f} min left" if seconds > 90 else f"about {seconds:.0f} s left"
