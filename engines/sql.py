"""SQL text that several adapters write: identifiers, parameters, conditions and lengths of time."""

from dataclasses import dataclass, field
from typing import Any

from rollup_bench.workloads.calendar import CLOCK, DAY
from rollup_bench.workloads.filters import Filter, Op
from rollup_bench.workloads.questions import Grain

COMPARISONS = {Op.EQ: "=", Op.NE: "<>", Op.LT: "<", Op.LE: "<=", Op.GT: ">", Op.GE: ">="}
LENGTHS = CLOCK | {Grain.DAY: DAY, Grain.WEEK: 7 * DAY}
"""Milliseconds of each unit of elapsed time."""


@dataclass
class Parameters:
    """Collects the parameter values of an SQL statement while its text is written."""

    values: list[Any] = field(default_factory=list)

    def bind(self, value: Any) -> str:
        """Adds a parameter value and returns its placeholder: `$1` for the first value, `$2` for the second."""
        self.values.append(value)
        return f"${len(self.values)}"


def quoted(name: str) -> str:
    """Quotes a name as an SQL identifier, which keeps its case."""
    return '"' + name.replace('"', '""') + '"'


def condition(wanted: Filter, column: str, parameters: Parameters) -> str:
    """The SQL condition of a filter on the expression `column`; the filter's values become parameters."""
    if wanted.op is Op.NULL:
        return f"{column} IS {'' if wanted.value else 'NOT '}NULL"
    if wanted.op is Op.IN:
        return f"{column} IN ({', '.join(map(parameters.bind, wanted.values))})"
    return f"{column} {COMPARISONS[wanted.op]} {parameters.bind(wanted.value)}"
