"""Draws the parameters of a question at random, for a replay."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from random import Random
from typing import Any, Literal

import msgspec

from rollup_bench.workloads.reading import read

Parameters = Mapping[str, Any]
Step = Literal["day", "month", "year"]


class Dates(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Moves all dates among a question's parameters by the same number of steps, within `first` and `last`."""

    first: date
    last: date
    step: Step = "day"

    def moves(self, parameters: Parameters) -> range:
        """The numbers of steps that keep dates within `first` and `last`; ValueError if unmoved dates are outside."""
        days = [m.date() if isinstance(m, datetime) else m for m in _dates(parameters).values()]
        earliest, latest = min(days), max(days)
        if earliest < self.first or latest > self.last:
            wanted = f"first must not be after {earliest}, nor last before {latest}"
            raise ValueError(f"draw.dates excludes the default dates of the parameters: {wanted}; change first or last")
        back, ahead = 0, 0
        while _moved(earliest, self.step, back - 1) >= self.first:
            back -= 1
        while _moved(latest, self.step, ahead + 1) <= self.last:
            ahead += 1
        return range(back, ahead + 1)

    def moved(self, parameters: Parameters, steps: int) -> dict[str, date]:
        """The parameters that are dates, each moved by `steps` steps; ValueError if a month lacks the day."""
        return {name: _moved(moment, self.step, steps) for name, moment in _dates(parameters).items()}


class Numbers(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Draws whole numbers from `least` to `most`, both included, all equally likely."""

    least: int
    most: int

    def __post_init__(self) -> None:
        if self.least > self.most:
            raise ValueError(f"least is {self.least} and most is {self.most}; write a least that is not above most")


class Draw(msgspec.Struct, frozen=True):
    """How a question's parameters are drawn: `dates` moves all dates, `others` has a range or a list for a parameter.

    A date stays as it is if `dates` is None; a parameter that `others` does not name keeps its default.
    """

    dates: Dates | None = None
    others: dict[str, Numbers | list[Any]] = {}

    def values(self, parameters: Parameters, rng: Random) -> dict[str, Any]:
        """Returns one random value for each parameter that is drawn, by name; parameters not drawn are left out."""
        drawn: dict[str, Any] = {}
        if self.dates:
            drawn |= self.dates.moved(parameters, rng.choice(self.dates.moves(parameters)))
        for name, choices in self.others.items():
            drawn[name] = rng.choice(choices) if isinstance(choices, list) else rng.randint(choices.least, choices.most)
        return drawn


def parse(raw: Mapping[str, Any], parameters: Parameters) -> Draw:
    """Reads the `draw` table of a question with these parameters; ValueError names the wrong key and the remedy."""
    others = {name: _choices(f"draw.{name}", choices) for name, choices in raw.items() if name != "dates"}
    for name in others:
        if name in _dates(parameters):
            raise ValueError(f"draw.{name}: {name} is a date; remove draw.{name} and move all dates by draw.dates")
        if name not in parameters:
            raise ValueError(f"draw.{name}: no parameter has this name; write one of {', '.join(parameters)}")
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
        raise ValueError(f'draw.dates: some months lack the day {moment.day} of a date; write step = "day"') from None
