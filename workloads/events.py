"""Prepares a dataset's events, rows in a fixed schema, once, and stores them with statistics in the home folder."""

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset
import pyarrow.parquet

from rollup_bench.errors import RequestError
from rollup_bench.workloads import answers, columns, downloads, generated, sources, stored
from rollup_bench.workloads.dataset import Columns, Dataset
from rollup_bench.workloads.hashes import Distinct
from rollup_bench.workloads.normalising import normalised
from rollup_bench.workloads.pace import Pace, Share
from rollup_bench.workloads.questions import Function, measured_by, milliseconds

FORMAT = 1
BATCH = 1 << 18
SUMS = (Function.SUM, Function.MEAN)
READ = {"batch_size": BATCH, "batch_readahead": 1, "fragment_readahead": 1, "use_threads": False}
"""Options with which Arrow reads a table in little memory, whatever the number of rows."""


class Statistics(msgspec.Struct, frozen=True):
    """Statistics of a table of events, computed when the events are prepared, before any question is asked.

    `types` maps each column to "timestamp", "string", "int64" or "double". `first` and `last` are the earliest and the
    latest time in milliseconds since 1970, UTC, or 0 without rows. `cardinality` has, for subject, action and each
    dimension, the number of distinct values except NULL, which is an estimate if it is large (see `hashes.Distinct`),
    and for the id column the number of rows. `magnitude` has the sum of the absolute values of each measure column.
    `repeated` is the number of rows whose id an earlier row has; it is counted only in events from data files.
    """

    fingerprint: str
    rows: int
    first: int
    last: int
    types: dict[str, str]
    cardinality: dict[str, int]
    magnitude: dict[str, float]
    repeated: int = 0

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema of the events."""
        known = {"timestamp": columns.INSTANT, "string": pa.string(), "int64": pa.int64(), "double": pa.float64()}
        return pa.schema([(name, known[kind]) for name, kind in self.types.items()])


class Events:
    """Rows in a fixed schema, with the roles of their columns and their statistics; the rows can be read repeatedly."""

    def __init__(self, rows: pa.dataset.Dataset, columns: Columns, statistics: Statistics) -> None:
        self._rows = rows
        self.columns = columns
        self.statistics = statistics

    @property
    def fingerprint(self) -> str:
        """A hash of what the rows were prepared from; different rows have different hashes."""
        return self.statistics.fingerprint

    def batches(self, wanted: list[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Yields the rows in batches of 1 to 262,144 rows, with the columns `wanted`, or all if `wanted` is None."""
        for batch in self._rows.to_batches(columns=wanted, **READ):
            if batch.num_rows:
                yield batch

    def shards(self) -> "list[Shard]":
        """Prepared events file by file; shards can be pickled, and are read where their files are."""
        assert isinstance(self._rows, pa.dataset.FileSystemDataset)
        found, before = list[Shard](), 0
        for number, file in enumerate(self._rows.get_fragments()):
            rows = pa.dataset.FileSystemDataset([file], self._rows.schema, self._rows.format, self._rows.filesystem)
            found.append(Shard(number, before, rows.count_rows(), Events(rows, self.columns, self.statistics)))
            before += found[-1].rows
        return found

    def until(self, received: datetime) -> "Events":
        """The events received before the instant `received`; RequestError if the dataset has no column `received`."""
        if self.columns.received is None:
            raise RequestError("columns.received is missing; name the column of the times of receipt")
        column = self.columns.received.name
        cut = pa.scalar(milliseconds(received), pa.int64()).cast(columns.INSTANT)
        rows = self._rows.filter(pc.field(column) < cut)
        return Events(rows, self.columns, measured(rows, self.columns, f"{self.fingerprint} until {received}"))


class Shard(NamedTuple):
    """A file of events: its number, from 0, the rows in the files before it, its own rows, and its events.

    The statistics of `events` are those of all files together.
    """

    number: int
    before: int
    rows: int
    events: Events


def of(table: pa.Table, columns: Columns) -> Events:
    """Events from a table in memory whose columns already have the types of events."""
    rows = pa.dataset.dataset(table.select(columns.all).combine_chunks())
    sink = hashlib.blake2b(digest_size=16)
    for batch in rows.to_batches():
        sink.update(batch.serialize())
    return Events(rows, columns, measured(rows, columns, str(table.schema) + sink.hexdigest()))


def prepare(dataset: Dataset, home: Path, say: Callable[[str], None] = lambda _: None) -> Events:
    """The dataset's events, from Parquet under `home`, which is made if missing or if the data or [columns] changed."""
    folder = home / "events"
    if dataset.source.generator is not None:
        events = _generated(dataset, folder, say)
    elif dataset.source.url is not None:
        events = _read(dataset, *_downloaded(dataset, home / "downloads", say), folder, say)
    else:
        events = _read(dataset, *_stored(dataset, say), folder, say)
    _check(dataset, events.statistics)
    return events


def _stored(dataset: Dataset, say: Callable[[str], None]) -> tuple[list[Path], str]:
    """The data files of a dataset with a `path`, and a hash of their names and contents."""
    try:
        paths = sources.files(dataset)
    except RequestError as error:
        raise RequestError(f"{dataset.file}: source.{error}") from None
    return paths, sources.content(paths, Share(say, f"hashing {_said(paths)}", sources.size(paths)).at)


def _downloaded(dataset: Dataset, folder: Path, say: Callable[[str], None]) -> tuple[list[Path], str]:
    """The data files of a dataset with a `url`, and a hash of their names and contents; downloads missing files."""
    source = dataset.source
    for address in source.addresses:
        if not sources.is_known(address):
            wanted = f"does not end like {sources.WANTED}; write the address of such a file"
            raise RequestError(f"{dataset.file}: source.url: {address} {wanted}")
    stated = downloads.Identity(size=source.size, sha256=source.sha256)
    found = downloads.fetch(source.addresses, stated, folder, say)
    return [path for path, _ in found], _digest(*([path.name, checksum] for path, checksum in found))


def _read(dataset: Dataset, paths: list[Path], content: str, folder: Path, say: Callable[[str], None]) -> Events:
    """The events in these data files, whose names and contents have the hash `content`."""
    key = _digest(FORMAT, content, dataset.source, dataset.columns, *([dataset.derived] if dataset.derived else []))
    path = folder / f"{key}.parquet"
    record = path.with_suffix(".json")
    statistics = _recorded(lambda: pa.parquet.read_metadata(path).num_rows, record)
    if statistics is None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _little_memory():
            found = normalised(paths, dataset, Share(say, f"reading {_said(paths)}", 2 * sources.size(paths)).at)
            _write(path, found.batches, paths[0])
            pa.default_memory_pool().release_unused()
            rows = stored.table(path)
            counted = measured(rows, dataset.columns, key, Pace(say, "measuring ", rows.count_rows()))
        statistics = msgspec.structs.replace(counted, repeated=found.repeated)
        _replace(record, lambda part: part.write_bytes(msgspec.json.encode(statistics)))
    return Events(stored.table(path), dataset.columns, statistics)


@contextmanager
def _little_memory() -> Iterator[None]:
    """Lets Arrow allocate by the system's allocator, which gives freed memory back, unlike Arrow's own one."""
    usual = pa.default_memory_pool()
    pa.set_memory_pool(pa.system_memory_pool())
    try:
        yield
    finally:
        pa.default_memory_pool().release_unused()
        pa.set_memory_pool(usual)


def _check(dataset: Dataset, known: Statistics) -> None:
    """RequestError if a question does not fit the types of the columns, or if a sum of integers can exceed 64 bits."""
    measures = {f"layouts.{name}": layout.measures for name, layout in dataset.layouts.items()}
    for name, template in dataset.questions.items():
        question = template.fill()
        try:
            answers.schema(question, known.schema)
        except RequestError as error:
            raise RequestError(f"{dataset.file}: question {name}: {error}") from None
        measures[f"question {name}"] = measured_by(question)
    for place, measure in ((place, m) for place, asked in measures.items() for m in asked):
        column = str(measure.column)
        total = known.magnitude.get(column, 0.0)
        if measure.function in SUMS and known.types[column] == "int64" and total >= 2**63:
            wrong = f"{measure} can exceed 64 bits, since the values of `{column}` add up to {total:.3g}"
            raise RequestError(
                f"{dataset.file}: {place}: {wrong}; write them in a larger unit, or leave out the measure"
            )


def _recorded(rows: Callable[[], int], record: Path) -> Statistics | None:
    """The statistics in the file `record`; None if it cannot be read or counts other than `rows()` rows."""
    try:
        statistics = msgspec.json.decode(record.read_bytes(), type=Statistics)
        return statistics if statistics.rows == rows() else None
    except (OSError, UnicodeError, msgspec.DecodeError, pa.ArrowException):
        return None


def _generated(dataset: Dataset, folder: Path, say: Callable[[str], None]) -> Events:
    rows = generated.rows(dataset, folder, say)
    key = _digest(FORMAT, [Path(name).name for name in rows.files], dataset.columns)
    record = folder / f"{key}.json"
    statistics = _recorded(rows.count_rows, record)
    if statistics is None:
        statistics = measured(rows, dataset.columns, key, Pace(say, "measuring ", rows.count_rows()))
        _replace(record, lambda part: part.write_bytes(msgspec.json.encode(statistics)))
    return Events(rows, dataset.columns, statistics)


def _said(paths: list[Path]) -> str:
    return paths[0].name if len(paths) == 1 else f"{len(paths)} files"


def measured(
    rows: pa.dataset.Dataset, roles: Columns, fingerprint: str, pace: Callable[[int], None] = lambda _: None
) -> Statistics:
    """Computes the statistics of rows whose columns have the roles `roles`, in one pass over the rows.

    `pace` gets the number of rows of each batch.
    """
    count, first, last = 0, 2**63 - 1, -(2**63)
    values = {name: Distinct() for name in roles.texts if name != roles.id}
    magnitude = dict.fromkeys(roles.measures, 0.0)
    for batch in rows.to_batches(**READ):
        if not batch.num_rows:
            continue
        count += batch.num_rows
        times = batch.column(roles.time.name).cast(pa.int64()).to_numpy()
        first, last = min(first, int(times.min())), max(last, int(times.max()))
        for name, seen in values.items():
            seen.add(batch.column(name))
        for name in roles.measures:
            numbers = batch.column(name).cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
            magnitude[name] += float(np.nansum(np.abs(numbers)))
        pace(batch.num_rows)
    return Statistics(
        fingerprint=_digest(fingerprint),
        rows=count,
        first=first if count else 0,
        last=last if count else 0,
        types={f.name: "timestamp" if pa.types.is_timestamp(f.type) else str(f.type) for f in rows.schema},
        cardinality={name: values[name].count() if name in values else count for name in roles.texts},
        magnitude=magnitude,
    )


def _write(path: Path, batches: Iterator[pa.RecordBatch], source: Path) -> None:
    def fill(part: Path) -> None:
        head = next(batches, None)
        if head is None:
            raise RequestError(f"{source} has no rows; give a file with rows")
        with pa.parquet.ParquetWriter(part, head.schema, compression="zstd") as writer:
            writer.write_batch(head)
            for batch in batches:
                writer.write_batch(batch)

    _replace(path, fill)


def _replace(path: Path, fill: Callable[[Path], object]) -> None:
    """Lets `fill` write the file `path`, whole or not at all; deletes the folder's files that ended processes left."""
    stored.remove_unfinished(path.parent.glob("*.part"))
    stored.whole(path, fill)


def _digest(*parts: Any) -> str:
    text = json.dumps([msgspec.to_builtins(p) for p in parts], sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
