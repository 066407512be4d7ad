"""Who the players are, and which of them come back."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rollup_bench.workloads.game.draws import Floats, Integers, Stream, below, bits, chosen, high, low
from rollup_bench.workloads.game.plan import Plan
from rollup_bench.workloads.game.world import COUNTRIES, DAYS, ROLES, fade, ticks, zipf

_SIXTEEN = np.uint64(16)


@dataclass(frozen=True)
class Players:
    """What a player is for good, as indexes; `role` is the one played most."""

    country: NDArray[np.uint8]
    platform: NDArray[np.uint8]
    role: NDArray[np.uint8]


def players(game: Plan, numbers: Integers) -> Players:
    """The players with these numbers, counted from 0 in order of birth."""
    words = bits(game.seed, Stream.PLAYER, numbers)
    platforms = ticks(game.world.platforms)
    platform = platforms[below(len(platforms), high(words) & np.uint64(0xFFFF0000))]
    role = below(len(ROLES), high(words << _SIXTEEN))
    return Players(_country(game, numbers), platform, role.astype(np.uint8))


def returning(game: Plan, blocks: Integers, counters: Integers) -> tuple[Integers, Integers]:
    """Day of birth and number of the player of each visit, drawn in proportion to how often each comes at that age.

    By rejection: a player is proposed as if all countries were as faithful as the most faithful one, and kept with the
    probability by which the player's own country falls short of it at that age.
    """
    born, player = np.empty_like(blocks), np.empty_like(blocks)
    if not len(blocks):
        return born, player
    fading, base = game.world.fading, int(blocks[0])
    running = _running(game, base, int(blocks[-1]) + 1)
    kept = np.array([fade(game.world, e) / fade(game.world, min(fading)) for e in fading]) * 2**32
    left, words = np.arange(len(blocks)), bits(game.seed, Stream.RETURN, counters)
    while len(left):
        block = blocks[left]
        today, row = block // game.slots, block - base
        day = np.searchsorted(running.ravel(), row + low(words) / 2**32, side="right") - row * running.shape[1]
        new = day == today
        first = np.where(new, block, day * game.slots)
        count = game.players[first + np.where(new, 1, game.slots)] - game.players[first]
        number = game.players[first] + below(count, high(words))
        country = _country(game, number)
        keep = low(bits(game.seed, Stream.KEEP, words)) < kept[country % len(fading), today - day]
        born[left[keep]], player[left[keep]] = day[keep], number[keep]
        left, words = left[~keep], bits(game.seed, Stream.RETURN, words[~keep])
    return born, player


def _country(game: Plan, numbers: Integers) -> NDArray[np.uint8]:
    drawn = low(bits(game.seed, Stream.PLAYER, numbers))
    return chosen(zipf(len(COUNTRIES), game.world.country), drawn).astype(np.uint8)


def _running(game: Plan, block: int, last: int) -> Floats:
    """For each block its place plus the running share of each day of birth, as if all countries were the most faithful.

    A visit on the day of birth is by a player born in that very block.
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
