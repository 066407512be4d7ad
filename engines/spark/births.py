"""The SQL of births in Spark, of the events since then, and of the ages at them."""

from rollup_bench.engines.integer_ages import origin
from rollup_bench.engines.integer_statements import EventColumns
from rollup_bench.engines.integer_time import LocalTime
from rollup_bench.engines.partials import Partial
from rollup_bench.engines.spark.sql import Parameters, column, conditions, millis, moment
from rollup_bench.engines.tuned import EVENTS
from rollup_bench.workloads.questions import Cohort, Grain

BORN = ("subject", "born", "birth", "label", "origin", "bucket")
"""The columns of births."""
WIDE = "DECIMAL(28, 0)"
"""The type in which integers are added up whose sum may exceed 64 bits; the sum has ten digits more."""


def first_events(question: Cohort, columns: EventColumns, parameters: Parameters, until: str | None = None) -> str:
    """The SELECT of each subject's birth and, with `by`, the dimension's smallest value (NULL last) at the birth.

    `born` is the time of the birth, and `birth` its place in the order of events. `until` is a condition that births
    must also meet.
    """
    who, place = column(columns.subject), moment(columns.roles)
    where = [f"{who} IS NOT NULL", *([until] if until else []), *conditions(question.birth, parameters)]
    birth, value = f"min({place})", "NULL"
    if question.by is not None:
        by = column(question.by)
        first = f"min(named_struct('birth', {place}, 'missing', {by} IS NULL, 'value', {by}))"
        birth, value = f"{first}.birth", f"{first}.value"
    selected = f"{who} AS subject, min({millis(columns.time)}) AS born, {birth} AS birth, {value} AS value"
    return f"SELECT {selected} FROM {EVENTS} AS e WHERE {' AND '.join(where)} GROUP BY {who}"


def born_with_origin(question: Cohort, firsts: str, local: LocalTime, grain: Grain | None = None) -> str:
    """The SELECT of births, each with its cohort `label`, the origin of its ages, and the start of its `bucket`."""
    label = "value" if question.grain is None else local.bucket("born", question.grain)
    bucket = local.bucket("born", grain) if grain else "0L"
    selected = f"{label} AS label, {origin(question, 'born', local)} AS origin, {bucket} AS bucket"
    return f"SELECT subject, born, birth, {selected} FROM ({firsts})"


def joined(
    question: Cohort,
    columns: EventColumns,
    born: str,
    where: list[str],
    limits: list[str],
    numbers: list[str],
    parameters: Parameters,
) -> str:
    """The SELECT of the events since the births of `born`, with what `born` selects.

    `is_birth` says that an event is simultaneous with its subject's birth, `counts` that it is a return that meets
    the conditions `limits` too. `number0`, `number1` and so on are the values of the columns `numbers`.
    """
    wide = [Partial("sum", name).is_wide(columns.statistics) for name in numbers]
    values = [
        f"CAST({column(n)} AS {WIDE})" if is_wide else column(n) for n, is_wide in zip(numbers, wide, strict=True)
    ]
    selected = "".join(f", {value} AS number{i}" for i, value in enumerate(values))
    instant, place = millis(columns.time), moment(columns.roles)
    known = ", ".join(f"b.{name} AS {name}" for name in BORN)
    returns = " AND ".join(conditions(question.returns, parameters)) or "true"
    counts = " AND ".join(["coalesce(matches, false)", *limits, *(["moment > birth"] if question.repeat else [])])
    return (
        f"SELECT * FROM (SELECT *, moment = birth AS is_birth, {counts} AS counts FROM (\n"
        f"SELECT {known}, {instant} AS instant, {place} AS moment, {returns} AS matches{selected}\n"
        f"FROM {EVENTS} AS e INNER JOIN ({born}) AS b ON {column(columns.subject)} = b.subject\n"
        f"WHERE {' AND '.join([*where, f'{place} >= b.birth'])}\n)) WHERE counts OR is_birth"
    )
