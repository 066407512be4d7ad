"""Ingestion: events as JSON lines, and the native batch task that writes them into segments."""

import math
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from rollup_bench.engines.druid import sketches
from rollup_bench.engines.druid.buckets import PERIODS
from rollup_bench.engines.druid.datasource import HALF_BITS, HIGH, LOW, LOW_MASK, TIME, Datasource, column_name
from rollup_bench.engines.druid.server import heap
from rollup_bench.servers.budget import Budget
from rollup_bench.workloads.calendar import DAY
from rollup_bench.workloads.events import Statistics
from rollup_bench.workloads.filters import Filter, Op
from rollup_bench.workloads.questions import Grain
from rollup_bench.workloads.rule import Part, State

TYPES = {"timestamp": "long", "string": "string", "int64": "long", "double": "double"}
TEXT = ":text"
COMPARISONS = {Op.EQ: "==", Op.NE: "!=", Op.LT: "<", Op.LE: "<=", Op.GT: ">", Op.GE: ">="}
"""The operators of Druid's expressions."""
SEGMENT_ROWS = 5_000_000
"""Rows of a segment, as Druid's documentation advises, if there are many."""
ROW_BYTES = 128
"""The bytes of the indexer's heap that a row of a segment takes while a task merges the segment."""
LEAST_SEGMENT_ROWS = 50_000
"""The fewest rows of a segment that is a part of an interval; fewer take less time to scan than to hand out."""
UNDIVIDED = {"type": "dynamic", "maxRowsPerSegment": SEGMENT_ROWS, "maxTotalRows": None}
"""The partitions of an interval whose rows are not sorted into segments."""
INDEX = {
    "longEncoding": "auto",
    "stringDictionaryEncoding": {"type": "frontCoded", "bucketSize": 4, "formatVersion": 1},
}
"""The encodings of columns: longs as differences or codes, texts without the prefixes that they share."""
INTERVALS = {"YEAR": 1, "MONTH": 12, "DAY": 365, "HOUR": 365 * 24}
"""Intervals a year of each segment granularity."""
YEAR = 365.25 * DAY


def lines(batch: pa.RecordBatch, time: str) -> pa.Buffer:
    """The events as lines of JSON that omit NULLs; the time becomes `__time` in milliseconds since 1970, UTC."""
    fields = [_field(TIME if f.name == time else column_name(f.name), batch.column(f.name)) for f in batch.schema]
    joined = pc.binary_join_element_wise(*fields, ",", null_handling="skip")
    return pc.binary_join_element_wise("{", joined, "}\n", "").buffers()[2]


def spec(datasource: Datasource, source: str, budget: Budget) -> dict[str, Any]:
    """How the datasource named `source` is loaded: the `dataSchema` and the `tuningConfig` of its task."""
    return {"dataSchema": schema(datasource, source), "tuningConfig": _tuning(datasource, budget)}


def schema(datasource: Datasource, source: str) -> dict[str, Any]:
    """The `dataSchema` of the task that loads a datasource; `source` is the datasource's name."""
    types, states = datasource.statistics.types, datasource.states
    dimensions = [(name, TYPES[types[name]]) for name in datasource.dimensions]
    transforms = [t for state in states for t in _transforms(state, datasource)]
    if datasource.rollup.flagged:
        dimensions.insert(0, (datasource.rollup.flag, "string"))
        transforms.append(_transform(datasource.rollup.flag, _flag(datasource.rollup.flagged)))
    first, last = datasource.statistics.first, datasource.statistics.last
    granularities = {"queryGranularity": _query_granularity(datasource), "rollup": not datasource.raw}
    metrics = [metric for state in states for metric in _metrics(state, datasource)]
    more = {"metricsSpec": metrics, "transformSpec": {"transforms": transforms}}
    whole = data_schema(source, dimensions, (first, last), datasource.statistics, granularities) | more
    if not dimensions:  # then Druid would make a dimension of every column
        whole["dimensionsSpec"]["dimensionExclusions"] = list(map(column_name, types))
    return whole


def data_schema(
    source: str,
    dimensions: Iterable[tuple[str, str]],
    ends: tuple[int, int],
    statistics: Statistics,
    granularities: dict[str, Any],
) -> dict[str, Any]:
    """A `dataSchema` of dimensions with their types; `ends` are the first and the last time in milliseconds."""
    first, last = ends
    return {
        "dataSource": source,
        "timestampSpec": {"column": TIME, "format": "millis"},
        "dimensionsSpec": {"dimensions": [{"name": column_name(name), "type": kind} for name, kind in dimensions]},
        "granularitySpec": {
            "segmentGranularity": granularity(statistics),
            "intervals": [f"{_iso(first)}/{_iso(last + 1)}"],
            **granularities,
        },
    }


def task(identity: str, spec: dict[str, Any], source: dict[str, Any]) -> dict[str, Any]:
    """The batch task that loads an input source as a spec says.

    Druid cannot range-partition events that are sent inside the task, so these are partitioned by hash.
    """
    tuning = spec["tuningConfig"]
    if source["type"] == "inline" and tuning["partitionsSpec"]["type"] == "range":
        tuning = tuning | {"partitionsSpec": tuning["partitionsSpec"] | {"type": "hashed"}}
    inputs = {"type": "index_parallel", "inputSource": source, "inputFormat": {"type": "json"}}
    parts = {"dataSchema": spec["dataSchema"], "ioConfig": inputs, "tuningConfig": tuning}
    return {"id": identity, "type": "index_parallel", "spec": parts}


def _tuning(datasource: Datasource, budget: Budget) -> dict[str, Any]:
    """The `tuningConfig`: raw events have a segment for each core in an interval, so that all cores scan it together.

    A segment has no more rows than a task can merge, when as many tasks as cores share the heap of the indexer.
    Ranges of the dimensions that questions ask for divide an interval, so that the broker skips segments by filters.
    A roll-up has few rows, so that one segment an interval is enough.
    """
    if not datasource.raw:
        return tuning({"type": "hashed", "targetRowsPerSegment": SEGMENT_ROWS}, perfect=True)
    rows, types, cores = _interval_rows(datasource.statistics), datasource.statistics.types, budget.cores
    most = min(SEGMENT_ROWS, heap("indexer", budget) // (cores * ROW_BYTES))
    target = min(most, max(math.ceil(rows / cores), LEAST_SEGMENT_ROWS))
    if rows <= 1.5 * target:
        return tuning(UNDIVIDED)
    ranged = [column_name(name) for name in datasource.asked if types[name] == "string"]
    if not ranged:
        return tuning(UNDIVIDED | {"maxRowsPerSegment": target}, workers=cores)
    ranges = {"type": "range", "partitionDimensions": ranged, "targetRowsPerSegment": target}
    return tuning(ranges, perfect=True, workers=max(cores, 2))


def tuning(partitions: dict[str, Any], *, perfect: bool = False, workers: int = 1) -> dict[str, Any]:
    """A `tuningConfig`; if `perfect`, a roll-up has one row for each bucket and dimensions in an interval."""
    return {
        "type": "index_parallel",
        "partitionsSpec": partitions,
        "indexSpec": INDEX,
        "forceGuaranteedRollup": perfect,
        "maxNumConcurrentSubTasks": workers,
        "reportParseExceptions": True,
    }


def _interval_rows(statistics: Statistics) -> float:
    """The events of an average segment interval."""
    return statistics.rows / (_years(statistics) * INTERVALS[granularity(statistics)])


def granularity(statistics: Statistics) -> str:
    """The coarsest segment granularity with at most 30 million rows (six segments) an average interval, else HOUR."""
    years = _years(statistics)
    fits = (name for name, parts in INTERVALS.items() if statistics.rows / (years * parts) <= 6 * SEGMENT_ROWS)
    return next(fits, "HOUR")


def _years(statistics: Statistics) -> float:
    return max((statistics.last - statistics.first) / YEAR, 1.0)


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
    column = _identifier(state.column or "")
    expressions = {}
    if state.part is Part.SUM and datasource.wide(state.column):
        expressions = {HIGH: f"bitwiseShiftRight({column}, {HALF_BITS})", LOW: f"bitwiseAnd({column}, {LOW_MASK})"}
    elif state.part is Part.DISTINCT and datasource.statistics.types[state.column or ""] == "string":
        expressions = {TEXT: f"concat({column}, '.')"}
    return [_transform(f"{state}{part}", expression) for part, expression in expressions.items()]


def _transform(name: str, expression: str) -> dict[str, str]:
    return {"type": "expression", "name": column_name(name), "expression": expression}


def _flag(filters: tuple[Filter, ...]) -> str:
    """The expression that is 'true' if an event satisfies all filters on columns of numbers."""
    conditions = [_null(f) if f.op is Op.NULL else _comparison(f) for f in filters]
    return f"if({' && '.join(conditions)}, 'true', 'false')"


def _null(wanted: Filter) -> str:
    return f"{'isnull' if wanted.value else 'notnull'}({_identifier(wanted.column)})"


def _comparison(wanted: Filter) -> str:
    operator = COMPARISONS[Op.EQ if wanted.op is Op.IN else wanted.op]
    return f"({' || '.join(f'{_identifier(wanted.column)} {operator} {value!r}' for value in wanted.values)})"


def _identifier(column: str) -> str:
    """A column in an expression of Druid."""
    return '"' + column_name(column).replace("\\", "\\\\").replace('"', '\\"') + '"'


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
