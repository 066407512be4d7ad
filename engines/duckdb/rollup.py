"""Roll-ups in DuckDB: tables of states by bucket and dimensions, and the SQL of measures over them."""

from rollup_bench.engines.duckdb.sql import Literals, conditions, is_day
from rollup_bench.engines.duckdb.zones import LocalTime
from rollup_bench.engines.rollups import Rollup
from rollup_bench.engines.sql import quoted
from rollup_bench.workloads import rule
from rollup_bench.workloads.layouts import Layout
from rollup_bench.workloads.measures import ESTIMABLE, Function, Measure
from rollup_bench.workloads.questions import Aggregate, Grain, Question
from rollup_bench.workloads.rule import Part, State

MERGES = {Part.ROWS: "sum", Part.KNOWN: "sum", Part.SUM: "sum", Part.MIN: "min", Part.MAX: "max"}


def create(name: str, rollup: Rollup, time: str, source: str, local: LocalTime) -> str:
    """The SQL that creates the table `name` of a roll-up from the events in the table `source`.

    Sums of integers are stored as HUGEINT, because the sum of a group may exceed 64 bits if the answer does not.
    """
    layout, grain = rollup.layout, Grain(rollup.layout.grain or Grain.ALL)
    start = local.start("bucket", grain) if is_day(grain) else "bucket"
    by = [quoted(d) for d in layout.by]
    if rollup.flagged:
        holds = " AND ".join(conditions(rollup.flagged, Literals()))
        by.insert(0, f"CAST(coalesce({holds}, false) AS VARCHAR) AS {quoted(rollup.flag)}")
    states = [f"{_expression(s)} AS {_column(s)}" for s in rule.stored_states(layout) if s.part in MERGES]
    grouped = ", ".join([f"{local.bucket(quoted(time), grain)} AS bucket", *by, *states])
    return (
        f"CREATE TABLE {quoted(name)} AS "
        f"SELECT make_timestamp(1000 * ({start})) AS {quoted(time)}, * EXCLUDE (bucket) "
        f"FROM (SELECT {grouped} FROM {source} GROUP BY ALL) ORDER BY ALL"
    )


def unsupported_reason(question: Question, rollup: Rollup) -> str | None:
    """Why a roll-up cannot answer the question, in any engine or because of DuckDB; None if the roll-up can."""
    reason = rollup.unsupported_reason(question)
    if reason is None and isinstance(question, Aggregate):
        for measure in question.measures:
            if measure.function in ESTIMABLE and measure.column not in rollup.layout.by:
                return f"DuckDB cannot merge stored states of {measure}; raw answers it exactly"
    return reason


def measure(measure: Measure, layout: Layout, integers: set[str]) -> str:
    """The SQL that computes a measure from a roll-up's states; `integers` names the integer columns."""
    if measure.function is Function.DISTINCT:
        return f"count(DISTINCT {quoted(measure.column or '')})"
    merged = [_merged(s) for s in rule.states(measure)]
    if measure.function is Function.MEAN:
        return f"CAST({merged[0]} AS DOUBLE) / {merged[1]}"
    whole = measure.function is Function.COUNT or (measure.function is Function.SUM and measure.column in integers)
    return f"CAST({merged[0]} AS BIGINT)" if whole else merged[0]


def _merged(state: State) -> str:
    return f"{MERGES[state.part]}({_column(state)})"


def _column(state: State) -> str:
    """The quoted column that stores a state; its prefix makes its name differ from all columns of answers."""
    return quoted(f"kept {state}")


def _expression(state: State) -> str:
    if state.part is Part.ROWS:
        return "count(*)"
    return f"{'count' if state.part is Part.KNOWN else state.part}({quoted(state.column or '')})"
