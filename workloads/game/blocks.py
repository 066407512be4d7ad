"""Splits the rows of a game over blocks of time, so that any row can be made without the rows before it."""

from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np

from rollup_bench.errors import RequestError
from rollup_bench.workloads.game.draws import Floats, Integers, Stream, below, bits, low
from rollup_bench.workloads.game.world import COUNTRIES, DAY, DAYS, START, WORLD, World, fade, zipf

LARGE = 2**29
"""With more rows, a block is an hour instead of a day, so that one block fits into memory."""

MOST = 2**33
"""With more rows, not even an hour fits into memory."""

_UNIT = 2**24


@dataclass(frozen=True, eq=False)
class Blocks:
    """The blocks of a game in time order; arrays have one entry for each block, and one for the end."""

    world: World
    seed: int
    total: int
    """Rows of the game, with those of events that are received twice."""
    slots: int
    """Blocks in a day: 1 or 24."""
    players: Integers
    """Players born before each block; the id of a player is the number of players born before, plus one."""
    events: Integers
    """Events before each block; the id of an event is the number of events before it."""
    rows: Integers
    """Rows before each block."""

    @property
    def times(self) -> Integers:
        """When each block starts, in milliseconds since 1970 UTC."""
        return START + np.arange(DAYS * self.slots + 1) * (DAY // self.slots)

    @property
    def shares(self) -> Floats:
        """The share of the weight of a day that each block of the day has, by `World.hours`."""
        return _shares(self.world, self.slots)


@lru_cache(maxsize=4)
def split(rows: int, seed: int, slots: int = 0, world: World = WORLD) -> Blocks:
    """Splits `rows` over blocks. `slots` is the number of blocks in a day, or 0 for the number that suits `rows`.

    Raises:
        RequestError: rows below 1 or above `MOST`.
    """
    if not 1 <= rows <= MOST:
        raise RequestError(f"--rows is {rows}; a game has 1 to {MOST:,} rows")
    slots = slots or (1 if rows <= LARGE else 24)
    total = _events(rows, seed, world)
    players = np.rint(total / _events_a_player(world))
    births = _split(int(max(players, 1)), np.outer(world.births, _shares(world, slots)).ravel())
    visits = _split(total - int(births[-1]), _visits(births, slots, world))
    events = births + visits
    return Blocks(world, seed, rows, slots, births, events, events + repeats(events, seed, world))


def repeats(events: Integers, seed: int, world: World) -> Integers:
    """How many of the first `events` events are received twice."""
    groups, rest = np.divmod(events, world.twice)
    return groups + (rest > below(world.twice, low(bits(seed, Stream.TWICE, groups))))


def _events(rows: int, seed: int, world: World) -> int:
    """The smallest number of events that makes at least `rows` rows."""
    near = np.arange(3, dtype=np.int64) + (rows * world.twice // (world.twice + 1) - 1)
    near = near[near > 0]
    return int(near[np.argmax(near + repeats(near, seed, world) >= rows)])


@cache
def _events_a_player(world: World) -> float:
    births = _split(1_000_000, world.births)
    return 1 + world.visit * float(np.cumsum(_visits(births, 1, world))[-1]) / 1_000_000


def _split(total: int, weights: Floats) -> Integers:
    """Whole numbers that grow from 0 to `total` in proportion to the running sum of weights."""
    running = np.concatenate(([0.0], np.cumsum(weights)))
    whole: Integers = np.floor(running / running[-1] * total).astype(np.int64)
    return whole


def _shares(world: World, slots: int) -> Floats:
    shares: Floats = np.array(world.hours).reshape(slots, -1).sum(axis=1) / sum(world.hours)
    return shares


def _visits(births: Integers, slots: int, world: World) -> Floats:
    """The expected visits in each block, by players born in it and by players born on earlier days."""
    born = np.diff(births).reshape(DAYS, slots)
    returning = np.convolve(born.sum(axis=1), _faded(world))[:DAYS] / _UNIT
    visits = born * world.first_day + np.outer(returning, _shares(world, slots))
    return (visits * world.weekly[:, None]).ravel()


@cache
def _faded(world: World) -> Integers:
    """The mean visits of a player for each age in days, in units of 1 / `_UNIT`; 0 for age 0.

    They are whole numbers because a convolution of floats adds in an order that differs between machines.
    """
    shares = np.diff(zipf(len(COUNTRIES), world.country), prepend=0)
    mean = np.zeros(DAYS)
    for rank, share in enumerate(shares / np.cumsum(shares)[-1]):
        mean += share * fade(world, world.fading[rank % len(world.fading)])
    mean[0] = 0
    return np.floor(mean * _UNIT).astype(np.int64)
