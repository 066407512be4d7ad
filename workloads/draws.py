"""Where a replay draws the parameters of a question from."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from random import Random
from typing import Any, Literal

import msgspec

from rollup_bench.workloads.reading import read

Parameters = Mapping[str, Any]
Step = Literal["day", "month", "year"]


class Dates(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All dates of a question move together by whole steps, between `first` and `last`."""

    first: date
    last: date
    step: Step = "day"

    def moves(self, parameters: Parameters) -> range:
        """By how many steps the dates may move; ValueError where they cannot even stay where they are."""
        days = [m.date() if isinstance(m, datetime) else m for m in _dates(parameters).values()]
        earliest, latest = min(days), max(days)
        if earliest < self.first or latest > self.last:
            raise ValueError(f"draw.dates: the defaults do not lie within {self.first} and {self.last}")
        back, ahead = 0, 0
        while _moved(earliest, self.step, back - 1) >= self.first:
            back -= 1
        while _moved(latest, self.step, ahead + 1) <= self.last:
            ahead += 1
        return range(back, ahead + 1)

    def moved(self, parameters: Parameters, steps: int) -> dict[str, date]:
        """The dates among the parameters, so many steps later."""
        return {name: _moved(moment, self.step, steps) for name, moment in _dates(parameters).items()}


class Numbers(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A whole number from `least` to `most`, each as likely."""

    least: int
    most: int

    def __post_init__(self) -> None:
        if self.least > self.most:
            raise ValueError(f"least {self.least} is above most {self.most}")


class Draw(msgspec.Struct, frozen=True):
    """How parameters are drawn: the dates together, the others each from a range or a list; else they stay."""

    dates: Dates | None = None
    others: dict[str, Numbers | list[Any]] = {}

    def values(self, parameters: Parameters, rng: Random) -> dict[str, Any]:
        """Values drawn once."""
        drawn: dict[str, Any] = {}
        if self.dates:
            drawn |= self.dates.moved(parameters, rng.choice(self.dates.moves(parameters)))
        for name, given in self.others.items():
            drawn[name] = rng.choice(given) if isinstance(given, list) else rng.randint(given.least, given.most)
        return drawn


def parse(raw: Mapping[str, Any], parameters: Parameters) -> Draw:
    """What a question's `draw` table writes; ValueError says what is wrong with it."""
    others = {name: _range(f"draw.{name}", given) for name, given in raw.items() if name != "dates"}
    for name in others:
        if name not in parameters or name in _dates(parameters):
            raise ValueError(f"draw.{name}: no parameter but a date is named so; dates are moved by draw.dates")
    if "dates" not in raw:
        return Draw(None, others)
    dates = read(raw["dates"], Dates, "draw.dates")
    for steps in dates.moves(parameters):
        dates.moved(parameters, steps)
    return Draw(dates, others)


def _range(key: str, given: object) -> Numbers | list[Any]:
    if isinstance(given, list) and given:
        return given
    if not isinstance(given, Mapping):
        raise ValueError(f"{key} is a list of values or {{ least = 1, most = 9 }}")
    return read(given, Numbers, key)


def _dates(parameters: Parameters) -> dict[str, date]:
    return {name: value for name, value in parameters.items() if isinstance(value, date)}


def _moved(moment: date, step: Step, steps: int) -> date:
    if step == "day":
        return moment + timedelta(days=steps)
    years, month = divmod(moment.month - 1 + steps * (12 if step == "year" else 1), 12)
    try:
        return moment.replace(year=moment.year + years, month=month + 1)
    except ValueError:
        raise ValueError(f"draw.dates: {moment:%Y-%m-%d} has no counterpart in every month; steps of days do") from None
