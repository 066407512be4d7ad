"""The parameters of the generated game, and tables computed from the parameters."""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from rollup_bench.workloads.game.draws import Floats, Integers, power

HOUR = 3_600_000
DAY = 24 * HOUR
START = int(datetime(2014, 1, 1, tzinfo=UTC).timestamp()) * 1000
DAYS = (datetime(2024, 1, 1, tzinfo=UTC) - datetime(2014, 1, 1, tzinfo=UTC)).days

ACTIONS = ("launch", "fight", "quest", "shop", "chat", "achieve", "install")
LAUNCH, SHOP, INSTALL = 0, 3, 6
ROLES = ("knight", "wizard", "ranger", "healer", "rogue")
PLATFORMS = ("android", "ios", "web")
COUNTRIES = (
    *("US", "CN", "IN", "BR", "JP", "DE", "ID", "GB", "FR", "MX", "KR", "TR", "RU", "VN", "IT", "ES"),
    *("PH", "CA", "TH", "PL", "EG", "AU", "NG", "AR", "SA", "NL", "CO", "MY", "SE", "CL", "CH", "NZ"),
)
Weights: TypeAlias = tuple[int, ...]
ITEMS = tuple(f"item-{rank:04}" for rank in range(1, 1001))


@dataclass(frozen=True)
class World:
    """The parameters of a game, which its README describes; weights are relative, and exponents are in eighths."""

    growth: float = 1.0006
    """The ratio of a day's births to the births of the day before, without the weights of the days of the week."""
    week: Weights = (92, 88, 90, 94, 106, 122, 108)
    """The weight of each day from Monday to Sunday, for births and visits alike."""
    hours: Weights = (18, 12, 8, 6, 6, 8, 14, 24, 32, 34, 36, 40, 48, 46, 42, 44, 50, 60, 72, 84, 90, 82, 60, 34)
    """The weight of each hour of the day in UTC, for births and visits alike."""
    first_day: float = 1.0
    """The mean number of visits of a player on the day of birth, without the install."""
    next_day: float = 0.32
    """The mean number of visits of a player on the day after birth, averaged over the days of the week."""
    fading: Weights = (5, 7, 6, 8)
    """Visits at an age in days fade by age ** (-f / 8); f is entry i mod 4 for the country at position i from 0."""
    country: int = 8
    """The share of the country of rank r is proportional to r ** (-country / 8)."""
    item: int = 9
    """The share of the item of rank r is proportional to r ** (-item / 8)."""
    visit: int = 3
    """The mean number of events of a visit (geometric distribution)."""
    actions: Weights = (0, 46, 22, 14, 12, 6, 0)
    """The weight of each member of ACTIONS for the events after the launch that begins a visit."""
    seconds: Weights = (6, 60, 120, 25, 30, 10, 90)
    """The mean duration in seconds of each member of ACTIONS (geometric distribution of tenths of a second)."""
    platforms: Weights = (60, 35, 5)
    late: int = 100
    """One in `late` events is received 1 minute to 48 hours after it happened, the others after 50 to 2,097 ms."""
    twice: int = 1000
    """One of every `twice` consecutive events is received twice."""

    @cached_property
    def weekly(self) -> Floats:
        """The weight of visits on each day of the ten years; the mean over a week is 1."""
        monday = datetime.fromtimestamp(START / 1000, UTC).weekday()
        return np.array(self.week)[(monday + np.arange(DAYS)) % 7] / (sum(self.week) / 7)

    @cached_property
    def births(self) -> Floats:
        """The relative weight of births on each day of the ten years."""
        return np.cumprod(np.full(DAYS, self.growth)) * self.weekly


@cache
def fade(world: World, eighths: int) -> Floats:
    """The mean number of visits of a player at each age in days, without the weights of the days of the week."""
    visits = np.full(DAYS, world.first_day)
    visits[1:] = world.next_day / power(np.arange(1, DAYS), eighths)
    return visits


@cache
def zipf(ranks: int, eighths: int) -> Floats:
    """The running sums of rank ** (-eighths / 8) over the ranks 1 to `ranks`."""
    return np.cumsum(1 / power(np.arange(1, ranks + 1), eighths))


@cache
def ticks(weights: Weights) -> NDArray[np.uint8]:
    """An array with each index of `weights` as often as its weight says; a uniform draw from it is a weighted draw."""
    return np.repeat(np.arange(len(weights), dtype=np.uint8), weights)


@cache
def prices() -> Integers:
    """The price of each item in gold: the squares 0 to 9,801 of 0 to 99; one item in a hundred is free."""
    return np.asarray((np.arange(1, len(ITEMS) + 1) * 37 % 100) ** 2, np.int64)


@cache
def durations(means: Weights, steps: int) -> NDArray[np.int32]:
    """`steps` evenly spaced quantiles, in tenths of a second, of the geometric distribution of each mean in seconds."""
    places = (np.arange(steps) + 0.5) / steps
    stays = [np.cumprod(np.full(mean * 200, 1 - 1 / (10 * mean))) for mean in means]
    return np.array([np.searchsorted(1 - stay, places) + 1 for stay in stays], np.int32)


WORLD = World()
