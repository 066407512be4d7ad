"""The events of the game, in time order, as Arrow record batches.

A block of time (a day, or an hour in a very large game) is made from its counters alone: who was born in it, who came
back and what they did. So any range of rows is made without the rows before it, and any split gives the same rows.
"""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rollup_bench.errors import RequestError
from rollup_bench.workloads.game.draws import Integers, Stream, Words, below, bits, chosen, high, low
from rollup_bench.workloads.game.plan import Plan, plan
from rollup_bench.workloads.game.visits import Visits, visits
from rollup_bench.workloads.game.world import (
    ACTIONS,
    COUNTRIES,
    HOUR,
    INSTALL,
    ITEMS,
    LAUNCH,
    PLATFORMS,
    ROLES,
    SHOP,
    World,
    durations,
    prices,
    ticks,
    zipf,
)

VERSION = 1
"""Goes up when the same seed begins to give other events."""

BATCH = 2**17
"""Rows of a batch, unless one block alone has more."""

MINUTE, LATEST = 60_000, 48 * HOUR

Codes = NDArray[np.uint8]

_TIME = pa.timestamp("ms", "UTC")
_TEXT = pa.dictionary(pa.int8(), pa.string())
_ITEMS = pa.array(ITEMS)
SCHEMA = pa.schema(
    [
        pa.field("time", _TIME, nullable=False),
        pa.field("received", _TIME, nullable=False),
        pa.field("id", pa.int64(), nullable=False),
        pa.field("player", pa.int64(), nullable=False),
        *(pa.field(name, _TEXT, nullable=False) for name in ("action", "role", "country", "platform")),
        pa.field("item", pa.dictionary(pa.int16(), pa.string())),
        pa.field("gold", pa.int64()),
        pa.field("seconds", pa.float64(), nullable=False),
    ]
)


def batches(rows: int, seed: int, shard: int = 0, shards: int = 1) -> Iterator[pa.RecordBatch]:
    """Yields rows `rows * shard // shards` up to `rows * (shard + 1) // shards` of the game.

    Raises:
        RequestError: rows or shards below 1, or a shard outside 0 to shards - 1.
    """
    if not 0 <= shard < shards:
        raise RequestError(f"shard {shard} of {shards}: a shard is 0 to {shards - 1}")
    return between(plan(rows, seed), rows * shard // shards, rows * (shard + 1) // shards)


def between(game: Plan, start: int, stop: int) -> Iterator[pa.RecordBatch]:
    """Yields the rows from `start` up to `stop`."""
    block = int(np.searchsorted(game.rows, start, side="right")) - 1
    while start < stop:
        last = int(np.searchsorted(game.rows, game.rows[block] + BATCH, side="right")) - 1
        last = min(max(last, block + 1), block + 366, len(game.rows) - 1)
        first, end = int(game.rows[block]), min(int(game.rows[last]), stop)
        if end > start:
            yield _batch(game, block, last).slice(start - first, end - start)
        start, block = max(start, end), last


def _batch(game: Plan, block: int, last: int) -> pa.RecordBatch:
    """Every row of the blocks from `block` up to `last`."""
    ids = np.arange(game.events[block], game.events[last])
    words = bits(game.seed, Stream.EVENT, ids)
    who = visits(game, block, last, words)
    visit = np.repeat(np.arange(len(who.first)), np.diff(who.first, append=len(ids)))
    action = _actions(game.world, who, words)
    words = bits(game.seed, Stream.DETAIL, ids)
    tenths = _tenths(game.world, action, words)
    time = _times(who, visit, tenths)
    order, again = _order(game, ids, time)
    ids, visit, action, time = ids[order], visit[order], action[order], time[order]
    received = _received(game, ids, time, words[order], again)
    item, gold, none = _bought(game, ids, action)
    return pa.record_batch(
        [
            pa.array(time).view(_TIME),
            pa.array(received).view(_TIME),
            pa.array(ids),
            pa.array(who.player[visit]),
            _text(action, ACTIONS),
            _text(who.role[visit], ROLES),
            _text(who.country[visit], COUNTRIES),
            _text(who.platform[visit], PLATFORMS),
            pa.DictionaryArray.from_arrays(pa.array(item, mask=none), _ITEMS),
            pa.array(gold, mask=none),
            pa.array(tenths[order] / 10),
        ],
        schema=SCHEMA,
    )


def _actions(world: World, who: Visits, words: Words) -> Codes:
    shares = ticks(world.actions)
    action = shares[below(len(shares), high(words))]
    action[who.first] = np.where(who.install, INSTALL, LAUNCH)
    return action


def _tenths(world: World, action: Codes, words: Words) -> NDArray[np.int32]:
    """How long each event took, in tenths of a second."""
    return durations(world.seconds, 4096)[action, (words & np.uint64(4095)).astype(np.int64)]


def _times(who: Visits, visit: Integers, tenths: NDArray[np.int32]) -> Integers:
    """Each event when the one before it in its visit is over, squeezed where the block would end first."""
    after = np.cumsum(tenths, dtype=np.int64) * 100
    before = after - tenths * np.int64(100)
    length = after[np.append(who.first[1:], len(after)) - 1] - before[who.first]
    offset: Integers = before - before[who.first][visit]
    room = who.end - 1 - who.start
    tight = np.flatnonzero((length > room)[visit])
    offset[tight] = offset[tight] * room[visit[tight]] // length[visit[tight]]
    offset += who.start[visit]
    return offset


def _order(game: Plan, ids: Integers, time: Integers) -> tuple[Integers, Integers]:
    """Positions in order of time, an event that is received twice two times; and where the second times stand."""
    groups = np.arange(ids[0] // game.world.twice, ids[-1] // game.world.twice + 1)
    twice = groups * game.world.twice + below(game.world.twice, low(bits(game.seed, Stream.TWICE, groups))) - ids[0]
    twice = twice[(twice >= 0) & (twice < len(ids))]
    width = len(ids).bit_length()
    keys = (time - game.times[0] << width) + np.arange(len(ids))
    order = np.sort(np.concatenate((keys, keys[twice]))) & ((1 << width) - 1)
    return order, np.flatnonzero(order[1:] == order[:-1]) + 1


def _received(game: Plan, ids: Integers, time: Integers, words: Words, again: Integers) -> Integers:
    """In about a second, but some late; and a second time at any moment after the first, within the 48 hours."""
    received = time + 50 + ((words >> np.uint64(12)) & np.uint64(2047)).astype(np.int64)
    late = np.flatnonzero(high(words) < 2**32 // game.world.late)
    received[late] = time[late] + MINUTE + below(LATEST - MINUTE, low(bits(game.seed, Stream.LATE, ids[late])))
    received[again] = received[again - 1]
    left = time[again] + LATEST - received[again]
    received[again] += below(left, low(bits(game.seed, Stream.AGAIN, ids[again])))
    return received


def _bought(game: Plan, ids: Integers, action: Codes) -> tuple[NDArray[np.int16], Integers, NDArray[np.bool_]]:
    """Item and gold of each event, and where there is none: only a shop sells."""
    sold = np.flatnonzero(action == SHOP)
    item, gold = np.zeros(len(ids), np.int16), np.zeros(len(ids), np.int64)
    drawn = low(bits(game.seed, Stream.ITEM, ids[sold]))
    item[sold] = chosen(zipf(len(ITEMS), game.world.item), drawn)
    gold[sold] = prices()[item[sold]]
    return item, gold, action != SHOP


def _text(codes: Codes, words: tuple[str, ...]) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(codes.view(np.int8)), pa.array(words))
