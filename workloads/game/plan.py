"""How many births, events and rows fall into each block of time: what lets any row be found without the others."""

from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np

from rollup_bench.errors import RequestError
from rollup_bench.workloads.game.draws import Floats, Integers, Stream, below, bits, low
from rollup_bench.workloads.game.world import COUNTRIES, DAY, DAYS, START, WORLD, World, fade, zipf

LARGE = 2**29
"""Rows above which a block is an hour and not a day, so that one block fits in memory."""

MOST = 2**33
"""Rows above which not even an hour does."""

_UNIT = 2**24


@dataclass(frozen=True, eq=False)
class Plan:
    """Blocks of equal length in time order; arrays hold one entry a block and one for the end."""

    world: World
    seed: int
    total: int
    """Rows, repeats included."""
    slots: int
    """Blocks in a day: 1 or 24."""
    players: Integers
    """Players born before each block; a player's id is the number born before, plus one."""
    events: Integers
    """Events before each block; an event's id is the number before it."""
    rows: Integers
    """Rows before each block."""

    @property
    def times(self) -> Integers:
        """When each block starts, in milliseconds since 1970 UTC."""
        return START + np.arange(DAYS * self.slots + 1) * (DAY // self.slots)

    @property
    def shares(self) -> Floats:
        """The part of a day's weight that falls into each slot."""
        return _shares(self.world, self.slots)


@lru_cache(maxsize=4)
def plan(rows: int, seed: int, slots: int = 0, world: World = WORLD) -> Plan:
    """Splits `rows` over blocks; `slots` is 0 for the number that suits `rows`.

    Raises:
        RequestError: rows below 1 or above `MOST`.
    """
    if not 1 <= rows <= MOST:
        raise RequestError(f"--rows {rows}: a game has 1 to {MOST:,} rows")
    slots = slots or (1 if rows <= LARGE else 24)
    total = _events(rows, seed, world)
    players = np.rint(total / _events_a_player(world))
    births = _split(int(max(players, 1)), np.outer(world.births, _shares(world, slots)).ravel())
    visits = _split(total - int(births[-1]), _visits(births, slots, world))
    events = births + visits
    return Plan(world, seed, rows, slots, births, events, events + repeats(events, seed, world))


def repeats(events: Integers, seed: int, world: World) -> Integers:
    """How many of the first `events` events are received twice."""
    groups, rest = np.divmod(events, world.twice)
    return groups + (rest > below(world.twice, low(bits(seed, Stream.TWICE, groups))))


def _events(rows: int, seed: int, world: World) -> int:
    """The fewest events that fill so many rows."""
    near = np.arange(3, dtype=np.int64) + (rows * world.twice // (world.twice + 1) - 1)
    near = near[near > 0]
    return int(near[np.argmax(near + repeats(near, seed, world) >= rows)])


@cache
def _events_a_player(world: World) -> float:
    births = _split(1_000_000, world.births)
    return 1 + world.visit * float(np.cumsum(_visits(births, 1, world))[-1]) / 1_000_000


def _split(total: int, weights: Floats) -> Integers:
    """Running whole numbers from 0 to `total`, in proportion to the running sum of weights."""
    running = np.concatenate(([0.0], np.cumsum(weights)))
    whole: Integers = np.floor(running / running[-1] * total).astype(np.int64)
    return whole


def _shares(world: World, slots: int) -> Floats:
    shares: Floats = np.array(world.hours).reshape(slots, -1).sum(axis=1) / sum(world.hours)
    return shares


def _visits(births: Integers, slots: int, world: World) -> Floats:
    """Expected visits in each block: of those born in it, and of those born on earlier days."""
    born = np.diff(births).reshape(DAYS, slots)
    returning = np.convolve(born.sum(axis=1), _faded(world))[:DAYS] / _UNIT
    visits = born * world.first_day + np.outer(returning, _shares(world, slots))
    return (visits * world.weekly[:, None]).ravel()


@cache
def _faded(world: World) -> Integers:
    """Visits of a player of any country for each age in days from 1, in whole `_UNIT`ths.

    Whole numbers, because the order in which a convolution adds differs between machines.
    """
    shares = np.diff(zipf(len(COUNTRIES), world.country), prepend=0)
    mean = np.zeros(DAYS)
    for rank, share in enumerate(shares / np.cumsum(shares)[-1]):
        mean += share * fade(world, world.fading[rank % len(world.fading)])
    mean[0] = 0
    return np.floor(mean * _UNIT).astype(np.int64)
