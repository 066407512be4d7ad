"""The SQL of funnels in ClickHouse: ASOF joins find, after the event of a step, the first later event of the next step.

`windowFunnel` is not used. It keeps one chain of events for each step, so it misses a step whose event is in the
millisecond of another event of the step before; and it does not say which entry it counts, whose dimensions the answer
groups by.
"""

from collections.abc import Sequence
from typing import Any

from rollup_bench.engines.clickhouse.sql import (
    Literals,
    Parameters,
    column,
    conditions,
    in_span,
    millis,
    moment,
    order,
    quoted,
)
from rollup_bench.engines.clickhouse.table import Table, event_types
from rollup_bench.engines.funnel_entries import NEVER
from rollup_bench.engines.funnels import Steps, StoredFunnel
from rollup_bench.engines.integer_statements import bound
from rollup_bench.engines.tuned import EVENTS
from rollup_bench.workloads.dataset import Columns
from rollup_bench.workloads.events import Statistics
from rollup_bench.workloads.questions import Funnel


def funnel(question: Funnel, columns: Columns) -> tuple[str, list[Any]]:
    """The SQL of a funnel over the table of events, and its bound values; some are functions of the span."""
    parameters = Parameters()
    spans = [in_span(columns.time.name, parameters) for _ in question.steps]
    entries = _entries(question.steps, question.by, columns, spans, parameters)
    return _answer(question, columns, entries, parameters)


def stored_funnel(question: Funnel, table: str, columns: Columns) -> tuple[str, list[Any]]:
    """The SQL of a funnel over a table of entries, and its bound values; some are functions of the span."""
    parameters = Parameters()
    start, end = bound(lambda span: span.start, parameters), bound(lambda span: span.end, parameters)
    entries = f"SELECT * FROM {quoted(table)} WHERE time1 >= {start} AND time1 < {end}"
    return _answer(question, columns, entries, parameters)


def table(stored: StoredFunnel, columns: Columns, statistics: Statistics) -> Table:
    """The table of entries, which is filled from the table of events.

    It has the columns `subject`, `time1` and so on, in milliseconds since 1970, `by0` and so on, and `moment1` if the
    dataset has a column `order`. 2^62 stands for the time of a step that is not reached.
    """
    types = event_types(columns.time.name, statistics)
    stored_types = {"subject": types[columns.subject]} | {f"time{k}": "Int64" for k, _ in enumerate(stored.steps, 1)}
    stored_types |= {f"by{i}": types[name] for i, name in enumerate(stored.by)}
    stored_types |= {"moment1": "Int128"} if columns.order else {}
    select = _entries(stored.steps, stored.by, columns, [[] for _ in stored.steps], Literals())
    return Table(stored.name, stored_types, ("time1", "subject"), f"SELECT {', '.join(stored_types)} FROM ({select})")


def _entries(
    steps: Steps, by: Sequence[str], columns: Columns, spans: Sequence[list[str]], parameters: Parameters
) -> str:
    """The SELECT of entries from the table of events."""
    subject, places = column(columns.subject), ["time", *(["moment"] if columns.order else [])]
    dimensions = [f"{column(name)} AS by{i}" for i, name in enumerate(by)]
    text = ""
    for k, (step, span) in enumerate(zip(steps, spans, strict=True), 1):
        selected = [f"{subject} AS subject", f"{millis(columns.time.name)} AS time{k}"]
        selected += [f"{moment(columns)} AS moment{k}"] if columns.order else []
        selected += dimensions if k == 1 else []
        where = [f"{subject} IS NOT NULL", *span, *conditions(step, parameters)]
        matching = f"SELECT {', '.join(selected)} FROM {EVENTS} AS e WHERE {' AND '.join(where)}"
        text = matching if k == 1 else _joined(text, matching, k, len(by), places)
    return text


def _joined(entries: str, matching: str, k: int, by: int, places: list[str]) -> str:
    """The entries with the `places` of step k: those of the subject's first event of it after its event of step k - 1.

    The last of `places` decides which event is after another one.
    """
    before = ", ".join(
        [f"a.{place}{n} AS {place}{n}" for place in places for n in range(1, k)]
        + [f"a.by{i} AS by{i}" for i in range(by)]
    )
    nevers = dict(zip(("time", "moment"), (str(NEVER), f"toInt128('{NEVER << 64}')"), strict=True))
    found = ", ".join(f"ifNull(b.{place}{k}, {nevers[place]}) AS {place}{k}" for place in places)
    last = places[-1]
    return (
        f"SELECT a.subject AS subject, {before}, {found} FROM ({entries}) AS a\n"
        f"ASOF LEFT JOIN ({matching}) AS b ON a.subject = b.subject AND a.{last}{k - 1} < b.{last}{k}"
    )


def _answer(question: Funnel, columns: Columns, entries: str, parameters: Parameters) -> tuple[str, list[Any]]:
    """The SQL that counts, for each step, the subjects whose best entry in the span reached it."""
    steps = len(question.steps)
    by = [f"by{i}" for i in range(len(question.by))]
    in_time = [
        f"(time{k} <= time1 + {1000 * question.window} AND time{k} < {bound(lambda span: span.end, parameters)})"
        for k in range(2, steps + 1)
    ]
    place = "moment1" if columns.order else "time1"
    best = ", ".join(["subject", "reached DESC", place, *(f"{d} ASC NULLS LAST" for d in by)])
    named = [f"{d} AS {quoted(name)}" for d, name in zip(by, question.by, strict=True)]
    lines = [
        f"SELECT {', '.join([*named, 'step', 'toInt64(countIf(reached >= step)) AS subjects'])} FROM (",
        f"SELECT {', '.join([*by, 'reached'])}, toInt64(arrayJoin(range(1, {steps + 1}))) AS step FROM (",
        f"SELECT {', '.join(['subject', place, *by, ' + '.join(['1', *in_time])])} AS reached FROM (",
        entries,
        f") ORDER BY {best} LIMIT 1 BY subject))",
        f"GROUP BY {', '.join([*by, 'step'])} ORDER BY {', '.join(order(question))}",
    ]
    return "\n".join(lines), parameters.values
