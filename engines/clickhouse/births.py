"""The SQL of births in ClickHouse, of the events since then, and of the ages at them."""

from rollup_bench.engines.clickhouse.sql import Parameters, column, conditions, literal, millis, moment
from rollup_bench.engines.clickhouse.table import TYPES
from rollup_bench.engines.integer_ages import origin
from rollup_bench.engines.integer_statements import EventColumns
from rollup_bench.engines.integer_time import LocalTime
from rollup_bench.engines.partials import Partial
from rollup_bench.engines.tuned import EVENTS
from rollup_bench.workloads.questions import Cohort, Grain

BORN = ("subject", "born", "label", "origin", "bucket")
"""The columns of births."""
EMPTY: dict[str, str | int] = {"string": "", "int64": 0}
"""Values in place of NULL, by the type of a column."""


def first_events(question: Cohort, columns: EventColumns, parameters: Parameters, until: str | None = None) -> str:
    """The SELECT of each subject's birth and, with `by`, the dimension's smallest value (NULL last) at the birth.

    `until` is a condition that births must also meet. HAVING can follow.
    """
    who, place, found = column(columns.subject), moment(columns.roles), "NULL AS value"
    where = [f"{who} IS NOT NULL", *([until] if until else []), *conditions(question.birth, parameters)]
    born = f"min({place})"
    if question.by is not None:
        kind = columns.statistics.types[question.by]
        by = f"CAST({column(question.by)}, '{TYPES[kind]}')"
        first = f"min(({place}, isNull({by}), ifNull({by}, {literal(EMPTY[kind])})))"
        born, found = f"{first}.1", f"if({first}.2, NULL, {first}.3) AS value"
    if columns.roles.order:
        found, born = f"{born} AS birth, {found}", f"min({millis(columns.time)})"
    selected = f"SELECT {who} AS subject, {born} AS born, {found} FROM {EVENTS} AS e"
    return f"{selected} WHERE {' AND '.join(where)} GROUP BY {who}"


def born_with_origin(
    question: Cohort, columns: EventColumns, firsts: str, local: LocalTime, grain: Grain | None = None
) -> str:
    """The SELECT of births, each with its cohort `label`, the origin of its ages, and the start of its `bucket`."""
    label = "value" if question.grain is None else local.bucket("born", question.grain)
    bucket = local.bucket("born", grain) if grain else "0"
    selected = f"{label} AS label, {origin(question, 'born', local)} AS origin, {bucket} AS bucket"
    born = "born, birth" if columns.roles.order else "born"
    return f"SELECT subject, {born}, {selected} FROM ({firsts})"


def joined(
    question: Cohort, columns: EventColumns, born: str, where: list[str], returns: list[str], numbers: list[str]
) -> str:
    """The SELECT of the events since the births of `born`, with what `born` selects.

    `is_birth` says that an event is simultaneous with its subject's birth, `counts` that it meets the conditions of
    `returns`. `number0`, `number1` and so on are the values of the columns `numbers`.
    """
    ordered = columns.roles.order
    wide = [Partial("sum", name).is_wide(columns.statistics) for name in numbers]
    values = [f"toInt128({column(n)})" if is_wide else column(n) for n, is_wide in zip(numbers, wide, strict=True)]
    selected = "".join(f", {value} AS number{i}" for i, value in enumerate(values))
    counts = f"ifNull({' AND '.join(returns) or '1'}, 0)"
    met = " AND ".join([*where, f"{place(columns)} >= {birth(columns)}", "(counts OR is_birth)"])
    known = "".join(f"b.{name} AS {name}, " for name in (*BORN, *(["birth"] if ordered else [])))
    instant = f"{millis(columns.time)} AS instant, "
    instant += f"{moment(columns.roles)} AS moment, " if ordered else ""
    instant += f"{place(columns)} = {birth(columns)} AS is_birth"
    return (
        f"SELECT {known}{instant}, {counts} AS counts{selected}\n"
        f"FROM {EVENTS} AS e INNER JOIN ({born}) AS b ON {column(columns.subject)} = b.subject\nWHERE {met}"
    )


def birth(columns: EventColumns) -> str:
    """The column of births that has their places in the order of events."""
    return "birth" if columns.roles.order else "born"


def place(columns: EventColumns) -> str:
    """The column of events since births that has their places in the order of events."""
    return "moment" if columns.roles.order else "instant"


def repeats(question: Cohort, columns: EventColumns) -> list[str]:
    """The condition that events since births are after the birth, if the question demands it."""
    return [f"{place(columns)} > {birth(columns)}"] if question.repeat else []
