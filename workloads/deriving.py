"""Computes derived columns while events are read, so that engines see ordinary columns."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rollup_bench.workloads import calendar, columns
from rollup_bench.workloads.dataset import Columns, Dataset
from rollup_bench.workloads.derived import Derived

PARTS: dict[str, Callable[[pa.Array], pa.Array]] = {
    "hour": pc.hour,
    "weekday": lambda local: pc.day_of_week(local, count_from_zero=False),
    "day": pc.day,
    "week": pc.iso_week,
    "month": pc.month,
    "quarter": pc.quarter,
}


def needed(dataset: Dataset) -> list[str]:
    """The columns of the data files from which all columns with a role are read or computed, each once."""
    derived, made = dataset.derived, dataset.source.row_number
    return list(
        dict.fromkeys(derived[name].of if name in derived else name for name in dataset.columns.all if name != made)
    )


def completed(batch: pa.RecordBatch, dataset: Dataset, before: int) -> pa.RecordBatch:
    """The batch with the dataset's derived columns and row numbers; ValueAtError if a value cannot be computed.

    `before` is the number of rows before the batch.
    """
    if not dataset.derived and not dataset.source.row_number:
        return batch
    arrays = dict(zip(batch.schema.names, batch.columns, strict=True))
    arrays |= {name: _computed(batch, name, derived, dataset) for name, derived in dataset.derived.items()}
    if dataset.source.row_number:
        arrays[dataset.source.row_number] = pa.array(np.arange(before + 1, before + 1 + batch.num_rows))
    return pa.RecordBatch.from_pydict(arrays)


def _computed(batch: pa.RecordBatch, name: str, derived: Derived, dataset: Dataset) -> pa.Array:
    if derived.part is not None:
        values = _part(batch, derived, dataset.columns)
    elif derived.edges is not None:
        numbers = columns.measure(batch, derived.of, dataset.source)
        values = _buckets(columns.numbers(numbers, pa.float64(), derived.of, summed=False), derived.edges)
    elif derived.split is not None:
        values = _split(_texts(batch, derived), derived.split, derived.take or 1)
    elif derived.prefix is not None:
        values = pc.utf8_slice_codeunits(_texts(batch, derived), 0, derived.prefix)
    else:
        values = columns.column(batch, derived.of)
    return values if derived.default is None else _filled(values, derived.default, name)


def _texts(batch: pa.RecordBatch, derived: Derived) -> pa.Array:
    return columns.texts(columns.column(batch, derived.of), pa.string(), derived.of)


def _part(batch: pa.RecordBatch, derived: Derived, roles: Columns) -> pa.Array:
    time = next(t for t in roles.times if t.name == derived.of)
    instants = columns.instants(columns.column(batch, time.name), time)
    local = calendar.local(instants.fill_null(0), derived.zone or "UTC")
    values = PARTS[str(derived.part)](local)
    return pc.if_else(instants.is_valid(), values, pa.scalar(None, values.type))


def _buckets(numbers: pa.Array, edges: list[float]) -> pa.Array:
    """Texts that say between which edges each number lies; their order by code point is that of the edges."""
    said = [str(int(edge)) if edge.is_integer() else repr(edge) for edge in edges]
    spans = [f"below {said[0]}", *(f"{low} to {high}" for low, high in pairwise(said)), f"{said[-1]} and more"]
    labels = pa.array([f"{place:0{len(str(len(spans)))}}: {span}" for place, span in enumerate(spans, 1)])
    places = np.searchsorted(edges, numbers.to_numpy(zero_copy_only=False), side="right")
    return labels.take(pa.array(places, mask=np.asarray(numbers.is_null())))


def _split(texts: pa.Array, separator: str, take: int) -> pa.Array:
    parts = pc.split_pattern(texts, pattern=separator)
    offsets = np.asarray(parts.offsets)
    places = offsets[:-1] + take - 1 if take > 0 else offsets[1:] + take
    return parts.values.take(pa.array(places, mask=(places < offsets[:-1]) | (places >= offsets[1:])))


def _filled(values: pa.Array, default: str | int | float, name: str) -> pa.Array:
    """The values with `default` instead of NULL and NaN."""
    if pa.types.is_floating(values.type):
        values = pc.if_else(pc.is_nan(values), pa.scalar(None, values.type), values)
    kind = pa.scalar(default).type if pa.types.is_null(values.type) else values.type
    try:
        filler = pa.scalar(str(default) if pa.types.is_string(kind) else default, kind)
    except (pa.ArrowInvalid, pa.ArrowTypeError, TypeError):
        wrong = f"derived.{name}.default is `{default}`, but the column contains {columns.contents(kind)}"
        raise columns.ValueAtError(None, f"{wrong}; write one of these") from None
    return pc.coalesce(values.cast(kind), filler)
