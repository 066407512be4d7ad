"""Counts ids that repeat, and leaves out rows whose id an earlier row has."""

import tempfile
from collections.abc import Iterable, Iterator
from typing import Self

import numpy as np
import pyarrow as pa

from rollup_bench.workloads.hashes import Hashes, hashes

SORTED = 1 << 21
"""About how many hashes are in memory while repeated ones are looked for."""


class Ids:
    """The ids of rows that are read twice: `add` sees those of the first pass, `first_only` reads the second one.

    A temporary file, which is open within `with`, stores 64 bits for each row; NULL repeats nothing.
    """

    def __enter__(self) -> Self:
        self._file, self._count = tempfile.TemporaryFile(), 0
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, ids: pa.Array) -> None:
        """Adds the ids of further rows."""
        found = hashes(ids.drop_null())
        self._file.write(found.tobytes())
        self._count += len(found)

    def repeats(self) -> tuple[int, Hashes]:
        """How many rows have an id that an earlier row has, and the hashes of these ids."""
        parts, count, repeated = self._count // SORTED + 1, 0, [np.array([], np.uint64)]
        for part in range(parts):
            ordered = np.sort(np.concatenate([h[h % np.uint64(parts) == part] for h in self._stored()] or repeated))
            again = ordered[1:][ordered[1:] == ordered[:-1]]
            count += len(again)
            repeated.append(np.unique(again))
        return count, np.concatenate(repeated)

    def _stored(self) -> Iterator[Hashes]:
        self._file.seek(0)
        while read := self._file.read(8 * SORTED):
            yield np.frombuffer(read, np.uint64)


def first_only(batches: Iterable[pa.RecordBatch], name: str, repeated: Hashes) -> Iterator[pa.RecordBatch]:
    """Yields the batches without rows whose value in column `name` an earlier row has.

    `repeated` contains the hashes of all values that repeat.
    """
    seen: set[str] = set()
    for batch in batches:
        ids = batch.column(name)
        kept = np.ones(len(ids), bool)
        (filled,) = np.nonzero(ids.is_valid())
        places = filled[np.isin(hashes(ids.drop_null()), repeated)]
        for place, text in zip(places, ids.take(pa.array(places)).cast(pa.string()).to_pylist(), strict=True):
            kept[place] = text not in seen
            seen.add(text)
        yield batch.filter(pa.array(kept))
