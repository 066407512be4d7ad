"""Draws the parameters of a question at random, for a replay."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import Any, Literal
from zoneinfo import ZoneInfo

import msgspec

from rollup_bench.workloads.reading import read

Parameters = Mapping[str, Any]
Step = Literal["day", "week", "month"]
STEPS: dict[Step, int] = {"day": 1, "week": 7, "month": 31}
"""The most days of each step, finest first."""


@dataclass(frozen=True)
class Domain:
    """What parameters are drawn from: the times of the first and the last event, and the values of each column.

    Times are milliseconds since 1970, UTC. `values` returns the distinct values of a column except NULL, sorted.
    """

    first: int
    last: int
    values: Callable[[str], list[Any]]

    def days(self, zone: str) -> tuple[date, date]:
        """The local day of the first event, and the day after that of the last one."""
        at = (datetime.fromtimestamp(instant / 1000, UTC) for instant in (self.first, self.last))
        first, last = (moment.astimezone(ZoneInfo(zone)).date() for moment in at)
        return first, last + timedelta(days=1)


class Dates(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Draws the start and the end of a question, each by days or larger steps, from `first` to `last`.

    Without `first` and `last`, these are the limits of the events. The span is at least half as long as that of the
    defaults, and at most one and a half times as long. Dates that `follow` keep their distance from the end; all other
    dates, such as `until`, keep their defaults, and the end is not later than any of them.
    """

    first: date | None = None
    last: date | None = None
    step: Step = "day"
    follow: tuple[str, ...] = ()

    def draws(self, parameters: Parameters, days: tuple[date, date], rng: Random) -> Iterator[dict[str, date]]:
        """Yields dates for the parameters without end; `days` are the limits of the events."""
        dates = _dates(parameters)
        start, end = _day(dates["start"]), _day(dates["end"])
        shortest = (end - start + 1) // 2
        longest = max(end - start + max(1, (end - start) // 2), STEPS[self.step])
        low, high = self._limits(dates, days)
        marks = [day for day in range(low, high + 1) if _begins(date.fromordinal(day), self.step)]

        def ends(first: int) -> range:
            return range(bisect_left(marks, first + shortest), bisect_right(marks, first + longest))

        starts = [day for day in marks if ends(day)]
        while starts:
            first = rng.choice(starts)
            later = marks[rng.choice(ends(first))] - end
            moved = dict.fromkeys(self.follow, later) | {"start": first - start, "end": later}
            yield {name: dates[name] + timedelta(days=by) for name, by in moved.items()}

    def check(self, parameters: Parameters) -> None:
        """ValueError if the defaults do not lie within the limits, or a date cannot follow the end."""
        dates = _dates(parameters)
        for name in self.follow:
            if name in ("start", "end") or name not in dates:
                raise ValueError(f"draw.dates.follow: `{name}` is not a date that can follow the end, such as until")
        days = [_day(value) for name, value in dates.items() if name in ("start", "end", *self.follow)]
        if (self.first and min(days) < _day(self.first)) or (self.last and max(days) > _day(self.last)):
            earliest, latest = date.fromordinal(min(days)), date.fromordinal(max(days))
            wanted = f"first must not be after {earliest}, nor last before {latest}"
            raise ValueError(f"draw.dates excludes the default dates of the parameters: {wanted}; change first or last")

    def _limits(self, dates: Mapping[str, date], days: tuple[date, date]) -> tuple[int, int]:
        """The earliest day of a start and the latest day of an end, so that the defaults are possible."""
        start, end = _day(dates["start"]), _day(dates["end"])
        behind = max([0, *(_day(dates[name]) - end for name in self.follow)])
        fixed = [
            _day(value) - (_clock(dates["end"]) > _clock(value))
            for name, value in dates.items()
            if name not in ("start", "end", *self.follow)
        ]
        low, high = _day(self.first or days[0]), _day(self.last or days[1])
        return min(low, start), max(end, min([high - behind, *fixed]))


class Numbers(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Draws whole numbers from `least` to `most`, both included, all equally likely."""

    least: int
    most: int

    def __post_init__(self) -> None:
        if self.least > self.most:
            raise ValueError(f"least is {self.least} and most is {self.most}; write a least that is not above most")


class Values(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A value of a column of the events, all equally likely; NULL is never drawn."""

    column: str


class Draw(msgspec.Struct, frozen=True):
    """How parameters are drawn: dates, and each other parameter from a range, a list or the values of a column.

    Other parameters that are not mentioned keep their defaults.
    """

    dates: Dates = Dates()
    others: dict[str, Numbers | Values | list[Any]] = {}

    def draws(self, parameters: Parameters, zone: str, domain: Domain, rng: Random) -> Iterator[dict[str, Any]]:
        """Yields random values for all parameters that are drawn; `zone` is the zone of the question's days."""
        lists = {n: domain.values(c.column) if isinstance(c, Values) else c for n, c in self.others.items()}
        for dates in self.dates.draws(parameters, domain.days(zone), rng):
            yield dates | {name: _chosen(choices, rng) for name, choices in lists.items() if choices}


def parse(raw: Mapping[str, Any], parameters: Parameters) -> Draw:
    """Reads the `draw` table of a question with these parameters; ValueError names the wrong key and the remedy."""
    others = {name: _choices(f"draw.{name}", choices) for name, choices in raw.items() if name != "dates"}
    for name in others:
        if isinstance(parameters.get(name), date):
            raise ValueError(f"draw.{name}: {name} is a date; remove draw.{name}, since draw.dates draws all dates")
        if name not in parameters:
            raise ValueError(f"draw.{name}: no parameter has this name; write one of {', '.join(parameters)}")
    dates = read(raw.get("dates", {}), Dates, "draw.dates")
    dates.check(parameters)
    return Draw(dates, others)


def _choices(key: str, raw: object) -> Numbers | Values | list[Any]:
    if isinstance(raw, list) and raw:
        return raw
    if not isinstance(raw, Mapping):
        raise ValueError(f'{key}: write a list of values, {{ least = 1, most = 9 }} or {{ column = "country" }}')
    return read(raw, Values, key) if "column" in raw else read(raw, Numbers, key)


def _chosen(choices: Numbers | list[Any], rng: Random) -> Any:
    return rng.choice(choices) if isinstance(choices, list) else rng.randint(choices.least, choices.most)


def _dates(parameters: Parameters) -> dict[str, date]:
    return {name: value for name, value in parameters.items() if isinstance(value, date)}


def _day(moment: date) -> int:
    """The number of a day; days that follow each other have numbers that do."""
    return moment.toordinal()


def _clock(moment: date) -> time:
    """The local time of day."""
    return moment.time() if isinstance(moment, datetime) else time()


def _begins(day: date, step: Step) -> bool:
    """Whether a step begins on a day; weeks begin on Mondays."""
    return step == "day" or (day.weekday() == 0 if step == "week" else day.day == 1)
