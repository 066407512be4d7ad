"""Generates the visits of players in consecutive blocks of time."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rollup_bench.workloads.game.blocks import Blocks
from rollup_bench.workloads.game.draws import Integers, Stream, Words, below, bits, high, low
from rollup_bench.workloads.game.players import players, returning
from rollup_bench.workloads.game.world import DAY, HOUR, ROLES, START, ticks

Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Visits:
    """Visits of players; each array has one entry for each visit, and an install is a visit of one event."""

    first: Integers
    """The position of a visit's first event among the events of the blocks."""
    install: Bools
    player: Integers
    country: NDArray[np.uint8]
    platform: NDArray[np.uint8]
    role: NDArray[np.uint8]
    start: Integers
    """The start of a visit in milliseconds since 1970, UTC."""
    end: Integers
    """The end of the block of a visit in milliseconds since 1970, UTC; no visit continues in the next block."""


def visits(game: Blocks, block: int, last: int, words: Words) -> Visits:
    """The visits of the blocks from `block` up to but not including `last`; `words` has 64 random bits for each event.

    The installs of a block are its first events. Each later event begins a visit with probability 1 / `World.visit`, so
    that the numbers of events in visits are distributed geometrically.
    """
    offsets = game.events[block : last + 1] - game.events[block]
    births = np.diff(game.players[block : last + 1])
    installs = _runs(offsets[:-1], births)
    opens = low(words) < 2**32 // game.world.visit
    opens[installs] = True
    opens[(offsets[:-1] + births)[births < np.diff(offsets)]] = True
    first = np.flatnonzero(opens)
    install = np.zeros(len(first), np.bool_)
    install[np.searchsorted(first, installs)] = True

    counters = game.events[block] + first
    blocks = block + np.repeat(np.arange(last - block), np.diff(np.searchsorted(first, offsets)))
    born, number = blocks // game.slots, np.empty_like(blocks)
    number[install] = np.arange(game.players[block], game.players[last])
    born[~install], number[~install] = returning(game, blocks[~install], counters[~install])
    known = players(game, number)
    role = _roles(game, counters, known.role, install)
    start = _starts(game, counters, blocks, number, born, install)
    end = game.times[blocks + 1]
    return Visits(first, install, number + 1, known.country, known.platform, role, start, end)


def _runs(starts: Integers, lengths: Integers) -> Integers:
    """The numbers start, start + 1, ... of runs with the given starts and lengths, one run after the other."""
    before = np.cumsum(lengths) - lengths
    return np.repeat(starts - before, lengths) + np.arange(int(lengths.sum()))


def _roles(game: Blocks, counters: Integers, usual: NDArray[np.uint8], install: Bools) -> NDArray[np.uint8]:
    """The role of each visit: `usual` at an install and in four of five other visits, else one drawn from all roles."""
    words = bits(game.seed, Stream.ROLE, counters)
    other = below(len(ROLES), high(words)).astype(np.uint8)
    return np.where(install | (below(5, low(words)) > 0), usual, other)


def _starts(
    game: Blocks, counters: Integers, blocks: Integers, number: Integers, born: Integers, install: Bools
) -> Integers:
    """When each visit starts, in milliseconds since 1970; on its player's birthday within an hour after the install."""
    words = bits(game.seed, Stream.START, counters)
    start = _moments(game, blocks, words, HOUR)
    new = np.flatnonzero(born == blocks // game.slots)
    start[new] = _moments(game, blocks[new], bits(game.seed, Stream.BIRTH, number[new]), HOUR - 1)
    new = new[~install[new]]
    room = np.minimum(HOUR, game.times[blocks[new] + 1] - 1 - start[new])
    start[new] += 1 + below(room, low(words[new]))
    return start


def _moments(game: Blocks, blocks: Integers, words: Words, within: int) -> Integers:
    """A random time in each block, in milliseconds since 1970: an hour by its weight, plus less than `within`."""
    hours = ticks(game.world.hours)
    edges = np.searchsorted(hours, np.arange(game.slots + 1) * (24 // game.slots))
    day, slot = np.divmod(blocks, game.slots)
    hour = hours[edges[slot] + below(np.diff(edges)[slot], high(words))]
    start: Integers = START + day * DAY + hour.astype(np.int64) * HOUR
    return start + below(within, low(words))
