"""The columns of a question's answer and their types, which are the same for every engine."""

import pyarrow as pa

from rollup_bench.errors import RequestError
from rollup_bench.workloads.columns import INSTANT, contents
from rollup_bench.workloads.filters import Filter, Op
from rollup_bench.workloads.measures import Function, Measure
from rollup_bench.workloads.questions import Aggregate, Cohort, Funnel, Question


def schema(question: Question, events: pa.Schema) -> pa.Schema:
    """The Arrow schema of a question's answer; RequestError if a column that it names is missing or of a wrong type."""
    match question:
        case Aggregate():
            return _aggregate(question, events)
        case Cohort():
            return _cohort(question, events)
        case Funnel():
            return _funnel(question, events)


def keys(question: Question) -> list[str]:
    """The names of the columns of a question's answer that together identify a row; the other columns are values."""
    match question:
        case Aggregate(subtotals="none"):
            return ["bucket", *question.by]
        case Aggregate():
            return ["bucket", *question.by, "grouping_id"]
        case Cohort():
            return ["cohort", "age"]
        case Funnel():
            return [*question.by, "step"]


def _aggregate(question: Aggregate, events: pa.Schema) -> pa.Schema:
    check_filters(question.where, events)
    by = [(d, _text(d, events, "by")) for d in question.by]
    grouping = [] if question.subtotals == "none" else [("grouping_id", pa.int64())]
    values = [(str(m), measure_type(m, events)) for m in question.measures]
    return pa.schema([("bucket", INSTANT), *by, *grouping, *values])


def _cohort(question: Cohort, events: pa.Schema) -> pa.Schema:
    check_filters(question.birth + question.returns, events)
    cohort = INSTANT if question.by is None else _text(question.by, events, "by")
    value = pa.int64() if question.measure is None else measure_type(question.measure, events)
    return pa.schema([("cohort", cohort), ("size", pa.int64()), ("age", pa.int64()), ("value", value)])


def _funnel(question: Funnel, events: pa.Schema) -> pa.Schema:
    for step in question.steps:
        check_filters(step, events)
    by = [(d, _text(d, events, "by")) for d in question.by]
    return pa.schema([*by, ("step", pa.int64()), ("subjects", pa.int64())])


def measure_type(measure: Measure, events: pa.Schema) -> pa.DataType:
    """The Arrow type of a measure's values; RequestError if `events` lacks the column or its type is wrong."""
    if measure.function in (Function.COUNT, Function.DISTINCT):
        if measure.column is not None:
            _text(measure.column, events, str(measure))
        return pa.int64()
    kind = _type(str(measure.column), events, str(measure))
    if kind not in (pa.int64(), pa.float64()):
        raise RequestError(f"{measure}: column `{measure.column}` contains {contents(kind)}; write a column of numbers")
    return pa.float64() if measure.function is Function.MEAN else kind


def check_filters(filters: tuple[Filter, ...], events: pa.Schema) -> None:
    """RequestError if a filter names a missing column, a column of times, or a value that its column cannot contain."""
    for condition in filters:
        kind = _type(condition.column, events, "filter")
        if pa.types.is_timestamp(kind):
            raise RequestError(f"filter on `{condition.column}`: no filter compares times; set start and end instead")
        if condition.op is Op.NULL:
            continue
        wanted = {"string": (str,), "int64": (int,), "double": (int, float)}[str(kind)]
        for value in condition.values:
            if not isinstance(value, wanted) or isinstance(value, bool):
                wrong = (
                    f"filter on `{condition.column}`: the column contains {contents(kind)}, and `{value}` is not one"
                )
                raise RequestError(f"{wrong}; write {'a text in quotes' if kind == pa.string() else 'a number'}")


def _text(name: str, events: pa.Schema, where: str) -> pa.DataType:
    kind = _type(name, events, where)
    if kind not in (pa.string(), pa.int64()):
        raise RequestError(f"{where}: column `{name}` contains {contents(kind)}; write a column of texts or integers")
    return kind


def _type(name: str, events: pa.Schema, where: str) -> pa.DataType:
    if name not in events.names:
        raise RequestError(f"{where}: no column is named `{name}`; write one of {', '.join(events.names)}")
    return events.field(name).type
