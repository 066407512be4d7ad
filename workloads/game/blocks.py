"""Splits a game's rows over blocks of time (days or hours), so that a block can be made without those before it."""

from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np

from rollup_bench.errors import RequestError
from rollup_bench.workloads.game.draws import Floats, Integers, Stream, below, bits, low
from rollup_bench.workloads.game.world import COUNTRIES, DAY, DAYS, START, WORLD, World, fade, zipf

LARGE = 2**29
"""The most rows with which a block is a day; with more rows it is an hour, so that one block fits into memory."""

MOST = 2**33
"""The most rows of a game; with more rows, one hour would not fit into memory."""

_UNIT = 2**24


@dataclass(frozen=True, eq=False)
class Blocks:
    """The blocks of a game in order of time; each array has an entry for each block and one for the end of the game."""

    world: World
    seed: int
    total: int
    """The number of rows of the game; an event that is received twice is two rows."""
    slots: int
    """The number of blocks in a day: 1 or 24."""
    players: Integers
    """The number of players born before each block; a player's id is one more than the players born earlier."""
    events: Integers
    """The number of events before each block; an event's id is the number of events made before the event."""
    rows: Integers
    """The number of rows before each block, where an event that is received twice is two rows."""

    @property
    def times(self) -> Integers:
        """The start of each block and the end of the game, in milliseconds since 1970, UTC."""
        return START + np.arange(DAYS * self.slots + 1) * (DAY // self.slots)

    @property
    def shares(self) -> Floats:
        """The share of a day's births and visits in each block of the day, by `World.hours`; the shares add up to 1."""
        return _shares(self.world, self.slots)


@lru_cache(maxsize=4)
def split(rows: int, seed: int, slots: int = 0, world: World = WORLD) -> Blocks:
    """Splits `rows` rows over blocks. `slots` is the number of blocks in a day; 0 means 1 up to `LARGE` rows, else 24.

    Raises:
        RequestError: `rows` is below 1 or above `MOST`.
    """
    if not 1 <= rows <= MOST:
        raise RequestError(f"{rows} rows: a game has 1 to {MOST:,} rows; change --rows or `rows` of [source]")
    slots = slots or (1 if rows <= LARGE else 24)
    total = _events(rows, seed, world)
    players = np.rint(total / _events_a_player(world))
    births = _split(int(max(players, 1)), np.outer(world.births, _shares(world, slots)).ravel())
    visits = _split(total - int(births[-1]), _visits(births, slots, world))
    events = births + visits
    return Blocks(world, seed, rows, slots, births, events, events + repeats(events, seed, world))


def repeats(events: Integers, seed: int, world: World) -> Integers:
    """For each entry n of `events`, how many of the game's first n events are received twice."""
    groups, rest = np.divmod(events, world.twice)
    return groups + (rest > below(world.twice, low(bits(seed, Stream.TWICE, groups))))


def _events(rows: int, seed: int, world: World) -> int:
    """The smallest number of events that makes at least `rows` rows, counting events received twice as two rows."""
    near = np.arange(3, dtype=np.int64) + (rows * world.twice // (world.twice + 1) - 1)
    near = near[near > 0]
    return int(near[np.argmax(near + repeats(near, seed, world) >= rows)])


@cache
def _events_a_player(world: World) -> float:
    births = _split(1_000_000, world.births)
    return 1 + world.visit * float(np.cumsum(_visits(births, 1, world))[-1]) / 1_000_000


def _split(total: int, weights: Floats) -> Integers:
    """`total` times the share of each running sum of the weights in their sum, rounded down; starts with 0."""
    running = np.concatenate(([0.0], np.cumsum(weights)))
    whole: Integers = np.floor(running / running[-1] * total).astype(np.int64)
    return whole


def _shares(world: World, slots: int) -> Floats:
    shares: Floats = np.array(world.hours).reshape(slots, -1).sum(axis=1) / sum(world.hours)
    return shares


def _visits(births: Integers, slots: int, world: World) -> Floats:
    """The expected number of visits in each block, by players born in the block and by players born on earlier days."""
    born = np.diff(births).reshape(DAYS, slots)
    returning = np.convolve(born.sum(axis=1), _faded(world))[:DAYS] / _UNIT
    visits = born * world.first_day + np.outer(returning, _shares(world, slots))
    return (visits * world.weekly[:, None]).ravel()


@cache
def _faded(world: World) -> Integers:
    """The mean number of visits of a player at each age in days, times `_UNIT` and rounded down; 0 for age 0.

    The result has integers because a convolution of floats adds in an order that differs between machines.
    """
    shares = np.diff(zipf(len(COUNTRIES), world.country), prepend=0)
    mean = np.zeros(DAYS)
    for rank, share in enumerate(shares / np.cumsum(shares)[-1]):
        mean += share * fade(world, world.fading[rank % len(world.fading)])
    mean[0] = 0
    return np.floor(mean * _UNIT).astype(np.int64)
