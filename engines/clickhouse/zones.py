"""Local time as SQL on integers: the clock changes of a zone as numbers, which are exact for every zone and year.

All times here are SQL of integers: an instant is in milliseconds since 1970, UTC; a local time is the milliseconds
since a local clock showed 1970-01-01 00:00; a local day is the number of days since 1970-01-01.
"""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from rollup_bench.workloads.calendar import CLOCK, DAY, LONGEST, YEAR, clock_changes
from rollup_bench.workloads.events import Statistics
from rollup_bench.workloads.questions import EPOCH, Grain, milliseconds

EARLIER = 70_000
"""Added to days before a division, which rounds to zero: 191 years, so that all dividends are positive; whole weeks."""
MONDAY = 3
"""Days from the Monday of 1970-01-01's week to that day."""
UNITS = {
    Grain.MONTH: "12 * toInt64(toYear({0})) + toMonth({0})",
    Grain.QUARTER: "4 * toInt64(toYear({0})) + toQuarter({0})",
    Grain.YEAR: "toInt64(toYear({0}))",
}
"""Consecutive numbers of months, quarters and years; {0} is a date."""


@dataclass(frozen=True)
class LocalTime:
    """The local time of a zone for instants from `first` to `last`, in milliseconds since 1970, UTC."""

    zone: str
    first: int
    last: int

    def shown(self, instant: str) -> str:
        """The local time at an instant."""
        offset = self._offset(instant)
        return instant if offset == "0" else f"({instant} + {offset})"

    def bucket(self, instant: str, grain: Grain) -> str:
        """The start of a minute or an hour, as an instant; the first local day of a longer bucket.

        Callers turn that day into an instant by `start` after they group: once a group, not once an event.
        """
        if grain not in CLOCK:
            return first_day(day(self.shown(instant)), grain)
        return f"({instant} - ({self.shown(instant)} + {EARLIER * DAY}) % {CLOCK[grain]})"

    def start(self, first: str, grain: Grain) -> str:
        """The first instant of a local day with which a bucket of `grain` begins.

        A midnight that a clock change repeats counts when it is first shown; in place of a midnight that a clock change
        skips, the day starts at the change.
        """
        return self.instant(f"(toInt64({first}) * {DAY})", LONGEST[grain] * DAY)

    def instant(self, shown: str, longest: int = YEAR) -> str:
        """The instant at which a clock first shows a local time, or a later one if it skips that.

        The local time is at most `longest` milliseconds from those of the range.
        """
        (_, before), *changes = clock_changes(self.zone, self.first - longest, self.last + longest)
        ahead = [(0, str(before))]
        for change, after in changes:
            following = -(-(change + before) // DAY) * DAY
            if following < change + after:
                ahead += [(change + before, str(following - change)), (following + 1, str(after))]
            else:
                ahead.append((change + before, str(after)))
            before = after
        return f"{shown} - {_choice(shown, ahead)}"

    def _offset(self, instant: str) -> str:
        """An expression of how far a clock is ahead of UTC, in milliseconds."""
        return _choice(
            instant, [(change, str(ahead)) for change, ahead in clock_changes(self.zone, self.first, self.last)]
        )


def local_time(zone: str, span: tuple[int, int], statistics: Statistics) -> LocalTime:
    """The local time of the events in a span, and of the buckets of roll-ups, which may begin up to a year before."""
    start, end = span
    first = max(start, statistics.first - YEAR)
    return LocalTime(zone, first, max(first, min(end, statistics.last)))


def day(shown: str) -> str:
    """The local day in which a local time lies."""
    return f"(intDiv({shown} + {EARLIER * DAY}, {DAY}) - {EARLIER})"


def first_day(of: str, grain: Grain) -> str:
    """The first day of the bucket of a day or longer that contains a day."""
    if grain is Grain.DAY:
        return of
    if grain is Grain.WEEK:
        return f"{of} - ({of} + {EARLIER + MONDAY}) % 7"
    return f"toInt64(toInt32(toStartOf{grain.capitalize()}({date(of)})))"


def next_first_day(first: str, grain: Grain) -> str:
    """The first day of the bucket after the one that begins with the day `first`."""
    days = {Grain.DAY: 1, Grain.WEEK: 7}
    if grain in days:
        return f"{first} + {days[grain]}"
    return f"toInt64(toInt32({date(first)} + INTERVAL 1 {grain}))"


def unit(shown: str, grain: Grain) -> str:
    """The number of the local day, week, month, quarter or year of a local time; consecutive numbers."""
    if grain is Grain.DAY:
        return day(shown)
    if grain is Grain.WEEK:
        return f"intDiv({day(shown)} + {EARLIER + MONDAY}, 7)"
    return f"({UNITS[grain].format(date(day(shown)))})"


def unit_at(moment: datetime, grain: Grain, zone: str) -> int:
    """The number that `unit` gives for the local time in a zone at a moment."""
    local = moment.astimezone(ZoneInfo(zone))
    days = local.toordinal() - EPOCH.toordinal()
    if grain is Grain.DAY:
        return days
    if grain is Grain.WEEK:
        return (days + EARLIER + MONDAY) // 7
    return {
        Grain.MONTH: 12 * local.year + local.month,
        Grain.QUARTER: 4 * local.year + (local.month + 2) // 3,
        Grain.YEAR: local.year,
    }[grain]


def shown_at(moment: datetime, zone: str) -> int:
    """The local time in a zone at a moment."""
    return milliseconds(moment.astimezone(ZoneInfo(zone)).replace(tzinfo=EPOCH.tzinfo))


def date(of: str) -> str:
    """A day as ClickHouse's type of dates from 1900 to 2299."""
    return f"toDate32(toInt32({of}))"


def _choice(value: str, choices: list[tuple[int, str]]) -> str:
    """The last expression whose milliseconds are at most a value, else the first; milliseconds ascend.

    The expression compares by halves, so that ten years of clock changes take five comparisons.
    """
    choices = [choice for i, choice in enumerate(choices) if not i or choice[1] != choices[i - 1][1]]
    if len(choices) == 1:
        return choices[0][1] if not choices[0][1].startswith("-") else f"({choices[0][1]})"
    half = len(choices) // 2
    less, more = _choice(value, choices[:half]), _choice(value, choices[half:])
    return f"if({value} < {choices[half][0]}, {less}, {more})"
