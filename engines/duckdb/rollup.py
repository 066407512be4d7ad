"""Roll-ups in DuckDB: a table of states by bucket and dimensions, and measures read off it."""

from rollup_bench.engines.duckdb.sql import Sql, bucket, is_local, quoted
from rollup_bench.workloads import rule
from rollup_bench.workloads.layouts import Layout
from rollup_bench.workloads.measures import ESTIMABLE, Function, Measure
from rollup_bench.workloads.questions import Aggregate, Grain, Question
from rollup_bench.workloads.rule import Part, State

MERGES = {Part.ROWS: "sum", Part.KNOWN: "sum", Part.SUM: "sum", Part.MIN: "min", Part.MAX: "max"}


class Printed(Sql):
    """A statement with its values written out, for a plan to print."""

    def bind(self, value: object) -> str:
        """The value as a literal."""
        return "'" + str(value).replace("'", "''") + "'"


def create(layout: Layout, time: str, source: str) -> str:
    """The statement that makes the table of a layout from a table of events.

    A sum of integers is kept as HUGEINT: that of one group may exceed 64 bits where the answer does not.
    """
    sql, grain = Printed(), Grain(layout.grain or Grain.ALL)
    instant = "make_timestamp(bucket * 1000)"
    if is_local(grain, layout.zone):
        instant = f"timezone('UTC', first_instant(bucket, {sql.bind(layout.zone)}))"
    by = [quoted(d) for d in layout.by]
    kept = [f"{_expression(s)} AS {_column(s)}" for s in rule.kept(layout) if s.part in MERGES]
    grouped = ", ".join([f"{bucket(quoted(time), grain, layout.zone, sql)} AS bucket", *by, *kept])
    return (
        f"CREATE TABLE {quoted(layout.name)} AS SELECT {instant} AS {quoted(time)}, * EXCLUDE (bucket) "
        f"FROM (SELECT {grouped} FROM {source} GROUP BY ALL) ORDER BY ALL"
    )


def obstacle(question: Question, layout: Layout) -> str | None:
    """Why the table cannot answer the question: by the rule, or for want of a state that DuckDB could keep."""
    reason = rule.obstacle(question, layout)
    if reason is None and isinstance(question, Aggregate):
        for asked in question.measures:
            if asked.function in ESTIMABLE and asked.column not in layout.by:
                return f"a table of DuckDB keeps no state from which {asked} could be merged; raw answers it exactly"
    return reason


def measure(measure: Measure, layout: Layout, integers: set[str]) -> str:
    """The expression of a measure over the table's states."""
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
    """Not its name alone, which an answer's own column may have."""
    return quoted(f"kept {state}")


def _expression(state: State) -> str:
    match state.part:
        case Part.ROWS:
            return "count(*)"
        case Part.KNOWN:
            return f"count({quoted(state.column or '')})"
        case _:
            return f"{state.part}({quoted(state.column or '')})"
