"""How a replay draws the parameters of a question."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from random import Random
from typing import Any, Literal

import msgspec

from rollup_bench.workloads.reading import read

Parameters = Mapping[str, Any]
Step = Literal["day", "month", "year"]


class Dates(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Moves all dates of a question together by whole steps, within `first` and `last`."""

    first: date
    last: date
    step: Step = "day"

    def moves(self, parameters: Parameters) -> range:
        """The numbers of steps by which the dates may move; ValueError if the defaults are not within the limits."""
        days = [m.date() if isinstance(m, datetime) else m for m in _dates(parameters).values()]
        earliest, latest = min(days), max(days)
        if earliest < self.first or latest > self.last:
            raise ValueError(
                f"draw.dates: the defaults do not lie within {self.first} and {self.last}; change first or last"
            )
        back, ahead = 0, 0
        while _moved(earliest, self.step, back - 1) >= self.first:
            back -= 1
        while _moved(latest, self.step, ahead + 1) <= self.last:
            ahead += 1
        return range(back, ahead + 1)

    def moved(self, parameters: Parameters, steps: int) -> dict[str, date]:
        """The dates among the parameters, moved by a number of steps."""
        return {name: _moved(moment, self.step, steps) for name, moment in _dates(parameters).items()}


class Numbers(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A whole number from `least` to `most`, all equally likely."""

    least: int
    most: int

    def __post_init__(self) -> None:
        if self.least > self.most:
            raise ValueError(f"least {self.least} is above most {self.most}")


class Draw(msgspec.Struct, frozen=True):
    """How parameters are drawn: dates together, each other parameter from a range or a list.

    Parameters that are not mentioned keep their defaults.
    """

    dates: Dates | None = None
    others: dict[str, Numbers | list[Any]] = {}

    def values(self, parameters: Parameters, rng: Random) -> dict[str, Any]:
        """One random value for each parameter that is drawn."""
        drawn: dict[str, Any] = {}
        if self.dates:
            drawn |= self.dates.moved(parameters, rng.choice(self.dates.moves(parameters)))
        for name, choices in self.others.items():
            drawn[name] = rng.choice(choices) if isinstance(choices, list) else rng.randint(choices.least, choices.most)
        return drawn


def parse(raw: Mapping[str, Any], parameters: Parameters) -> Draw:
    """The `draw` table of a question; ValueError says what is wrong with it."""
    others = {name: _choices(f"draw.{name}", choices) for name, choices in raw.items() if name != "dates"}
    for name in others:
        if name in _dates(parameters):
            raise ValueError(f"draw.{name}: {name} is a date; dates are drawn together by draw.dates")
        if name not in parameters:
            raise ValueError(f"draw.{name}: no parameter has this name; there are {', '.join(parameters)}")
    if "dates" not in raw:
        return Draw(None, others)
    dates = read(raw["dates"], Dates, "draw.dates")
    for steps in dates.moves(parameters):
        dates.moved(parameters, steps)
    return Draw(dates, others)


def _choices(key: str, raw: object) -> Numbers | list[Any]:
    if isinstance(raw, list) and raw:
        return raw
    if not isinstance(raw, Mapping):
        raise ValueError(f"{key}: write a list of values or {{ least = 1, most = 9 }}")
    return read(raw, Numbers, key)


def _dates(parameters: Parameters) -> dict[str, date]:
    return {name: value for name, value in parameters.items() if isinstance(value, date)}


def _moved(moment: date, step: Step, steps: int) -> date:
    if step == "day":
        return moment + timedelta(days=steps)
    years, month = divmod(moment.month - 1 + steps * (12 if step == "year" else 1), 12)
    try:
        return moment.replace(year=moment.year + years, month=month + 1)
    except ValueError:
        raise ValueError(f'draw.dates: some months have no day {moment.day}; write step = "day"') from None
