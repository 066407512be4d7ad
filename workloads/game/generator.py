"""Generates the events of a game, in order of time, as Arrow record batches.

The seed and a block's counters (of its players, events and rows) determine the events of the block, a day or hour. So
any range of rows can be made without the rows before it, and a game is the same in however many shards it is made.
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
"""The version of the generator, which changes whenever the same seed gives other events than before."""

BATCH = 2**17
"""The most rows of a batch, except that a single block with more rows is one batch."""

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
    """Yields shard `shard`, from 0, of `shards` about equal parts of a game with `rows` rows, in order of time.

    Raises:
        RequestError: `rows` is below 1 or too large, or `shard` is not one of 0 to `shards` - 1.
    """
    if not 0 <= shard < shards:
        raise RequestError(f"shard {shard} of {shards} does not exist; shards are numbered from 0")
    return between(split(rows, seed), rows * shard // shards, rows * (shard + 1) // shards)


def between(game: Blocks, start: int, stop: int) -> Iterator[pa.RecordBatch]:
    """Yields the rows of a game from row `start`, counted from 0, up to but not including row `stop`."""
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
    """How long each event lasts, in tenths of a second."""
    return durations(world.seconds, 4096)[action, (words & np.uint64(4095)).astype(np.int64)]


def _times(who: Visits, visit: Integers, tenths: NDArray[np.int32]) -> Integers:
    """The start of each event in milliseconds since 1970, UTC: an event starts when the visit's previous event ends.

    If a visit would not end within its block of time, the starts of its events are scaled to fit into the block.
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
    """Returns `order`, the positions of the rows' events in order of time, and the indexes in it of second receipts.

    An event that is received twice has two adjacent entries in `order`, of which the later is the second receipt.
    """
    groups = np.arange(ids[0] // game.world.twice, ids[-1] // game.world.twice + 1)
    twice = groups * game.world.twice + below(game.world.twice, low(bits(game.seed, Stream.TWICE, groups))) - ids[0]
    twice = twice[(twice >= 0) & (twice < len(ids))]
    width = len(ids).bit_length()
    keys = (time - game.times[0] << width) + np.arange(len(ids))
    order = np.sort(np.concatenate((keys, keys[twice]))) & ((1 << width) - 1)
    return order, np.flatnonzero(order[1:] == order[:-1]) + 1


def _received(game: Blocks, ids: Integers, time: Integers, words: Words, again: Integers) -> Integers:
    """When each row is received: 50 to 2,097 ms after the event, or 1 minute to 48 hours for one row in `late`.

    The second receipt of an event is at a random time from the first receipt to 48 hours after the event.
    """
    received = time + 50 + ((words >> np.uint64(12)) & np.uint64(2047)).astype(np.int64)
    late = np.flatnonzero(high(words) < 2**32 // game.world.late)
    received[late] = time[late] + MINUTE + below(LATEST - MINUTE, low(bits(game.seed, Stream.LATE, ids[late])))
    received[again] = received[again - 1]
    remaining = time[again] + LATEST - received[again]
    received[again] += below(remaining, low(bits(game.seed, Stream.AGAIN, ids[again])))
    return received


def _bought(game: Blocks, ids: Integers, action: Codes) -> tuple[NDArray[np.int16], Integers, NDArray[np.bool_]]:
    """Returns each event's item and gold, and a mask that is True for events without them: all except `shop` events."""
    sold = np.flatnonzero(action == SHOP)
    item, gold = np.zeros(len(ids), np.int16), np.zeros(len(ids), np.int64)
    drawn = low(bits(game.seed, Stream.ITEM, ids[sold]))
    item[sold] = chosen(zipf(len(ITEMS), game.world.item), drawn)
    gold[sold] = prices()[item[sold]]
    return item, gold, action != SHOP


def _text(codes: Codes, words: tuple[str, ...]) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(codes.view(np.int8)), pa.array(words))
