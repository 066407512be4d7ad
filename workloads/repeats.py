"""Counts ids that repeat, and leaves out rows whose id an earlier row has."""

from array import array as packed
from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Hashes = npt.NDArray[np.int64]


class Ids:
    """The ids of rows that are read twice: `add` sees those of the first pass, `first_only` reads the second one.

    It stores 64 bits for each row; NULL repeats nothing.
    """

    def __init__(self) -> None:
        self._seen = packed("q")

    def add(self, ids: pa.Array) -> None:
        """Adds the ids of further rows."""
        self._seen.frombytes(_hashes(ids.drop_null()).tobytes())

    def repeats(self) -> tuple[int, Hashes]:
        """How many rows have an id that an earlier row has, and the hashes of these ids; no more ids can be added."""
        ordered = np.frombuffer(self._seen, np.int64) if self._seen else np.array([], np.int64)
        ordered.sort()
        again = ordered[1:][ordered[1:] == ordered[:-1]]
        return len(again), np.unique(again)


def first_only(batches: Iterable[pa.RecordBatch], name: str, repeated: Hashes) -> Iterator[pa.RecordBatch]:
    """Yields the batches without rows whose value in column `name` an earlier row has.

    `repeated` contains the hashes of all values that repeat.
    """
    seen: set[str] = set()
    for batch in batches:
        ids = batch.column(name)
        kept = np.ones(len(ids), bool)
        (places,) = np.nonzero(np.isin(_hashes(ids), repeated) & np.asarray(ids.is_valid()))
        for place, text in zip(places, ids.take(pa.array(places)).cast(pa.string()).to_pylist(), strict=True):
            kept[place] = text not in seen
            seen.add(text)
        yield batch.filter(pa.array(kept))


def _hashes(ids: pa.Array) -> Hashes:
    """A hash of each id as a text, since a column may be integers in one batch and texts in another."""
    return np.fromiter(map(hash, ids.cast(pa.string()).to_pylist()), np.int64, len(ids))
