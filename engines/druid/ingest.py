"""Loading: events as JSON lines, and the native batch task that makes segments of them."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from rollup_bench.engines.druid import sketches
from rollup_bench.engines.druid.buckets import PERIODS
from rollup_bench.engines.druid.tables import HALF, HIGH, LOW, MASK, TIME, Table, stored
from rollup_bench.workloads.events import Statistics
from rollup_bench.workloads.questions import Grain
from rollup_bench.workloads.rule import Part, State

TYPES = {"timestamp": "long", "string": "string", "int64": "long", "double": "double"}
TEXT = ":text"
SEGMENT = 5_000_000
"""Rows of a segment, as Druid's documentation advises."""
SEGMENTS = {"YEAR": 1, "MONTH": 12, "DAY": 365, "HOUR": 365 * 24}
YEAR = 365.25 * 86_400_000


def lines(batch: pa.RecordBatch, time: str) -> pa.Buffer:
    """The rows as JSON objects, the time as `__time` in milliseconds since 1970, UTC; NULLs are left out."""
    fields = [_field(TIME if f.name == time else stored(f.name), batch.column(f.name)) for f in batch.schema]
    joined = pc.binary_join_element_wise(*fields, ",", null_handling="skip")
    return pc.binary_join_element_wise("{", joined, "}\n", "").buffers()[2]


def schema(table: Table, source: str) -> dict[str, Any]:
    """The dataSchema of a datasource: what Druid keeps of the events."""
    return {
        "dataSource": source,
        "timestampSpec": {"column": TIME, "format": "millis"},
        "dimensionsSpec": {"dimensions": [{"name": stored(n), "type": TYPES[k]} for n, k in _dimensions(table)]},
        "metricsSpec": [metric for state in table.states for metric in _metrics(state, table)],
        "transformSpec": {"transforms": [t for state in table.states for t in _transforms(state, table)]},
        "granularitySpec": {
            "segmentGranularity": granularity(table.statistics),
            "queryGranularity": _query_granularity(table),
            "rollup": not table.raw,
            "intervals": [f"{_iso(table.statistics.first)}/{_iso(table.statistics.last + 1)}"],
        },
    }


def task(identity: str, schema: dict[str, Any], source: dict[str, Any], workers: int) -> dict[str, Any]:
    """The task that loads an input source. A roll-up is perfect: no two rows of a segment interval have one key."""
    perfect = schema["granularitySpec"]["rollup"]
    partitions: dict[str, Any] = {"type": "dynamic", "maxRowsPerSegment": SEGMENT, "maxTotalRows": None}
    if perfect:
        partitions = {"type": "hashed", "targetRowsPerSegment": SEGMENT}
    return {
        "id": identity,
        "type": "index_parallel",
        "spec": {
            "dataSchema": schema,
            "ioConfig": {"type": "index_parallel", "inputSource": source, "inputFormat": {"type": "json"}},
            "tuningConfig": {
                "type": "index_parallel",
                "partitionsSpec": partitions,
                "forceGuaranteedRollup": perfect,
                "maxNumConcurrentSubTasks": workers,
                "reportParseExceptions": True,
            },
        },
    }


def granularity(statistics: Statistics) -> str:
    """The coarsest segment granularity whose intervals hold six segments' rows (30 million) at most."""
    years = max((statistics.last - statistics.first) / YEAR, 1.0)
    fits = (name for name, parts in SEGMENTS.items() if statistics.rows / (years * parts) <= 6 * SEGMENT)
    return next(fits, "HOUR")


def _dimensions(table: Table) -> list[tuple[str, str]]:
    known = table.statistics.types
    return [(n, known[n]) for n in (known if table.raw else table.layout.by) if n != table.time]


def _query_granularity(table: Table) -> str | dict[str, str]:
    if table.raw:
        return "NONE"
    if table.layout.grain in (None, Grain.ALL):
        return "ALL"
    return {"type": "period", "period": PERIODS[table.layout.grain or Grain.ALL], "timeZone": table.layout.zone}


def _metrics(state: State, table: Table) -> list[dict[str, Any]]:
    """The aggregators that keep a state."""
    name, column = stored(str(state)), stored(state.column or "")
    kind = "long" if table.statistics.types.get(str(state.column)) == "int64" else "double"
    match state.part:
        case Part.ROWS:
            return [{"type": "count", "name": name}]
        case Part.KNOWN:
            known = {"type": "not", "field": {"type": "null", "column": column}}
            return [{"type": "filtered", "filter": known, "aggregator": {"type": "count", "name": name}}]
        case Part.SUM if table.wide(state.column):
            return [{"type": "longSum", "name": name + half, "fieldName": name + half} for half in (HIGH, LOW)]
        case Part.SUM | Part.MIN | Part.MAX:
            return [{"type": f"{kind}{state.part.title()}", "name": name, "fieldName": column}]
        case Part.DISTINCT:
            return [
                {
                    "type": "HLLSketchBuild",
                    "name": name,
                    "fieldName": _fed(state, table),
                    "lgK": sketches.size(state.part, state.error),
                }
            ]
        case Part.QUANTILE:
            size = sketches.size(state.part, state.error)
            return [{"type": "quantilesDoublesSketch", "name": name, "fieldName": column, "k": size}]


def _transforms(state: State, table: Table) -> list[dict[str, str]]:
    """What is made of each event first: the halves of a sum that may be wide, texts that are never empty."""
    column = '"' + stored(state.column or "").replace("\\", "\\\\").replace('"', '\\"') + '"'
    made = {}
    if state.part is Part.SUM and table.wide(state.column):
        made = {HIGH: f"bitwiseShiftRight({column}, {HALF})", LOW: f"bitwiseAnd({column}, {MASK})"}
    elif state.part is Part.DISTINCT and table.statistics.types[state.column or ""] == "string":
        made = {TEXT: f"concat({column}, '.')"}
    return [{"type": "expression", "name": stored(f"{state}{part}"), "expression": e} for part, e in made.items()]


def _fed(state: State, table: Table) -> str:
    """The field of a distinct count's sketch; no sketch takes an empty text."""
    column = state.column or ""
    return stored(f"{state}{TEXT}" if table.statistics.types[column] == "string" else column)


def _field(name: str, column: pa.Array) -> pa.Array:
    return pc.binary_join_element_wise(f"{msgspec.json.encode(name).decode()}:", _values(column), "")


def _values(column: pa.Array) -> pa.Array:
    """Each value as JSON writes it; NULL stays NULL."""
    if pa.types.is_timestamp(column.type):
        return column.cast(pa.int64()).cast(pa.string())
    if not pa.types.is_string(column.type):
        return column.cast(pa.string())
    known = column.dictionary_encode()
    written = pa.array([msgspec.json.encode(text).decode() for text in known.dictionary.to_pylist()], pa.string())
    return written.take(known.indices)


def _iso(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
