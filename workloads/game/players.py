"""Generates the players, and draws for each visit which player makes it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rollup_bench.workloads.game.blocks import Blocks
from rollup_bench.workloads.game.draws import Floats, Integers, Stream, below, bits, chosen, high, low
from rollup_bench.workloads.game.world import COUNTRIES, DAYS, ROLES, fade, ticks, zipf

_SIXTEEN = np.uint64(16)


@dataclass(frozen=True)
class Players:
    """The country, platform and usual role of players, as indexes into COUNTRIES, PLATFORMS and ROLES of `world`."""

    country: NDArray[np.uint8]
    platform: NDArray[np.uint8]
    role: NDArray[np.uint8]


def players(game: Blocks, numbers: Integers) -> Players:
    """The players with the given numbers; players are numbered from 0 in order of birth."""
    words = bits(game.seed, Stream.PLAYER, numbers)
    platforms = ticks(game.world.platforms)
    platform = platforms[below(len(platforms), high(words) & np.uint64(0xFFFF0000))]
    role = below(len(ROLES), high(words << _SIXTEEN))
    return Players(_country(game, numbers), platform, role.astype(np.uint8))


def returning(game: Blocks, blocks: Integers, counters: Integers) -> tuple[Integers, Integers]:
    """Draws the player of each visit by the players' mean visits at their ages; returns birth days and numbers.

    `counters` are the ids of the visits' first events. By rejection sampling, a player is proposed as if all countries
    had the visits of the country whose visits fade most slowly, and accepted with the ratio of the mean visits at the
    player's age in the player's own country to those in that country.
    """
    born, player = np.empty_like(blocks), np.empty_like(blocks)
    if not len(blocks):
        return born, player
    fading, base = game.world.fading, int(blocks[0])
    running = _running(game, base, int(blocks[-1]) + 1)
    accepted = np.array([fade(game.world, e) / fade(game.world, min(fading)) for e in fading]) * 2**32
    open_visits, words = np.arange(len(blocks)), bits(game.seed, Stream.RETURN, counters)
    while len(open_visits):
        block = blocks[open_visits]
        today, row = block // game.slots, block - base
        day = np.searchsorted(running.ravel(), row + low(words) / 2**32, side="right") - row * running.shape[1]
        new = day == today
        first = np.where(new, block, day * game.slots)
        count = game.players[first + np.where(new, 1, game.slots)] - game.players[first]
        number = game.players[first] + below(count, high(words))
        country = _country(game, number)
        keep = low(bits(game.seed, Stream.KEEP, words)) < accepted[country % len(fading), today - day]
        born[open_visits[keep]], player[open_visits[keep]] = day[keep], number[keep]
        open_visits, words = open_visits[~keep], bits(game.seed, Stream.RETURN, words[~keep])
    return born, player


def _country(game: Blocks, numbers: Integers) -> NDArray[np.uint8]:
    drawn = low(bits(game.seed, Stream.PLAYER, numbers))
    return chosen(zipf(len(COUNTRIES), game.world.country), drawn).astype(np.uint8)


def _running(game: Blocks, block: int, last: int) -> Floats:
    """Rows with, for each block from `block`, its position plus the running share of its visits by day of birth.

    All countries count as that with the slowest fading. A visit on a birth day is by a player born in the same block.
    """
    place = np.arange(last - block)
    today, slot = np.divmod(block + place, game.slots)
    width = int(today[-1]) + 1
    fading = np.concatenate((fade(game.world, min(game.world.fading))[::-1], np.zeros(DAYS)))
    weights = np.lib.stride_tricks.sliding_window_view(fading, width)[DAYS - 1 - today]
    weights = weights * np.diff(game.players[:: game.slots])[:width]
    weights[place, today] = np.diff(game.players[block : last + 1]) / game.shares[slot] * game.world.first_day
    running = np.cumsum(weights, axis=1)
    running /= np.where(running[:, -1:], running[:, -1:], 1)
    return running + place[:, None]
