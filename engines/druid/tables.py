"""What a datasource keeps, and how a measure is read off it."""

import sys
from dataclasses import dataclass
from functools import cached_property, lru_cache

from rollup_bench.engines.druid import sketches
from rollup_bench.workloads import rule
from rollup_bench.workloads.events import Statistics
from rollup_bench.workloads.layouts import RAW, Layout
from rollup_bench.workloads.measures import Function, Measure
from rollup_bench.workloads.questions import Cohort, Funnel, Question
from rollup_bench.workloads.rule import Part, State

LONG = 2.0**63
EXACT = 2.0**53
HALF = 32
MASK = (1 << HALF) - 1
HIGH, LOW = ":high", ":low"
TIME = "__time"
SKETCHED = (Part.DISTINCT, Part.QUANTILE)


def stored(name: str) -> str:
    """A column's name in a datasource; a segment's own directory is lines parted by commas."""
    for sign in "%,\r\n":
        name = name.replace(sign, f"%{ord(sign):02X}")
    return name


@lru_cache(maxsize=4096)
def quoted(name: str) -> str:
    """The identifier of a column or a datasource."""
    return '"' + stored(name).replace('"', '""') + '"'


@dataclass(frozen=True, eq=False)
class Table:
    """A datasource: events as they are (`raw`), or a roll-up of them. `suffix` is added to the plan's name."""

    suffix: str
    layout: Layout
    statistics: Statistics
    time: str

    @cached_property
    def raw(self) -> bool:
        """Whether a row is an event."""
        return self.layout.name == RAW

    def type(self, column: str) -> str:
        """The SQL type of a dimension."""
        return "BIGINT" if self.statistics.types[column] == "int64" else "VARCHAR"

    def wide(self, column: str | None) -> bool:
        """Whether sums of an integer column may exceed 64 bits; Druid's would wrap without a word."""
        return (
            self.statistics.types.get(str(column)) == "int64"
            and self.statistics.magnitude.get(str(column), 0.0) >= LONG
        )

    @cached_property
    def states(self) -> list[State]:
        """What a roll-up keeps of each group, always with its events; sets of values Druid does not keep."""
        declared = () if self.raw else (State(Part.ROWS), *rule.kept(self.layout))
        return [s for s in dict.fromkeys(declared) if s.part not in SKETCHED or sketches.size(s.part, s.error)]

    @property
    def rows(self) -> str:
        """How many events there are."""
        return self._state(State(Part.ROWS))

    def obstacle(self, question: Question) -> str | None:
        """Why the question cannot be answered here, in words; None where it can."""
        if found := rule.obstacle(question, self.layout):
            return found
        if isinstance(question, Funnel):
            return "Druid has nothing that follows a subject from one step to the next"
        if isinstance(question, Cohort):
            return None
        return next((why for m in question.measures if (why := self._unread(m))), None)

    def read(self, measure: Measure) -> tuple[str, ...]:
        """The expressions of a measure: one, or two for the upper and lower half of a sum that may be wide."""
        column = measure.column
        match measure.function:
            case Function.COUNT:
                return (self.rows,)
            case Function.SUM:
                return self._halves(column) if self.wide(column) else (self._state(State(Part.SUM, column)),)
            case Function.MEAN:
                return (self._mean(column),)
            case Function.DISTINCT:
                return (self._distinct(measure),)
            case Function.QUANTILE:
                return (self._quantile(measure),)
            case _:
                return (self._state(State(Part(measure.function), column)),)

    def terms(self, measure: Measure, of: str) -> list[str]:
        """What a count or a sum of events adds up: one expression, or two for the halves of a wide sum."""
        if measure.column is None:
            return ["COUNT(*)"]
        column = of + quoted(measure.column)
        halves = [f"BITWISE_SHIFT_RIGHT({column}, {HALF})", f"BITWISE_AND({column}, {MASK})"]
        return [f"SUM({part})" for part in (halves if self.wide(measure.column) else [column])]

    def error(self, measure: Measure) -> float:
        """The error that the measure's value stays below; zero where it is exact."""
        part = rule.states(measure)[0].part
        kept = measure.error and self._sketch(measure).error
        return sketches.error(part, kept) if kept and sketches.size(part, kept) else 0.0

    def _unread(self, measure: Measure) -> str | None:
        """Why a measure cannot be read, for reasons that are Druid's own."""
        wanted = rule.states(measure)[0]
        if wanted.part not in SKETCHED or (wanted.part is Part.DISTINCT and self._apart(measure)):
            return None
        if not sketches.size(wanted.part, measure.error):
            near = "so near" if measure.error else "exact"
            return f"Druid keeps no values to tell {measure} by, and no sketch is {near}"
        if not self._apart(measure) and not self._kept(measure):
            return f"{self.layout.name} keeps no sketch for {measure}"
        exact = wanted.part is Part.DISTINCT or self.statistics.types[str(measure.column)] != "int64"
        if not exact and self.statistics.magnitude[str(measure.column)] >= EXACT:
            return f"quantiles sketches keep doubles, and {measure.column} may have integers that no double is"
        return None

    def _state(self, wanted: State) -> str:
        if self.raw:
            column = quoted(wanted.column or "")
            return {Part.ROWS: "COUNT(*)", Part.KNOWN: f"COUNT({column})"}.get(
                wanted.part, f"{wanted.part.upper()}({column})"
            )
        folded = wanted.part.upper() if wanted.part in (Part.MIN, Part.MAX) else "SUM"
        return f"{folded}({quoted(str(wanted))})"

    def _halves(self, column: str | None) -> tuple[str, str]:
        """The sum's upper 32 bits and more, with a sign, and its lower 32: neither can overflow."""
        high, low = f"SUM({self._half(column, HIGH)})", f"SUM({self._half(column, LOW)})"
        return f"{high} + BITWISE_SHIFT_RIGHT({low}, {HALF})", f"BITWISE_AND({low}, {MASK})"

    def _half(self, column: str | None, which: str) -> str:
        if not self.raw:
            return quoted(f"{State(Part.SUM, column)}{which}")
        name = quoted(column or "")
        return f"BITWISE_SHIFT_RIGHT({name}, {HALF})" if which == HIGH else f"BITWISE_AND({name}, {MASK})"

    def _mean(self, column: str | None) -> str:
        if not self.wide(column):
            total = f"CAST({self._state(State(Part.SUM, column))} AS DOUBLE)"
        else:
            high, low = self._halves(column)
            total = f"(CAST({high} AS DOUBLE) * {MASK + 1} + {low})"
        return f"{total} / NULLIF({self._state(State(Part.KNOWN, column))}, 0)"

    def _kept(self, measure: Measure) -> State | None:
        """The kept sketch that serves the measure, the nearest of several."""
        part = rule.states(measure)[0].part
        known = [s for s in self.states if (s.part, s.column) == (part, measure.column) and s.error <= measure.error]
        return min(known, key=lambda s: s.error, default=None)

    def _sketch(self, measure: Measure) -> State:
        """The sketch of a measure: of raw events and of dimensions kept apart one made for it, else the kept one."""
        return (None if self._apart(measure) else self._kept(measure)) or rule.states(measure)[0]

    def _apart(self, measure: Measure) -> bool:
        return self.raw or measure.column in self.layout.by

    def _hashed(self, column: str) -> str:
        """What a sketch is fed: none takes an empty text."""
        return f"CONCAT({quoted(column)}, '.')" if self.type(column) == "VARCHAR" else quoted(column)

    def _distinct(self, measure: Measure) -> str:
        kept = self._sketch(measure)
        size = sketches.size(Part.DISTINCT, kept.error)
        if size is None:
            return f"COUNT(DISTINCT {quoted(measure.column or '')})"
        column = self._hashed(measure.column or "") if self._apart(measure) else quoted(str(kept))
        return f"APPROX_COUNT_DISTINCT_DS_HLL({column}, {size})"

    def _quantile(self, measure: Measure) -> str:
        kept = self._sketch(measure)
        column = quoted((measure.column or "") if self._apart(measure) else str(kept))
        estimate = f"APPROX_QUANTILE_DS({column}, {measure.at!r}, {sketches.size(Part.QUANTILE, kept.error)})"
        return f"CASE WHEN {estimate} <= {sys.float_info.max!r} THEN {estimate} END"  # of no value it is NaN
