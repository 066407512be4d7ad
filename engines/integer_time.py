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

EARLIER = 735_000
"""Added to days before a division, which rounds to zero: 2,012 years, so that dividends are positive; whole weeks."""
MONDAY = 3
"""Days from the Monday of 1970-01-01's week to that day."""
MONTHS = {Grain.MONTH: 1, Grain.QUARTER: 3, Grain.YEAR: 12}
"""The months of each bucket that is counted in months."""


@dataclass(frozen=True)
class Dialect:
    """How an engine writes numbers and dates; {0} and {1} stand for SQL.

    `first_day` is the day, as a number, with which the {1} (Month, Quarter or Year) of a date begins, and `later` the
    day that is {1} months after a date. `year`, `quarter` and `month` are numbers of a date.
    """

    number: str
    quotient: str
    remainder: str
    date: str
    first_day: str
    later: str
    year: str
    quarter: str
    month: str

    def literal(self, value: int) -> str:
        """A number, in brackets if it is negative."""
        text = self.number.format(value)
        return f"({text})" if value < 0 else text

    def divided(self, dividend: str, divisor: int) -> str:
        """The quotient of integers, rounded to zero."""
        return self.quotient.format(dividend, self.literal(divisor))

    def modulo(self, dividend: str, divisor: int) -> str:
        """The remainder of integers that are not negative."""
        return self.remainder.format(dividend, self.literal(divisor))

    def day(self, shown: str) -> str:
        """The local day in which a local time lies."""
        return f"({self.divided(f'({shown} + {self.literal(EARLIER * DAY)})', DAY)} - {self.literal(EARLIER)})"

    def first(self, day: str, grain: Grain) -> str:
        """The first day of the bucket of a day or longer that contains a day."""
        if grain is Grain.DAY:
            return day
        if grain is Grain.WEEK:
            return f"({day} - {self.modulo(f'({day} + {self.literal(EARLIER + MONDAY)})', 7)})"
        return self.first_day.format(self.date.format(day), grain.capitalize())

    def following(self, first: str, grain: Grain) -> str:
        """The first day of the bucket after the one that begins with the day `first`."""
        days = {Grain.DAY: 1, Grain.WEEK: 7}
        if grain in days:
            return f"({first} + {self.literal(days[grain])})"
        return self.later.format(self.date.format(first), MONTHS[grain])

    def unit(self, shown: str, grain: Grain) -> str:
        """The number of the local day, week, month, quarter or year of a local time; consecutive numbers."""
        day = self.day(shown)
        if grain is Grain.DAY:
            return day
        if grain is Grain.WEEK:
            return self.divided(f"({day} + {self.literal(EARLIER + MONDAY)})", 7)
        date = self.date.format(day)
        year = self.year.format(date)
        parts = {Grain.MONTH: (12, self.month), Grain.QUARTER: (4, self.quarter)}
        if grain not in parts:
            return year
        count, part = parts[grain]
        return f"({self.literal(count)} * {year} + {part.format(date)})"

    def choice(self, value: str, choices: list[tuple[int, int]]) -> str:
        """The last number whose milliseconds are at most a value, else the first; milliseconds ascend.

        The expression compares by halves, so that ten years of clock changes take five comparisons.
        """
        choices = [choice for i, choice in enumerate(choices) if not i or choice[1] != choices[i - 1][1]]
        if len(choices) == 1:
            return self.literal(choices[0][1])
        half = len(choices) // 2
        less, more = self.choice(value, choices[:half]), self.choice(value, choices[half:])
        return f"if({value} < {self.literal(choices[half][0])}, {less}, {more})"


@dataclass(frozen=True)
class LocalTime:
    """The local time of a zone for instants from `first` to `last`, in milliseconds since 1970, UTC."""

    sql: Dialect
    zone: str
    first: int
    last: int

    def shown(self, instant: str) -> str:
        """The local time at an instant."""
        offsets = clock_changes(self.zone, self.first, self.last)
        never = {ahead for _, ahead in offsets} == {0}
        return instant if never else f"({instant} + {self.sql.choice(instant, offsets)})"

    def bucket(self, instant: str, grain: Grain) -> str:
        """The start of a minute or an hour, as an instant; the first local day of a longer bucket.

        Callers turn that day into an instant by `start` after they group: once a group, not once an event.
        """
        if grain not in CLOCK:
            return self.sql.first(self.sql.day(self.shown(instant)), grain)
        shown = f"({self.shown(instant)} + {self.sql.literal(EARLIER * DAY)})"
        return f"({instant} - {self.sql.modulo(shown, CLOCK[grain])})"

    def start(self, first: str, grain: Grain) -> str:
        """The first instant of a local day with which a bucket of `grain` begins.

        A midnight that a clock change repeats counts when it is first shown; in place of a midnight that a clock change
        skips, the day starts at the change.
        """
        return self.instant(f"({first} * {self.sql.literal(DAY)})", LONGEST[grain] * DAY)

    def instant(self, shown: str, longest: int = YEAR) -> str:
        """The instant at which a clock first shows a local time, or a later one if it skips that.

        The local time is at most `longest` milliseconds from those of the range.
        """
        (_, before), *changes = clock_changes(self.zone, self.first - longest, self.last + longest)
        ahead = [(0, before)]
        for change, after in changes:
            following = -(-(change + before) // DAY) * DAY
            if following < change + after:
                ahead += [(change + before, following - change), (following + 1, after)]
            else:
                ahead.append((change + before, after))
            before = after
        return f"({shown} - {self.sql.choice(shown, ahead)})"


def local_time(sql: Dialect, zone: str, span: tuple[int, int], statistics: Statistics) -> LocalTime:
    """The local time of the events in a span, and of the buckets of roll-ups, which may begin up to a year before."""
    start, end = span
    first = max(start, statistics.first - YEAR)
    return LocalTime(sql, zone, first, max(first, min(end, statistics.last)))


def unit_at(moment: datetime, grain: Grain, zone: str) -> int:
    """The number that `Dialect.unit` gives for the local time in a zone at a moment."""
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
