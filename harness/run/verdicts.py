"""Compares an engine's answer with the truth and gives a verdict."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import pyarrow as pa

from rollup_bench.harness.records.kinds import Kind
from rollup_bench.workloads import truth
from rollup_bench.workloads.answers import keys, schema
from rollup_bench.workloads.events import Events
from rollup_bench.workloads.measures import Function, Measure
from rollup_bench.workloads.questions import Aggregate, Cohort, Funnel, Question
from rollup_bench.workloads.truth import aggregate, cohort, order
from rollup_bench.workloads.truth.courses import RELATIVE


@dataclass(frozen=True)
class Judgement:
    """A verdict and its reason; for `within bound`, also the largest observed and the largest tolerated error."""

    kind: Kind
    reason: str = ""
    observed: float | None = None
    tolerated: float | None = None


@dataclass(frozen=True)
class _WrongAnswerError(Exception):
    reason: str


def check(question: Question, answer: pa.Table, events: Events) -> Judgement:
    """Returns a verdict on the answer, from the truth; OverflowError if an integer of the truth exceeds 64 bits."""
    try:
        _check_form(question, answer, events)
        match question:
            case Aggregate():
                observed = _check_aggregate(question, answer, _evidence(question, events))
            case Cohort():
                observed = _check_cohort(question, answer, *_cohort_evidence(question, events))
            case Funnel():
                observed = _check_rows(question, answer, _funnel_truth(question, events), lambda _row, _name: 0.0)
    except _WrongAnswerError as error:
        return Judgement(Kind.WRONG, error.reason)
    if not observed:
        return Judgement(Kind.RIGHT)
    return Judgement(Kind.WITHIN, observed=observed, tolerated=tolerated(question))


def tolerated(question: Question) -> float:
    """Returns the largest error that a question tolerates, in any measure or in its top-n; 0.0 if it must be exact."""
    match question:
        case Aggregate():
            return max([m.error for m in question.measures] + [question.top.error if question.top else 0.0])
        case Cohort():
            return question.error
        case Funnel():
            return 0.0


# Arms are asked the same question one after the other, so the truth of the last question is cached.
_evidence = lru_cache(maxsize=1)(aggregate.evidence)
_cohort_evidence = lru_cache(maxsize=1)(cohort.evidence)
_funnel_truth = lru_cache(maxsize=1)(truth.answer)


def _check_form(question: Question, answer: pa.Table, events: Events) -> None:
    wanted = schema(question, events.statistics.schema)
    if not answer.schema.equals(wanted):
        raise _WrongAnswerError(f"the answer's columns are {_columns(answer.schema)}, not {_columns(wanted)}")
    if not order.arrange(question, answer).equals(answer):
        raise _WrongAnswerError("the answer's rows are out of order")


def _check_aggregate(question: Aggregate, answer: pa.Table, evidence: aggregate.Evidence) -> float:
    """Returns the largest error in an aggregate's answer; raises an error if the answer is wrong."""
    rows = _rows(evidence.whole, keys(question))
    got = _rows(answer, keys(question))
    expected = order.top(question, evidence.whole)
    if answer.num_rows > len(got):
        repeated = answer.num_rows - len(got)
        raise _WrongAnswerError(f"the answer has {answer.num_rows} rows; {repeated} repeat the keys of another row")
    observed = _check_members(question, got, rows, expected, evidence.whole)
    for measure in question.measures:
        column, true = answer[str(measure)].to_pylist(), evidence.whole[str(measure)].to_pylist()
        check = _checker(measure, evidence)
        for key, place in got.items():
            error = check(rows[key], column[place], true[rows[key]])
            if error > measure.error:
                raise _WrongAnswerError(_mismatch(question, key, str(measure), column[place], true[rows[key]]))
            observed = max(observed, error)
    return observed


def _check_members(
    question: Aggregate, got: dict[Any, int], rows: dict[Any, int], expected: pa.Table, whole: pa.Table
) -> float:
    """Returns the largest error of a group that is not in the true top n, or 0; raises an error if groups are wrong."""
    wanted = _rows(expected, keys(question))
    if unknown := [k for k in got if k not in rows]:
        raise _WrongAnswerError(f"the answer has a row {_key(question, unknown[0])} that the truth does not have")
    if len(got) != len(wanted):
        missing = next((k for k in wanted if k not in got), None)
        example = f"; {_key(question, missing)} is missing" if missing is not None else ""
        raise _WrongAnswerError(f"the answer has {len(got)} rows; the truth has {len(wanted)}{example}")
    if question.top is None or got.keys() == wanted.keys():
        return 0.0
    return max(_shortfall(question, key, wanted, whole, rows) for key in got.keys() - wanted.keys())


def _shortfall(question: Aggregate, key: Any, wanted: dict[Any, int], whole: pa.Table, rows: dict[Any, int]) -> float:
    """Returns the relative distance of a group's value to the true nth value; raises an error if it is too large."""
    assert question.top is not None
    values = whole[str(question.top.measure)].to_pylist()
    value = values[rows[key]]
    nth = [values[rows[k]] for k in wanted if k[0] == key[0]][-1]
    error = abs(nth - value) / abs(nth) if nth and value is not None else math.inf
    exact = question.top.measure.function is not Function.MEAN and isinstance(value, int)
    if error > question.top.error + (0.0 if exact else RELATIVE) or (error == 0 and exact and not question.top.error):
        raise _WrongAnswerError(f"{_key(question, key)} is not among the top {question.top.n}")
    return error


def _checker(measure: Measure, evidence: aggregate.Evidence) -> Any:
    """Returns a function of (row of the truth, value, true value) that computes the error of one value of a measure.

    The error is 0 for a right value, and infinite for a value that is wrong whatever error the question tolerates.
    """
    kind = evidence.whole.schema.field(str(measure)).type
    if measure.error and measure.function is Function.DISTINCT:
        return lambda _row, got, true: _relative(got, true)
    if measure.error and measure.function is Function.QUANTILE:
        return lambda row, got, true: _rank_error(measure, evidence, row, got, true)
    if kind == pa.float64() and measure.function in (Function.SUM, Function.MEAN):
        return lambda row, got, true: _float_error(got, true, lambda: evidence.magnitude(measure, row))
    if kind == pa.float64():
        return lambda _row, got, true: _float_error(got, true, lambda: abs(true))
    return lambda _row, got, true: 0.0 if got == true else math.inf


def _relative(got: int | None, true: int) -> float:
    if got is None:
        return math.inf
    return abs(got - true) / true if true else (0.0 if got == 0 else math.inf)


def _rank_error(measure: Measure, evidence: aggregate.Evidence, row: int, got: Any, true: Any) -> float:
    if got is None or true is None or got == true:
        return 0.0 if got == true else math.inf
    below, upto = evidence.shares(measure, row, got)
    return float(max(0.0, below - (measure.at or 0), (measure.at or 0) - upto))


def _float_error(got: float | None, true: float | None, scale: Any) -> float:
    if got is None or true is None or got == true:
        return 0.0 if got == true else math.inf
    return 0.0 if abs(got - true) <= RELATIVE * max(abs(true), scale()) else math.inf


def _check_cohort(question: Cohort, answer: pa.Table, expected: pa.Table, magnitudes: list[float]) -> float:
    """Returns the largest error of a number of subjects, relative to the cohort's true size; 0 if all are exact."""
    sizes, values = expected["size"].to_pylist(), expected["value"].to_pylist()

    def allowed(row: int, name: str) -> float:
        if name == "size" or (name == "value" and question.measure is None):
            return question.error * float(sizes[row])
        is_float = name == "value" and isinstance(values[row], float)
        return RELATIVE * max(float(abs(values[row])), magnitudes[row]) if is_float else 0.0

    differs = _check_rows(question, answer, expected, allowed)
    if not question.error or not differs:
        return 0.0
    estimated = ["size"] if question.measure else ["size", "value"]
    return max(
        float(abs(got - true) / size)
        for name in estimated
        for got, true, size in zip(answer[name].to_pylist(), expected[name].to_pylist(), sizes, strict=True)
    )


def _check_rows(
    question: Question, answer: pa.Table, expected: pa.Table, allowed: Callable[[int, str], float]
) -> float:
    """Returns the largest difference from the truth; raises an error if a difference exceeds `allowed(row, column)`."""
    largest = 0.0
    for row, (got, true) in enumerate(zip(answer.to_pylist(), expected.to_pylist(), strict=False)):
        for name, value in true.items():
            difference = _difference(got[name], value)
            if difference and difference > allowed(row, name):
                key = tuple(true[k] for k in keys(question))
                raise _WrongAnswerError(_mismatch(question, key, name, got[name], value))
            largest = max(largest, difference)
    if answer.num_rows != expected.num_rows:
        raise _WrongAnswerError(f"the answer has {answer.num_rows} rows; the truth has {expected.num_rows}")
    return largest


def _difference(got: Any, true: Any) -> float:
    if got == true:
        return 0.0
    numbers = isinstance(got, int | float) and isinstance(true, int | float)
    return float(abs(got - true)) if numbers else math.inf


def _rows(table: pa.Table, names: list[str]) -> dict[Any, int]:
    columns = [table[k].cast(pa.int64()) if k == "bucket" else table[k] for k in names]
    return {key: i for i, key in enumerate(zip(*(c.to_pylist() for c in columns), strict=True))}


def _mismatch(question: Question, key: Any, column: str, got: Any, true: Any) -> str:
    return f"{column} of {_key(question, key)} is {got}; the truth is {true}"


def _key(question: Question, key: Any) -> str:
    return "(" + ", ".join(f"{n}={v}" for n, v in zip(keys(question), key, strict=True)) + ")"


def _columns(schema: pa.Schema) -> str:
    return ", ".join(f"{f.name} {f.type}" for f in schema)
