"""The parameters of the game, and tables computed from them."""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, cached_property

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
ITEMS = tuple(f"item-{rank:04}" for rank in range(1, 1001))


@dataclass(frozen=True)
class World:
    """The parameters that the README describes. Weights are relative; exponents are in eighths."""

    growth: float = 1.0006
    """The ratio of the births of a day to the births of the day before, apart from the weights of the week."""
    week: tuple[int, ...] = (92, 88, 90, 94, 106, 122, 108)
    """Weight of Monday to Sunday, for births and visits alike."""
    hours: tuple[int, ...] = (
        18,
        12,
        8,
        6,
        6,
        8,
        14,
        24,
        32,
        34,
        36,
        40,
        48,
        46,
        42,
        44,
        50,
        60,
        72,
        84,
        90,
        82,
        60,
        34,
    )
    """Weight of each hour of the day, UTC."""
    first_day: float = 1.0
    """Mean visits of a player on the day of birth, without the install."""
    next_day: float = 0.32
    """Mean visits of a player on the day after birth, averaged over the days of the week."""
    fading: tuple[int, ...] = (5, 7, 6, 8)
    """Visits at an age in days are proportional to age ** (-fading / 8); the country of rank r uses entry r mod 4."""
    country: int = 8
    """The share of the country of rank r is proportional to r ** (-country / 8)."""
    item: int = 9
    """The share of the item of rank r is proportional to r ** (-item / 8)."""
    visit: int = 3
    """Mean events of a visit (geometric distribution)."""
    actions: tuple[int, ...] = (0, 46, 22, 14, 12, 6, 0)
    """Weight of each action after the launch that opens a visit."""
    seconds: tuple[int, ...] = (6, 60, 120, 25, 30, 10, 90)
    """Mean duration of each action in seconds (geometric distribution of tenths)."""
    platforms: tuple[int, ...] = (60, 35, 5)
    late: int = 100
    """One event in so many is received late: after a minute to 48 hours, instead of 50 to 2,097 ms."""
    twice: int = 1000
    """Of so many consecutive events, one is received twice."""

    @cached_property
    def weekly(self) -> Floats:
        """The weight of visits on each day of the ten years; 1 on average over a week."""
        monday = datetime.fromtimestamp(START / 1000, UTC).weekday()
        return np.array(self.week)[(monday + np.arange(DAYS)) % 7] / (sum(self.week) / 7)

    @cached_property
    def births(self) -> Floats:
        """The weight of births on each day of the ten years."""
        return np.cumprod(np.full(DAYS, self.growth)) * self.weekly


@cache
def fade(world: World, eighths: int) -> Floats:
    """Mean visits of a player at each age in days, without the weights of the week."""
    visits = np.full(DAYS, world.first_day)
    visits[1:] = world.next_day / power(np.arange(1, DAYS), eighths)
    return visits


@cache
def zipf(ranks: int, eighths: int) -> Floats:
    """The running sum of rank ** (-eighths / 8) over the ranks from 1."""
    return np.cumsum(1 / power(np.arange(1, ranks + 1), eighths))


@cache
def ticks(weights: tuple[int, ...]) -> NDArray[np.uint8]:
    """Each index repeated as often as its weight says, so that a uniform draw from the array is a weighted draw."""
    return np.repeat(np.arange(len(weights), dtype=np.uint8), weights)


@cache
def prices() -> Integers:
    """The gold of each item: squares from 0 to 9,801; one item in a hundred is free."""
    return np.asarray((np.arange(1, len(ITEMS) + 1) * 37 % 100) ** 2, np.int64)


@cache
def durations(means: tuple[int, ...], steps: int) -> NDArray[np.int32]:
    """Tenths of a second at `steps` equal steps of a geometric distribution; one row for each mean in seconds."""
    places = (np.arange(steps) + 0.5) / steps
    stays = [np.cumprod(np.full(mean * 200, 1 - 1 / (10 * mean))) for mean in means]
    return np.array([np.searchsorted(1 - stay, places) + 1 for stay in stays], np.int32)


WORLD = World()
