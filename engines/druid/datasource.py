"""The columns that a Druid datasource stores, and the SQL that computes measures from these columns."""

import math
import sys
from dataclasses import dataclass
from functools import cached_property, lru_cache

from rollup_bench.engines import sql
from rollup_bench.engines.druid import sketches
from rollup_bench.engines.partials import Partial
from rollup_bench.engines.rollups import SKETCHED, Rollup
from rollup_bench.workloads import rule
from rollup_bench.workloads.events import Statistics
from rollup_bench.workloads.layouts import RAW, Layout
from rollup_bench.workloads.measures import Function, Measure
from rollup_bench.workloads.questions import Cohort, Funnel, Question
from rollup_bench.workloads.rule import Part, State

MAX_LONG = 2.0**63
MAX_EXACT_DOUBLE = 2.0**53
HALF_BITS = 32
LOW_MASK = (1 << HALF_BITS) - 1
HIGH, LOW = ":high", ":low"
TIME = "__time"
MILLISECONDS = (
    "Druid orders events by __time, to the millisecond; its SQL cannot take the first of several events "
    "of a subject's first millisecond by another column"
)


def column_name(name: str) -> str:
    """A column's name in a datasource: %, and commas and line breaks, which segments cannot store, become %XX (hex)."""
    for character in "%,\r\n":
        name = name.replace(character, f"%{ord(character):02X}")
    return name


@lru_cache(maxsize=4096)
def quoted(name: str) -> str:
    """The quoted SQL identifier of a column or a datasource, whose name `column_name` escapes."""
    return sql.quoted(column_name(name))


@dataclass(frozen=True, eq=False)
class Datasource:
    """A datasource of raw events or of a roll-up; in Druid its name is that of the plan, an underscore, and `name`.

    `time` and `subject` are the names of the events' time column and subject column; `ordered` says that they have a
    column `order`. `asked` are the dimensions that the dataset's questions filter or group by, the most useful first;
    rows are ordered by them, after the time.
    """

    name: str
    rollup: Rollup
    statistics: Statistics
    time: str
    subject: str
    asked: tuple[str, ...] = ()
    ordered: bool = False

    @property
    def layout(self) -> Layout:
        """Which states it stores of which groups of events."""
        return self.rollup.layout

    @property
    def title(self) -> str:
        """What it stores."""
        return f"{self.layout.name}, {self.rollup.flag}" if self.rollup.flagged else self.layout.name

    @cached_property
    def dimensions(self) -> list[str]:
        """The columns of the events that are stored as they are, in the order in which segments sort their rows."""
        stored = [n for n in self.statistics.types if n != self.time] if self.raw else list(self.layout.by)
        return [*(n for n in self.asked if n in stored), *(n for n in stored if n not in self.asked)]

    @cached_property
    def raw(self) -> bool:
        """Whether the datasource stores raw events, one in each row."""
        return self.layout.name == RAW

    def sql_type(self, column: str) -> str:
        """The SQL type of a dimension: BIGINT if its values are integers, else VARCHAR."""
        return "BIGINT" if self._integer(column) else "VARCHAR"

    def wide(self, column: str | None) -> bool:
        """Whether `column` has integers whose sum may exceed 64 bits, where Druid's sums wrap around silently."""
        return self._integer(column) and self.statistics.magnitude.get(str(column), 0.0) >= MAX_LONG

    @cached_property
    def states(self) -> list[State]:
        """A roll-up's event count and all declared states that Druid stores as numbers or sketches; none if raw."""
        declared = () if self.raw else (State(Part.ROWS), *rule.stored_states(self.layout))
        return [s for s in dict.fromkeys(declared) if s.part not in SKETCHED or sketches.size(s.part, s.error)]

    @property
    def count(self) -> str:
        """The SQL that counts the events behind the rows of the datasource."""
        return self._merged(State(Part.ROWS))

    def unsupported_reason(self, question: Question) -> str | None:
        """Why the datasource cannot answer the question; None if it can."""
        if reason := self.rollup.unsupported_reason(question):
            return reason
        if isinstance(question, Funnel):
            return "Druid cannot follow a subject from one step to the next"
        if isinstance(question, Cohort):
            return MILLISECONDS if self.ordered and _needs_order(question) else None
        return next((reason for m in question.measures if (reason := _unreadable(self, m))), None)

    def expressions(self, measure: Measure) -> tuple[str, ...]:
        """The SQL of a measure: one expression, or two, upper and lower bits, for a sum that may exceed 64 bits."""
        column = measure.column
        match measure.function:
            case Function.COUNT:
                return (self.count,)
            case Function.MEAN:
                return (self._mean(column),)
            case Function.DISTINCT:
                return (self._distinct(measure),)
            case Function.QUANTILE:
                return (self._quantile(measure),)
            case Function.SUM if self.wide(column):
                return self._sum_halves(column)
            case _:
                return (self._merged(State(Part(measure.function), column)),)

    def event_sums(self, measure: Measure, alias: str) -> list[str]:
        """The SQL of a count or sum of events: one expression, or upper and lower bits for a sum beyond 64 bits."""
        if measure.column is None:
            return ["COUNT(*)"]
        column = alias + quoted(measure.column)
        return [f"SUM({part})" for part in (_halves(column) if self.wide(measure.column) else [column])]

    def partial(self, partial: Partial) -> tuple[str, ...]:
        """The SQL of a partial aggregate of raw events: one expression, or two for a sum that may exceed 64 bits."""
        if partial.function == "sum" and self.wide(partial.column):
            return self._sum_halves(partial.column)
        return (f"{partial.function.upper()}({quoted(partial.column) if partial.column else '*'})",)

    def ranks(self, measure: Measure) -> bool:
        """Whether a measure is a quantile of raw events for which no sketch is accurate enough."""
        if measure.function is not Function.QUANTILE or not self.raw:
            return False
        return not sketches.size(Part.QUANTILE, measure.error) or self._inexact_as_double(str(measure.column))

    def error(self, measure: Measure) -> float:
        """The bound that the measure's error keeps with probability 0.9999; 0 if Druid computes the measure exactly."""
        part = rule.states(measure)[0].part
        tolerated = measure.error and self._sketch(measure).error
        return sketches.error(part, tolerated) if tolerated and sketches.size(part, tolerated) else 0.0

    def _integer(self, column: str | None) -> bool:
        return self.statistics.types.get(str(column)) == "int64"

    def _inexact_as_double(self, column: str) -> bool:
        """Whether a column may have integers that a double cannot represent; dimensions have no known magnitude."""
        return self._integer(column) and self.statistics.magnitude.get(column, math.inf) >= MAX_EXACT_DOUBLE

    def unreadable(self, measure: Measure) -> str | None:
        """Why Druid cannot compute a measure that the datasource's layout permits; None if Druid can."""
        part, column = rule.STATES[measure.function][0], str(measure.column)
        if part not in SKETCHED or self.ranks(measure) or (part is Part.DISTINCT and self._has_values(measure)):
            return None
        if not sketches.size(part, measure.error):
            accurate = "accurate enough" if measure.error else "exact"
            return f"Druid can only estimate {measure}, and no sketch is {accurate}"
        if not self._has_values(measure) and not self._stored_sketch(measure):
            return f"{self.layout.name} stores no sketch for {measure}"
        if part is Part.QUANTILE and self._inexact_as_double(column):
            return f"quantiles sketches store doubles, and {column} may have integers that a double cannot represent"
        return None

    def _merged(self, state: State) -> str:
        """The SQL of a count, sum, minimum or maximum, computed from raw events or merged from a roll-up's rows."""
        if not self.raw:
            function = state.part.upper() if state.part in (Part.MIN, Part.MAX) else "SUM"
            return f"{function}({quoted(str(state))})"
        if state.part is Part.ROWS:
            return "COUNT(*)"
        return f"{'COUNT' if state.part is Part.KNOWN else state.part.upper()}({quoted(state.column or '')})"

    def _sum_halves(self, column: str | None) -> tuple[str, str]:
        """The SQL of a sum's signed upper bits, and that of its lower 32 bits; neither of the two can overflow."""
        stored = (quoted(f"{State(Part.SUM, column)}{half}") for half in (HIGH, LOW))
        high, low = (f"SUM({half})" for half in (_halves(quoted(column or "")) if self.raw else stored))
        return f"{high} + BITWISE_SHIFT_RIGHT({low}, {HALF_BITS})", f"BITWISE_AND({low}, {LOW_MASK})"

    def _mean(self, column: str | None) -> str:
        if not self.wide(column):
            total = f"CAST({self._merged(State(Part.SUM, column))} AS DOUBLE)"
        else:
            high, low = self._sum_halves(column)
            total = f"(CAST({high} AS DOUBLE) * {LOW_MASK + 1} + {low})"
        return f"{total} / NULLIF({self._merged(State(Part.KNOWN, column))}, 0)"

    def _stored_sketch(self, measure: Measure) -> State | None:
        """The most accurate stored sketch whose error the measure tolerates; None if no such sketch is stored."""
        part = rule.states(measure)[0].part
        serving = [s for s in self.states if (s.part, s.column) == (part, measure.column) and s.error <= measure.error]
        return min(serving, key=lambda s: s.error, default=None)

    def _sketch(self, measure: Measure) -> State:
        """The sketch for the measure: made at query time if the column's values are stored, else a stored sketch."""
        return (None if self._has_values(measure) else self._stored_sketch(measure)) or rule.states(measure)[0]

    def _has_values(self, measure: Measure) -> bool:
        """Whether the values of the measure's column are stored, in raw events or as a dimension of the roll-up."""
        return self.raw or measure.column in self.layout.by

    def _distinct(self, measure: Measure) -> str:
        sketch, name = self._sketch(measure), quoted(measure.column or "")
        size = sketches.size(Part.DISTINCT, sketch.error)
        if size is None:
            return f"COUNT(DISTINCT {name})"
        if not self._has_values(measure):
            name = quoted(str(sketch))
        elif self.sql_type(measure.column or "") == "VARCHAR":
            name = f"CONCAT({name}, '.')"  # HLL sketches do not count the empty text
        return f"APPROX_COUNT_DISTINCT_DS_HLL({name}, {size})"

    def _quantile(self, measure: Measure) -> str:
        sketch = self._sketch(measure)
        column = quoted((measure.column or "") if self._has_values(measure) else str(sketch))
        estimate = f"APPROX_QUANTILE_DS({column}, {measure.at!r}, {sketches.size(Part.QUANTILE, sketch.error)})"
        return f"CASE WHEN {estimate} <= {sys.float_info.max!r} THEN {estimate} END"  # NaN (no values) becomes NULL


_unreadable = lru_cache(maxsize=4096)(Datasource.unreadable)


def _halves(column: str) -> tuple[str, str]:
    return f"BITWISE_SHIFT_RIGHT({column}, {HALF_BITS})", f"BITWISE_AND({column}, {LOW_MASK})"


def _needs_order(question: Cohort) -> bool:
    """Whether the answer depends on the order of the events in the millisecond of a birth."""
    return bool(question.by) or question.repeat or not set(question.birth) <= set(question.returns)
