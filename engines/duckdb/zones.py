"""Local time as SQL: the clock changes of a zone as numbers, so that DuckDB does not look up the zone of each event."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from rollup_bench.workloads.calendar import CLOCK, DAY, LONGEST, YEAR, bucket_starts, clock_changes
from rollup_bench.workloads.events import Statistics
from rollup_bench.workloads.filters import Filter, Op
from rollup_bench.workloads.questions import EPOCH, Grain

EVENTS_PER_START = 5_000
"""Comparing events with the start of a bucket saves time if there are so many events for each start.

A start adds 70 microseconds to a statement. Comparing takes 16 ns less for each event than truncating its local time,
and 8 ns less where no clock changes.
"""


@dataclass(frozen=True)
class LocalTime:
    """The local time of a zone for instants from `first` to `last`, in milliseconds since 1970, UTC.

    `events` is about the number of events between them that a statement groups. Expressions of instants are UTC
    timestamps. A local time is a timestamp too: what a clock in the zone shows.
    """

    zone: str
    first: int
    last: int
    events: int = 0

    def shown(self, instant: str) -> str:
        """The local time at an instant."""
        offset = self._offset(instant)
        return instant if offset == "0" else f"make_timestamp(epoch_us({instant}) + {offset})"

    def bucket(self, instant: str, grain: Grain) -> str:
        """The start of a minute or an hour in milliseconds since 1970, UTC; the first local day of a longer bucket.

        Callers turn that day into an instant by `start` after they group: once a group, not once an event.
        """
        if grain not in CLOCK:
            return f"date_trunc('{grain}', {self.shown(instant)})"
        length, offset = 1000 * CLOCK[grain], self._offset(instant, CLOCK[grain])
        shown = f"epoch_us({instant})" if offset == "0" else f"(epoch_us({instant}) + {offset})"
        return f"(epoch_us({instant}) - ({shown} % {length} + {length}) % {length}) // 1000"

    def few_starts(self, instant: str, grain: Grain) -> str | None:
        """The start of a bucket of a day or longer in milliseconds since 1970, UTC; None if truncating is faster."""
        changes = len(clock_changes(self.zone, self.first, self.last)) > 1
        most = self.events // (EVENTS_PER_START if changes else 2 * EVENTS_PER_START)
        if not most:
            return None
        starts = bucket_starts(self.zone, grain, self.first, self.last)
        if len(starts) > most:
            return None
        return f"CAST({_choice(instant, [(start, str(start)) for start in starts])} AS BIGINT)"

    def start(self, day: str, grain: Grain) -> str:
        """The first instant of a local day with which a bucket of `grain` begins, in milliseconds since 1970, UTC.

        A midnight that a clock change repeats counts when it is first shown; in place of a midnight that a clock change
        skips, the day starts at the change.
        """
        longest = LONGEST[grain] * DAY
        (_, before), *changes = clock_changes(self.zone, self.first - longest, self.last + longest)
        ahead = [(0, str(before))]
        for change, after in changes:
            midnight = -(-(change + before) // DAY) * DAY
            if midnight < change + after:
                ahead += [(change + before, str(midnight - change)), (midnight + 1, str(after))]
            else:
                ahead.append((change + before, str(after)))
            before = after
        return f"epoch_ms({day}) - {_choice(day, ahead)}"

    def _offset(self, instant: str, modulus: int | None = None) -> str:
        """An expression of how far a clock is ahead of UTC, in microseconds; its remainder if a modulus is given."""
        periods = clock_changes(self.zone, self.first, self.last)
        offsets = [(change, str(1000 * (ahead % modulus if modulus else ahead))) for change, ahead in periods]
        return _choice(instant, offsets)


def local_time(zone: str, span: tuple[int, int], statistics: Statistics, where: Sequence[Filter] = ()) -> LocalTime:
    """The local time of the events in a span, and of the buckets of roll-ups, which may begin up to a year before.

    `where` selects some of the events: all values of a column are taken to be equally frequent.
    """
    start, end = span
    first = max(start, statistics.first - YEAR)
    last = max(first, min(end, statistics.last))
    share = (last - max(first, statistics.first)) / max(statistics.last - statistics.first, 1)
    for one in where:
        if one.op in (Op.EQ, Op.IN):
            share *= min(len(one.values) / max(statistics.cardinality.get(one.column, 1), 1), 1.0)
    return LocalTime(zone, first, last, int(statistics.rows * share))


def _choice(timestamp: str, choices: list[tuple[int, str]]) -> str:
    """The last expression whose milliseconds are at most a timestamp, else the first; milliseconds ascend.

    The expression compares by halves, so that ten years of clock changes take five comparisons.
    """
    choices = [choice for i, choice in enumerate(choices) if not i or choice[1] != choices[i - 1][1]]
    if len(choices) == 1:
        return choices[0][1]
    half = len(choices) // 2
    less, more = _choice(timestamp, choices[:half]), _choice(timestamp, choices[half:])
    return f"CASE WHEN {timestamp} < {_timestamp(choices[half][0])} THEN {less} ELSE {more} END"


def _timestamp(milliseconds: int) -> str:
    """A literal of milliseconds since 1970."""
    return f"TIMESTAMP '{EPOCH.replace(tzinfo=None) + timedelta(milliseconds=milliseconds)}'"
