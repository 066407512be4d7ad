"""Draws random numbers from a seed, a stream and a counter; the numbers are the same on every machine.

The functions use only integers, square roots and the four basic operations of IEEE 754, because the last bit of `exp`,
`log` and `pow` differs between processors, and one bit is enough to move an event.
"""

from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]
Integers = NDArray[np.int64]
Floats = NDArray[np.float64]

_STEP = 0x9E3779B97F4A7C15
_ALL = 0xFFFFFFFFFFFFFFFF
_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)


class Stream(IntEnum):
    """What a random number is drawn for; numbers of different streams with the same seed are independent."""

    EVENT = 1
    DETAIL = 2
    ITEM = 3
    LATE = 4
    TWICE = 5
    AGAIN = 6
    START = 7
    ROLE = 8
    PLAYER = 9
    BIRTH = 10
    RETURN = 11
    KEEP = 12


def bits(seed: int, stream: int, counters: NDArray[Any]) -> Words:
    """64 random bits for each counter, by SplitMix64 (Steele, Lea, Flood, 2014) with a state from seed and stream."""
    start = _mixed(_mixed(seed & _ALL) + stream)
    words = counters.astype(np.uint64) * np.uint64(_STEP)
    words += np.uint64(start)
    _mix(words)
    return words


def low(words: Words) -> Words:
    """The lower 32 bits of each 64-bit word, as a number below 2**32."""
    return words & _LOW


def high(words: Words) -> Words:
    """The upper 32 bits of each 64-bit word, as a number below 2**32."""
    return words >> _HALF


def below(limits: NDArray[Any] | int, halves: Words) -> Integers:
    """Random integers from 0 up to but not including `limits` (at most 2**31), each from 32 random bits in `halves`."""
    return ((halves * np.asarray(limits).astype(np.uint64)) >> _HALF).astype(np.int64)


def chosen(cumulative: Floats, halves: Words) -> Integers:
    """Random indexes weighted by weights whose running sum is `cumulative`, each from 32 random bits in `halves`."""
    places: Integers = np.searchsorted(cumulative, halves * (cumulative[-1] / 2**32), side="right")
    return places


def power(base: NDArray[Any], eighths: int) -> Floats:
    """`base ** (eighths / 8)`, computed by square roots and products, which all machines round in the same way."""
    root = np.sqrt(np.sqrt(np.sqrt(base.astype(np.float64))))
    result = np.ones_like(root)
    for _ in range(eighths):
        result *= root
    return result


def _mix(words: Words) -> None:
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        words ^= words >> np.uint64(shift)
        words *= np.uint64(factor)
    words ^= words >> np.uint64(31)


def _mixed(word: int) -> int:
    words = np.array([word & _ALL], np.uint64)
    _mix(words)
    return int(words[0])
