"""Generates the events of the game, in time order, as Arrow record batches.

The events of a block of time (a day, or an hour in a very large game) follow from the counters of the block alone. So
any range of rows can be made without the rows before it, and a game is the same however it is split.
"""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rollup_bench.errors import RequestError
from rollup_bench.workloads.game.blocks import Blocks, split
from rollup_bench.workloads.game.draws import Integers, Stream, Words, below, bits, chosen, high, low
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
"""This number changes whenever the same seed gives other events than before."""

BATCH = 2**17
"""Rows of a batch; a single block with more rows is a batch too."""

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
    """Yields the rows from `rows * shard // shards` up to `rows * (shard + 1) // shards` of the game.

    Raises:
        RequestError: rows or shards are below 1, or the shard is not one of 0 to shards - 1.
    """
    if not 0 <= shard < shards:
        raise RequestError(f"shard {shard} of {shards} does not exist; the first is 0")
    return between(split(rows, seed), rows * shard // shards, rows * (shard + 1) // shards)


def between(game: Blocks, start: int, stop: int) -> Iterator[pa.RecordBatch]:
    """Yields the rows from `start` up to `stop`."""
    block = int(np.searchsorted(game.rows, start, side="right")) - 1
    while start < stop:
        last = int(np.searchsorted(game.rows, game.rows[block] + BATCH, side="right")) - 1
        last = min(max(last, block + 1), block + 366, len(game.rows) - 1)
        first, end = int(game.rows[block]), min(int(game.rows[last]), stop)
        if end > start:
            yield _batch(game, block, last).slice(start - first, end - start)
        start, block = max(start, end), last


def _batch(game: Blocks, block: int, last: int) -> pa.RecordBatch:
    """All rows of the blocks from `block` up to but not including `last`."""
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
    """The time of each event: when the event before it in its visit ends.

    The times of a visit that would not end within its block are squeezed.
    """
    after = np.cumsum(tenths, dtype=np.int64) * 100
    before = after - tenths * np.int64(100)
    length = after[np.append(who.first[1:], len(after)) - 1] - before[who.first]
    offset: Integers = before - before[who.first][visit]
    room = who.end - 1 - who.start
    tight = np.flatnonzero((length > room)[visit])
    offset[tight] = offset[tight] * room[visit[tight]] // length[visit[tight]]
    offset += who.start[visit]
    return offset


def _order(game: Blocks, ids: Integers, time: Integers) -> tuple[Integers, Integers]:
    """The positions of events in order of time, then the places in it of second receipts.

    An event that is received twice is in the order twice.
    """
    groups = np.arange(ids[0] // game.world.twice, ids[-1] // game.world.twice + 1)
    twice = groups * game.world.twice + below(game.world.twice, low(bits(game.seed, Stream.TWICE, groups))) - ids[0]
    twice = twice[(twice >= 0) & (twice < len(ids))]
    width = len(ids).bit_length()
    keys = (time - game.times[0] << width) + np.arange(len(ids))
    order = np.sort(np.concatenate((keys, keys[twice]))) & ((1 << width) - 1)
    return order, np.flatnonzero(order[1:] == order[:-1]) + 1


def _received(game: Blocks, ids: Integers, time: Integers, words: Words, again: Integers) -> Integers:
    """The times of receipt: mostly within about two seconds, some late.

    A second receipt is at any time after the first, within 48 hours after the event.
    """
    received = time + 50 + ((words >> np.uint64(12)) & np.uint64(2047)).astype(np.int64)
    late = np.flatnonzero(high(words) < 2**32 // game.world.late)
    received[late] = time[late] + MINUTE + below(LATEST - MINUTE, low(bits(game.seed, Stream.LATE, ids[late])))
    received[again] = received[again - 1]
    remaining = time[again] + LATEST - received[again]
    received[again] += below(remaining, low(bits(game.seed, Stream.AGAIN, ids[again])))
    return received


def _bought(game: Blocks, ids: Integers, action: Codes) -> tuple[NDArray[np.int16], Integers, NDArray[np.bool_]]:
    """The item and the gold of each event, and a mask of the events without them: all actions except `shop`."""
    sold = np.flatnonzero(action == SHOP)
    item, gold = np.zeros(len(ids), np.int16), np.zeros(len(ids), np.int64)
    drawn = low(bits(game.seed, Stream.ITEM, ids[sold]))
    item[sold] = chosen(zipf(len(ITEMS), game.world.item), drawn)
    gold[sold] = prices()[item[sold]]
    return item, gold, action != SHOP


def _text(codes: Codes, words: tuple[str, ...]) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(codes.view(np.int8)), pa.array(words))
