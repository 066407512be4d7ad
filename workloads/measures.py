"""Measures: a function and mostly a column, from which a question computes a number for each group of events."""

import re
from enum import StrEnum
from functools import lru_cache

import msgspec

NUMBER = r"[0-9.eE+-]+"
CALL = re.compile(
    rf'(?P<function>\w+)\(\s*(?:"(?P<quoted>[^"]+)"|(?P<column>[^\s",()=][^",()=]*?))?\s*'
    rf"(?:,\s*(?P<at>{NUMBER})\s*)?(?:,\s*error\s*=\s*(?P<error>{NUMBER})\s*)?\)"
)


class Function(StrEnum):
    """The function of a measure; every function except `count` ignores NULL."""

    COUNT = "count"
    SUM = "sum"
    MIN = "min"
    MAX = "max"
    MEAN = "mean"
    DISTINCT = "distinct"
    QUANTILE = "quantile"


ESTIMABLE = (Function.DISTINCT, Function.QUANTILE)
FORMS = "count(), sum(x), min(x), max(x), mean(x), distinct(x), distinct(x, error=0.02) or quantile(x, 0.9)"


class Measure(msgspec.Struct, frozen=True, order=True):
    """A function of the values of a column in a group of events; `count` takes no column and counts the events.

    `at` is the fraction of a quantile, between 0 and 1: the quantile is the smallest value v such that at least this
    fraction of the values are v or less. `error` is the tolerated error of an answer: for `distinct` a share of the
    true number, for `quantile` a deviation of the fraction `at`; 0 asks for the exact value.
    """

    function: Function
    column: str | None = None
    at: float | None = None
    error: float = 0.0

    def __post_init__(self) -> None:
        if (self.column is None) != (self.function is Function.COUNT):
            raise ValueError(f"{self.function} takes {'no' if self.column else 'a'} column; write {FORMS}")
        if (self.at is None) == (self.function is Function.QUANTILE):
            raise ValueError("quantile takes a fraction, as in quantile(x, 0.9), and no other function does")
        if self.at is not None and not 0 < self.at < 1:
            raise ValueError(f"the fraction of a quantile is {self.at:g}; write one between 0 and 1")
        if self.error and (self.function not in ESTIMABLE or not 0 < self.error < 1):
            raise ValueError("only distinct and quantile take error=, which must be between 0 and 1")

    def __str__(self) -> str:
        """The measure as dataset files write it, such as `sum(x)`; the measure's column in an answer has this name."""
        return _written(self)


@lru_cache(maxsize=4096)
def _written(measure: Measure) -> str:
    column = "" if measure.column is None else measure.column
    if column.strip() != column or re.search(r"[(),=]", column):
        column = f'"{column}"'
    at = "" if measure.at is None else f", {measure.at:g}"
    error = f", error={measure.error:g}" if measure.error else ""
    return f"{measure.function}({column}{at}{error})"


def parse(text: str) -> Measure:
    """Reads a measure from a text such as `distinct(user, error=0.02)`; ValueError if the text is not a measure."""
    call = CALL.fullmatch(text.strip())
    if not call or call["function"] not in list(Function):
        raise ValueError(f"`{text}` is not a measure; write {FORMS}")
    try:
        at = float(call["at"]) if call["at"] else None
        error = float(call["error"]) if call["error"] else 0.0
    except ValueError:
        raise ValueError(f"`{text}` has a number that cannot be read; write {FORMS}") from None
    return Measure(Function(call["function"]), call["quoted"] or call["column"], at, error)
