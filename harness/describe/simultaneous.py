"""Finds events of a subject at the same instant, and what orders them."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from rollup_bench.harness.describe.roles import Roles
from rollup_bench.harness.describe.sample import Sample
from rollup_bench.workloads import columns
from rollup_bench.workloads.dataset import Time

Longs = npt.NDArray[np.int64]
MANY = 0.05
"""The share of simultaneous events from which on a draft suggests an order of them."""
SURE = 8
"""If a column counts up in so many pairs of simultaneous rows, this is no accident."""


class Simultaneous(NamedTuple):
    """How many of the first rows have the instant and the subject of another one, and what orders such rows.

    `column` is a column of integers that counts up, or None. `by_rows` says whether the times of a subject ascend in
    the file.
    """

    rows: int
    column: str | None
    by_rows: bool


def simultaneous(found: Sample, time: Time, chosen: Roles) -> Simultaneous | None:
    """What the first rows show, without those that repeat an id or lack a subject; None if few are simultaneous."""
    rows = pa.RecordBatch.from_pydict(found.columns)
    rows = rows.filter(rows.column(chosen.subject).is_valid())
    if chosen.id:
        rows = rows.take(pa.array(np.sort(np.unique(_codes(rows.column(chosen.id)), return_index=True)[1])))
    subjects = _codes(rows.column(chosen.subject))
    instants = columns.instants(rows.column(time.name), time).fill_null(0).cast(pa.int64()).to_numpy()
    order = np.lexsort((instants, subjects))
    together = (np.diff(subjects[order]) == 0) & (np.diff(instants[order]) == 0)
    count = int(np.count_nonzero(np.append(together, False) | np.append(False, together)))
    if not count or count < MANY * len(rows):
        return None
    whole = [name for name in rows.schema.names if pa.types.is_integer(rows.column(name).type)]
    for name in sorted(set(whole) - {time.name, chosen.subject}, key=lambda name: (name == chosen.id, name)):
        values = rows.column(name).fill_null(0).cast(pa.int64(), safe=False).to_numpy()
        steps = np.diff(values[order])[together]
        by_value = np.lexsort((values, instants, subjects))
        if (len(steps) >= SURE and (steps > 0).all()) or _ascends(values[by_value], subjects[by_value], least=1):
            return Simultaneous(count, name, False)
    stable = np.argsort(subjects, kind="stable")
    return Simultaneous(count, None, _ascends(instants[stable], subjects[stable], least=0))


def _ascends(values: Longs, subjects: Longs, least: int) -> bool:
    """Whether each value of a subject is larger than the one before, by at least `least`."""
    return bool((np.diff(values)[np.diff(subjects) == 0] >= least).all())


def _codes(values: pa.Array) -> Any:
    """A number for each value, the same one for equal values, and -1 for NULL."""
    return pc.dictionary_encode(values).indices.fill_null(-1).cast(pa.int64()).to_numpy()
