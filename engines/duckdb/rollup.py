"""Roll-ups in DuckDB: tables of states by bucket and dimensions, and the SQL of measures over them."""

from rollup_bench.engines.cut_spans import moments
from rollup_bench.engines.duckdb.sql import Literals, Rows, bound, conditions
from rollup_bench.engines.duckdb.zones import LocalTime
from rollup_bench.engines.rollups import MERGES, Rollup, state_column
from rollup_bench.engines.sql import Parameters, quoted
from rollup_bench.workloads import rule
from rollup_bench.workloads.calendar import is_day
from rollup_bench.workloads.measures import ESTIMABLE, Function, Measure
from rollup_bench.workloads.questions import Aggregate, Grain, Question
from rollup_bench.workloads.rule import Part, State


def create(name: str, rollup: Rollup, time: str, source: str, local: LocalTime) -> str:
    """The SQL that creates the table `name` of a roll-up from the events in the table `source`."""
    return f"CREATE TABLE {quoted(name)} AS {select(rollup, time, source, local)} ORDER BY ALL"


def select(rollup: Rollup, time: str, source: str, local: LocalTime) -> str:
    """The SELECT of the rows of a roll-up from the events in the table `source`.

    Sums of integers are HUGEINT, because the sum of a group may exceed 64 bits if the answer does not.
    """
    grain = Grain(rollup.layout.grain or Grain.ALL)
    start = local.start("bucket", grain) if is_day(grain) else "bucket"
    grouped = ", ".join([f"{local.bucket(quoted(time), grain)} AS bucket", *_columns(rollup)])
    return (
        f"SELECT make_timestamp(1000 * ({start})) AS {quoted(time)}, * EXCLUDE (bucket) "
        f"FROM (SELECT {grouped} FROM {source} GROUP BY ALL)"
    )


def merge(name: str, rollup: Rollup, time: str, rows: str) -> str:
    """The SQL that merges the `rows` of a roll-up, a SELECT, into its table `name`."""
    keys = [quoted(key) for key in (time, *rollup.layout.by)]
    same = " AND ".join(f"kept.{key} IS NOT DISTINCT FROM new.{key}" for key in keys)
    kept = {_column(state): state.part for state in rule.stored_states(rollup.layout) if state.part in MERGES}
    merged = (f"{column} = {_both(part, f'kept.{column}', f'new.{column}')}" for column, part in kept.items())
    return (
        f"MERGE INTO {quoted(name)} AS kept USING ({rows}) AS new ON {same} "
        f"WHEN MATCHED THEN UPDATE SET {', '.join(merged)} WHEN NOT MATCHED THEN INSERT BY NAME"
    )


def _both(part: Part, one: str, other: str) -> str:
    """The SQL of a state of two groups together; NULL is the state of a group without values."""
    if MERGES[part] == "sum":
        return f"coalesce({one} + {other}, {one}, {other})"
    return f"{'least' if part is Part.MIN else 'greatest'}({one}, {other})"


def _columns(rollup: Rollup) -> list[str]:
    """The SQL of the dimensions and states of a roll-up, for a SELECT from events that groups by all dimensions."""
    by = [quoted(d) for d in rollup.layout.by]
    if rollup.flagged:
        holds = " AND ".join(conditions(rollup.flagged, Literals()))
        by.insert(0, f"CAST(coalesce({holds}, false) AS VARCHAR) AS {quoted(rollup.flag)}")
    return [*by, *(f"{_expression(s)} AS {_column(s)}" for s in rule.stored_states(rollup.layout) if s.part in MERGES)]


def with_ends(name: str, rollup: Rollup, time: str, parameters: Parameters) -> Rows:
    """The rows of the roll-up `name` in a span's whole buckets, and the same made from the other events of the span.

    The moments of the span are bound as functions of it. The other events lie in the bucket before the whole ones and
    in the bucket after them.
    """
    first, last, start, end, before_first = (bound(moment, parameters) for moment in moments(rollup))
    columns, instant = ", ".join(_columns(rollup)), quoted(time)

    def made(bucket: str, begin: str, until: str) -> str:
        selected = f"SELECT CAST({bucket} AS TIMESTAMP) AS {instant}, {columns} FROM events"
        return f"{selected} WHERE {instant} >= {begin} AND {instant} < {until} GROUP BY ALL"

    stored = f"SELECT * FROM {quoted(name)} WHERE {instant} >= {first} AND {instant} < {last}"
    parts = [stored, made(before_first, start, first), made(last, last, end)]
    return Rows(f"({' UNION ALL '.join(parts)})", [], start)


def unsupported_reason(question: Question, rollup: Rollup) -> str | None:
    """Why a roll-up cannot answer the question, in any engine or because of DuckDB; None if the roll-up can."""
    reason = rollup.unsupported_reason(question)
    if reason is None and isinstance(question, Aggregate):
        for measure in question.measures:
            if measure.function in ESTIMABLE and not rollup.counts_groups(measure):
                return f"DuckDB cannot merge stored states of {measure}; raw answers it exactly"
    return reason


def measure(measure: Measure, question: Aggregate, rollup: Rollup, integers: set[str]) -> str:
    """The SQL that computes a question's measure from a roll-up's states; `integers` names the integer columns."""
    if measure.function is Function.DISTINCT:
        distinct = "" if rollup.has_values_once(question, measure.column or "") else "DISTINCT "
        return f"count({distinct}{quoted(measure.column or '')})"
    merged = [_merged(s) for s in rule.states(measure)]
    if measure.function is Function.MEAN:
        return f"CAST({merged[0]} AS DOUBLE) / {merged[1]}"
    whole = measure.function is Function.COUNT or (measure.function is Function.SUM and measure.column in integers)
    return f"CAST({merged[0]} AS BIGINT)" if whole else merged[0]


def _merged(state: State) -> str:
    return f"{MERGES[state.part]}({_column(state)})"


def _column(state: State) -> str:
    return quoted(state_column(state))


def _expression(state: State) -> str:
    if state.part is Part.ROWS:
        return "count(*)"
    return f"{'count' if state.part is Part.KNOWN else state.part}({quoted(state.column or '')})"
