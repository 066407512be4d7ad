"""Roll-ups in ClickHouse: tables of states by bucket and dimensions, and the SQL of measures over them."""

from rollup_bench.engines.clickhouse import states
from rollup_bench.engines.clickhouse.sql import Literals, Parameters, column, conditions, millis, quoted, timestamp
from rollup_bench.engines.clickhouse.table import INSTANT, TYPES, Table, event_types
from rollup_bench.engines.clickhouse.zones import SQL
from rollup_bench.engines.cut_spans import moments
from rollup_bench.engines.integer_statements import bound
from rollup_bench.engines.integer_time import LocalTime
from rollup_bench.engines.partials import Partial
from rollup_bench.engines.rollups import MERGES, Rollup, state_column
from rollup_bench.engines.tuned import EVENTS
from rollup_bench.workloads import rule
from rollup_bench.workloads.calendar import is_day
from rollup_bench.workloads.events import Statistics
from rollup_bench.workloads.measures import ESTIMABLE, Function, Measure
from rollup_bench.workloads.questions import Aggregate, Grain, Question
from rollup_bench.workloads.rule import Part, State


class Stored:
    """A roll-up in a table of ClickHouse; its column `time`, named as that of events, has the start of a bucket."""

    def __init__(self, rollup: Rollup, time: str, statistics: Statistics) -> None:
        self.rollup, self.time = rollup, time
        self._statistics = statistics

    def table(self, name: str, source: str) -> Table:
        """Returns the table `name`, whose rows are computed from the events in the table `source`.

        They are sorted by time before the dimensions, because every question has a span.
        """
        flag = {self.rollup.flag: "LowCardinality(String)"} if self.rollup.flagged else {}
        types = event_types(self.time, self._statistics)
        by = {name: types[name] for name in self.rollup.layout.by}
        stored = {state_column(s): self._type(s) for s in self.rollup.states}
        order = (*flag, self.time, *sorted(by, key=lambda one: self._statistics.cardinality.get(one, 0)))
        return Table(name, {self.time: INSTANT} | flag | by | stored, order, self._select(quoted(source)), merges=True)

    def _select(self, source: str) -> str:
        """The SELECT of the rows of the roll-up from the events in the table `source`."""
        layout, known = self.rollup.layout, self._statistics
        grain, local = Grain(layout.grain or Grain.ALL), LocalTime(SQL, layout.zone, known.first, known.last)
        start = local.start("bucket", grain) if is_day(grain) else "bucket"
        names = [quoted(name) for name in self._names()]
        grouped = ", ".join([f"{local.bucket(millis(self.time), grain)} AS bucket", *self._columns()])
        return (
            f"SELECT {', '.join([f'{timestamp(start)} AS {quoted(self.time)}', *names])} FROM (\n"
            f"SELECT {grouped} FROM {source} AS e GROUP BY {', '.join(['bucket', *self._keys()])})"
        )

    def with_ends(self, name: str, parameters: Parameters) -> str:
        """The SELECT of the rows of a roll-up in the whole buckets of a span, and of such rows made of other events.

        The moments of the span are bound as functions of it. The other events lie in the bucket before the whole ones
        and in the bucket after them.
        """
        first, last, start, end, before = (timestamp(bound(each, parameters)) for each in moments(self.rollup))
        instant, names = column(self.time), [quoted(name) for name in self._names()]
        keys = ", ".join(["starts", *self._keys()])

        def made(bucket: str, begin: str, until: str) -> str:
            selected = f"SELECT {', '.join([f'{bucket} AS starts', *self._columns()])} FROM {EVENTS} AS e"
            selected += f" WHERE {instant} >= {begin} AND {instant} < {until} GROUP BY {keys}"
            return f"SELECT {', '.join([f'starts AS {quoted(self.time)}', *names])} FROM ({selected})"

        stored = f"SELECT {', '.join([column(self.time), *(f'e.{one}' for one in names)])} FROM {quoted(name)} AS e"
        stored += f" WHERE {instant} >= {first} AND {instant} < {last}"
        return " UNION ALL ".join([stored, made(before, start, first), made(last, last, end)])

    def measure(self, measure: Measure, question: Aggregate) -> str:
        """The SQL that computes a question's measure from the states."""
        layout = self.rollup.layout
        if self.rollup.counts_groups(measure):
            count = "count" if self.rollup.has_values_once(question, measure.column or "") else "uniqExact"
            return f"toInt64({count}({column(measure.column)}))"
        wanted = [rule.serving_state(layout, state) for state in rule.states(measure)]
        merged = [self._merged(state, measure) for state in wanted if state is not None]
        return f"toFloat64({merged[0]}) / {merged[1]}" if measure.function is Function.MEAN else merged[0]

    def error(self, measure: Measure) -> float:
        """The error of a distinct count or a quantile that is computed from the states."""
        if self.rollup.counts_groups(measure):
            return 0.0
        (wanted,) = rule.states(measure)
        stored = rule.serving_state(self.rollup.layout, wanted)
        return states.form(stored.part, stored.error).error if stored else 0.0

    def _merged(self, state: State, measure: Measure) -> str:
        stored = column(state_column(state))
        if state.part not in MERGES:
            merged = states.merged(measure, state, stored, self._plain_type(state))
            return f"toInt64(ifNull({merged}, 0))" if state.part is Part.DISTINCT else merged
        merged = f"{MERGES[state.part]}({stored})"
        checked = self._is_wide(state) and measure.function is Function.SUM
        return f"accurateCast({merged}, 'Nullable(Int64)')" if checked else merged

    def _names(self) -> list[str]:
        return [*self.rollup.dimensions, *map(state_column, self.rollup.states)]

    def _keys(self) -> list[str]:
        flag = [quoted(self.rollup.flag)] if self.rollup.flagged else []
        return [*flag, *map(column, self.rollup.layout.by)]

    def _columns(self) -> list[str]:
        """The SQL of the dimensions and states, for a SELECT from events that groups by all dimensions."""
        by = [f"{column(d)} AS {quoted(d)}" for d in self.rollup.layout.by]
        if self.rollup.flagged:
            holds = " AND ".join(conditions(self.rollup.flagged, Literals()))
            flag = f"CAST(if(ifNull({holds}, 0), 'true', 'false'), 'LowCardinality(String)')"
            by.insert(0, f"{flag} AS {quoted(self.rollup.flag)}")
        return [*by, *(f"{self._expression(s)} AS {quoted(state_column(s))}" for s in self.rollup.states)]

    def _expression(self, state: State) -> str:
        if state.part is Part.ROWS:
            return "toInt64(count())"
        value = column(state.column)
        if state.part is Part.KNOWN:
            return f"toInt64(count({value}))"
        if state.part in MERGES:
            return f"{state.part}({f'toInt128({value})' if self._is_wide(state) else value})"
        return states.form(state.part, state.error).state(f"CAST({value}, '{self._plain_type(state)}')")

    def _type(self, state: State) -> str:
        if state.part in (Part.ROWS, Part.KNOWN):
            return "SimpleAggregateFunction(sum, Int64)"
        if state.part in MERGES:
            kind = "Nullable(Int128)" if self._is_wide(state) else self._plain_type(state)
            return f"SimpleAggregateFunction({MERGES[state.part]}, {kind})"
        return states.form(state.part, state.error).type(self._plain_type(state))

    def _plain_type(self, state: State) -> str:
        return TYPES[self._statistics.types[str(state.column)]]

    def _is_wide(self, state: State) -> bool:
        """Whether the state is a sum of integers that may exceed 64 bits, even if the answer does not."""
        return state.part is Part.SUM and Partial("sum", state.column).is_wide(self._statistics)


def unsupported_reason(question: Question, rollup: Rollup) -> str | None:
    """Why a roll-up of `tuned` does not answer the question; None if it does.

    A roll-up of `tuned` merges no sets and no sketches: reading distinct values or the events takes less time.
    """
    reason = rollup.unsupported_reason(question)
    if reason is None and isinstance(question, Aggregate):
        for measure in question.measures:
            if measure.function in ESTIMABLE and not rollup.counts_groups(measure):
                return f"merging states of {measure} takes longer than reading the events"
    return reason
