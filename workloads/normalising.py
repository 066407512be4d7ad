"""Converts the rows of data files to events: finds the types of all columns, then reads the rows again."""

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pyarrow as pa

from rollup_bench.errors import RequestError
from rollup_bench.workloads import columns, deriving, sources
from rollup_bench.workloads.columns import ValueAtError
from rollup_bench.workloads.dataset import Dataset
from rollup_bench.workloads.repeats import Ids, first_only
from rollup_bench.workloads.source import Source


class Normalised(msgspec.Struct, frozen=True):
    """The events of a dataset, which can be read once, and how many rows repeat the id of an earlier row.

    If the dataset's ids are `unique`, rows that repeat an id are left out, and `repeated` is 0.
    """

    batches: Iterator[pa.RecordBatch]
    repeated: int


Report = Callable[[int], None]
"""Gets the number of bytes that have been read."""


def normalised(paths: list[Path], dataset: Dataset, read: Report) -> Normalised:
    """Reads the rows of the files once for types and ids; RequestError names the file, the row and the column.

    All bytes of the files are read twice; `read` gets how many have been read so far.
    """
    with Ids() as ids:
        types = _types(paths, dataset, ids, read)
        count, repeated = ids.repeats()
    roles, whole = dataset.columns, sources.size(paths)
    batches = _events(paths, dataset, types, lambda done: read(whole + done))
    if not dataset.source.unique or not count:
        return Normalised(batches, count)
    assert roles.id is not None
    return Normalised(first_only(batches, roles.id, repeated), 0)


def _rows(paths: list[Path], dataset: Dataset, read: Report) -> Iterator[tuple[str, int, pa.RecordBatch, set[str]]]:
    """Yields what `sources.batches` yields, with derived columns, and the names of the columns that were read."""
    wanted, rows = deriving.needed(dataset), 0
    for file, before, batch in sources.batches(paths, dataset.source, wanted, read):
        try:
            yield file, before, deriving.completed(batch, dataset, rows), set(batch.schema.names)
        except ValueAtError as error:
            raise sources.refusal(file, before, error) from None
        rows += batch.num_rows


def _events(
    paths: list[Path], dataset: Dataset, types: dict[str, pa.DataType], read: Report
) -> Iterator[pa.RecordBatch]:
    for file, before, batch, _ in _rows(paths, dataset, read):
        try:
            yield columns.events(batch, dataset.columns, types, dataset.source)
        except ValueAtError as error:
            raise sources.refusal(file, before, error) from None


def _types(paths: list[Path], dataset: Dataset, ids: Ids, report: Report) -> dict[str, pa.DataType]:
    """The types of all texts and measures; adds the values of the id column to `ids`."""
    roles = dict.fromkeys(dataset.columns.texts, "text") | dict.fromkeys(dataset.columns.measures, "measure")
    known: dict[str, pa.DataType | None] = dict.fromkeys(roles)
    seen: set[str] = set()
    for file, before, batch, read in _rows(paths, dataset, report):
        seen |= read
        try:
            for name, role in roles.items():
                array = _array(batch, name, role, dataset.source)
                known[name] = columns.widest(known[name], array, role)
                if name == dataset.columns.id:
                    ids.add(columns.texts(array, pa.string(), name))
        except ValueAtError as error:
            raise sources.refusal(file, before, error) from None
    wanted = deriving.needed(dataset)
    if seen and (missing := [c for c in wanted if c not in seen]):
        raise RequestError(f"{paths[0]}: no row has a column `{missing[0]}`; correct the name under [columns]")
    return {n: t or (pa.string() if roles[n] == "text" else pa.float64()) for n, t in known.items()}


def _array(batch: pa.RecordBatch, name: str, role: str, source: Source) -> pa.Array:
    return columns.measure(batch, name, source) if role == "measure" else columns.column(batch, name)
