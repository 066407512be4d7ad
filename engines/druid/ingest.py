"""Ingestion: events as JSON lines, and the native batch task that writes them into segments."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from rollup_bench.engines.druid import sketches
from rollup_bench.engines.druid.buckets import PERIODS
from rollup_bench.engines.druid.datasource import HALF_BITS, HIGH, LOW, LOW_MASK, TIME, Datasource, column_name
from rollup_bench.workloads.calendar import DAY
from rollup_bench.workloads.events import Statistics
from rollup_bench.workloads.questions import Grain
from rollup_bench.workloads.rule import Part, State

TYPES = {"timestamp": "long", "string": "string", "int64": "long", "double": "double"}
TEXT = ":text"
SEGMENT_ROWS = 5_000_000
"""Rows of a segment, as Druid's documentation advises."""
INTERVALS = {"YEAR": 1, "MONTH": 12, "DAY": 365, "HOUR": 365 * 24}
"""Intervals a year of each segment granularity."""
YEAR = 365.25 * DAY


def lines(batch: pa.RecordBatch, time: str) -> pa.Buffer:
    """The events as lines of JSON that omit NULLs; the time becomes `__time` in milliseconds since 1970, UTC."""
    fields = [_field(TIME if f.name == time else column_name(f.name), batch.column(f.name)) for f in batch.schema]
    joined = pc.binary_join_element_wise(*fields, ",", null_handling="skip")
    return pc.binary_join_element_wise("{", joined, "}\n", "").buffers()[2]


def schema(datasource: Datasource, source: str) -> dict[str, Any]:
    """The `dataSchema` of the task that loads a datasource; `source` is the datasource's name."""
    return {
        "dataSource": source,
        "timestampSpec": {"column": TIME, "format": "millis"},
        "dimensionsSpec": {
            "dimensions": [{"name": column_name(n), "type": TYPES[k]} for n, k in _dimensions(datasource)]
        },
        "metricsSpec": [metric for state in datasource.states for metric in _metrics(state, datasource)],
        "transformSpec": {"transforms": [t for state in datasource.states for t in _transforms(state, datasource)]},
        "granularitySpec": {
            "segmentGranularity": granularity(datasource.statistics),
            "queryGranularity": _query_granularity(datasource),
            "rollup": not datasource.raw,
            "intervals": [f"{_iso(datasource.statistics.first)}/{_iso(datasource.statistics.last + 1)}"],
        },
    }


def task(identity: str, schema: dict[str, Any], source: dict[str, Any], workers: int) -> dict[str, Any]:
    """The batch task that loads an input source; a roll-up's interval has one row for each bucket and dimensions."""
    rollup = schema["granularitySpec"]["rollup"]
    partitions: dict[str, Any] = {"type": "dynamic", "maxRowsPerSegment": SEGMENT_ROWS, "maxTotalRows": None}
    if rollup:
        partitions = {"type": "hashed", "targetRowsPerSegment": SEGMENT_ROWS}
    return {
        "id": identity,
        "type": "index_parallel",
        "spec": {
            "dataSchema": schema,
            "ioConfig": {"type": "index_parallel", "inputSource": source, "inputFormat": {"type": "json"}},
            "tuningConfig": {
                "type": "index_parallel",
                "partitionsSpec": partitions,
                "forceGuaranteedRollup": rollup,
                "maxNumConcurrentSubTasks": workers,
                "reportParseExceptions": True,
            },
        },
    }


def granularity(statistics: Statistics) -> str:
    """The coarsest segment granularity with at most 30 million rows (six segments) an average interval, else HOUR."""
    years = max((statistics.last - statistics.first) / YEAR, 1.0)
    fits = (name for name, parts in INTERVALS.items() if statistics.rows / (years * parts) <= 6 * SEGMENT_ROWS)
    return next(fits, "HOUR")


def _dimensions(datasource: Datasource) -> list[tuple[str, str]]:
    types = datasource.statistics.types
    return [(n, types[n]) for n in (types if datasource.raw else datasource.layout.by) if n != datasource.time]


def _query_granularity(datasource: Datasource) -> str | dict[str, str]:
    if datasource.raw:
        return "NONE"
    if datasource.layout.grain in (None, Grain.ALL):
        return "ALL"
    return {
        "type": "period",
        "period": PERIODS[datasource.layout.grain or Grain.ALL],
        "timeZone": datasource.layout.zone,
    }


def _metrics(state: State, datasource: Datasource) -> list[dict[str, Any]]:
    """The aggregators of `metricsSpec` that store a state: two for a sum that may exceed 64 bits, else one."""
    name, column = column_name(str(state)), column_name(state.column or "")
    kind = "long" if datasource.statistics.types.get(str(state.column)) == "int64" else "double"
    match state.part:
        case Part.ROWS:
            return [{"type": "count", "name": name}]
        case Part.KNOWN:
            not_null = {"type": "not", "field": {"type": "null", "column": column}}
            return [{"type": "filtered", "filter": not_null, "aggregator": {"type": "count", "name": name}}]
        case Part.SUM if datasource.wide(state.column):
            return [{"type": "longSum", "name": name + half, "fieldName": name + half} for half in (HIGH, LOW)]
        case Part.SUM | Part.MIN | Part.MAX:
            return [{"type": f"{kind}{state.part.title()}", "name": name, "fieldName": column}]
        case Part.DISTINCT:
            size = sketches.size(state.part, state.error)
            text = datasource.statistics.types[state.column or ""] == "string"
            source = column_name(f"{state}{TEXT}") if text else column
            return [{"type": "HLLSketchBuild", "name": name, "fieldName": source, "lgK": size}]
        case Part.QUANTILE:
            size = sketches.size(state.part, state.error)
            return [{"type": "quantilesDoublesSketch", "name": name, "fieldName": column, "k": size}]


def _transforms(state: State, datasource: Datasource) -> list[dict[str, str]]:
    """The transforms that a state needs: upper and lower bits of a sum beyond 64 bits, texts plus `.` for sketches."""
    column = '"' + column_name(state.column or "").replace("\\", "\\\\").replace('"', '\\"') + '"'
    expressions = {}
    if state.part is Part.SUM and datasource.wide(state.column):
        expressions = {HIGH: f"bitwiseShiftRight({column}, {HALF_BITS})", LOW: f"bitwiseAnd({column}, {LOW_MASK})"}
    elif state.part is Part.DISTINCT and datasource.statistics.types[state.column or ""] == "string":
        expressions = {TEXT: f"concat({column}, '.')"}
    return [
        {"type": "expression", "name": column_name(f"{state}{part}"), "expression": e}
        for part, e in expressions.items()
    ]


def _field(name: str, column: pa.Array) -> pa.Array:
    return pc.binary_join_element_wise(f"{msgspec.json.encode(name).decode()}:", _values(column), "")


def _values(column: pa.Array) -> pa.Array:
    """Each value as JSON text, times as milliseconds since 1970, UTC; NULL stays NULL."""
    if pa.types.is_timestamp(column.type):
        return column.cast(pa.int64()).cast(pa.string())
    if not pa.types.is_string(column.type):
        return column.cast(pa.string())
    texts = column.dictionary_encode()
    encoded = pa.array([msgspec.json.encode(text).decode() for text in texts.dictionary.to_pylist()], pa.string())
    return encoded.take(texts.indices)


def _iso(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
