"""The SQL of funnels in Spark: windows over each subject's events find the first later event of the next step.

The events of a subject are sorted once, the latest first. A window for each step but the first takes, of the later
events of the step, the earliest, together with the times of the steps that follow it.
"""

from collections.abc import Sequence
from typing import Any

from rollup_bench.engines.funnels import Steps, StoredFunnel
from rollup_bench.engines.integer_statements import bound
from rollup_bench.engines.spark.sql import (
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
from rollup_bench.engines.spark.table import Table, event_types
from rollup_bench.engines.tuned import EVENTS
from rollup_bench.workloads.dataset import Columns
from rollup_bench.workloads.events import Statistics
from rollup_bench.workloads.questions import Funnel

LATER = "OVER (PARTITION BY subject ORDER BY {} DESC RANGE BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)"
"""The window of a subject's events after an event, by the place of events in their order."""


def funnel(question: Funnel, columns: Columns) -> tuple[str, list[Any]]:
    """The SQL of a funnel over the table of events, and its bound values; some are functions of the span."""
    parameters = Parameters()
    span = in_span(columns.time.name, parameters)
    return _answer(question, columns, _entries(question.steps, question.by, columns, span, parameters), parameters)


def stored_funnel(question: Funnel, table: str, columns: Columns) -> tuple[str, list[Any]]:
    """The SQL of a funnel over a table of entries, and its bound values; some are functions of the span."""
    parameters = Parameters()
    start, end = bound(lambda span: span.start, parameters), bound(lambda span: span.end, parameters)
    entries = f"SELECT * FROM {quoted(table)} WHERE time1 >= {start} AND time1 < {end}"
    return _answer(question, columns, entries, parameters)


def table(stored: StoredFunnel, columns: Columns, statistics: Statistics) -> Table:
    """The table of entries, which is filled from the table of events.

    It has the columns `subject`, `time1` and so on, in milliseconds since 1970, `by0` and so on, and `moment1` if the
    dataset has a column `order`. The time of a step that is not reached is NULL.
    """
    types = event_types(statistics)
    stored_types = {"subject": types[columns.subject]} | {f"time{k}": "BIGINT" for k, _ in enumerate(stored.steps, 1)}
    stored_types |= {f"by{i}": types[name] for i, name in enumerate(stored.by)}
    stored_types |= {"moment1": "DECIMAL(38, 0)"} if columns.order else {}
    select = _entries(stored.steps, stored.by, columns, [], Literals())
    return Table(stored.name, stored_types, ("time1", "subject"), f"SELECT {', '.join(stored_types)} FROM ({select})")


def _entries(steps: Steps, by: Sequence[str], columns: Columns, span: list[str], parameters: Parameters) -> str:
    """The SELECT of entries from the table of events."""
    place, later = _place(columns), LATER.format(_place(columns))
    matches = [f"coalesce({' AND '.join(conditions(step, parameters)) or 'true'}, false)" for step in steps]
    selected = [f"{column(columns.subject)} AS subject", f"{millis(columns.time.name)} AS time1"]
    selected += [f"{moment(columns)} AS moment1"] if columns.order else []
    selected += [f"{column(name)} AS by{i}" for i, name in enumerate(by)]
    selected += [f"{match} AS is{k}" for k, match in enumerate(matches, 1)]
    where = " AND ".join([f"{column(columns.subject)} IS NOT NULL", *span])
    text = f"SELECT {', '.join(selected)} FROM {EVENTS} AS e WHERE {where}"
    text = f"SELECT * FROM ({text}) WHERE {' OR '.join(f'is{k}' for k, _ in enumerate(steps, 1))}"
    for k in range(len(steps), 1, -1):
        following = [f"'time{n}', next{k + 1}.time{n}" for n in range(k + 1, len(steps) + 1)]
        times = ", ".join([f"'place', {place}", f"'time{k}', time1", *following])
        text = f"SELECT *, min(if(is{k}, named_struct({times}), NULL)) {later} AS next{k} FROM (\n{text})"
    reached = [f"next2.time{k} AS time{k}" for k in range(2, len(steps) + 1)]
    dimensions = [f"by{i}" for i, _ in enumerate(by)]
    kept = ["subject", "time1", *reached, *dimensions, *(["moment1"] if columns.order else [])]
    return f"SELECT {', '.join(kept)} FROM (\n{text}) WHERE is1"


def _place(columns: Columns) -> str:
    """The column of entries that has their places in the order of events."""
    return "moment1" if columns.order else "time1"


def _answer(question: Funnel, columns: Columns, entries: str, parameters: Parameters) -> tuple[str, list[Any]]:
    """The SQL that counts, for each step, the subjects whose best entry in the span reached it."""
    steps = len(question.steps)
    by = [f"by{i}" for i in range(len(question.by))]
    in_time = [
        f"time{k} <= time1 + {1000 * question.window}L AND time{k} < {bound(lambda span: span.end, parameters)}"
        for k in range(2, steps + 1)
    ]
    reached = " + ".join(["1L", *(f"CAST(coalesce({reach}, false) AS BIGINT)" for reach in in_time)])
    place, smallest = _place(columns), [f"'no{d}', {d} IS NULL, '{d}', {d}" for d in by]
    best = ", ".join([f"'missed', -({reached})", f"'place', {place}", *smallest])
    chosen = [*(f"best.{d} AS {d}" for d in by), "-best.missed AS reached", f"explode(sequence(1L, {steps}L)) AS step"]
    named = [f"{d} AS {quoted(name)}" for d, name in zip(by, question.by, strict=True)]
    lines = [
        f"SELECT {', '.join([*named, 'step', 'count_if(reached >= step) AS subjects'])} FROM (",
        f"SELECT {', '.join(chosen)} FROM (",
        f"SELECT min(named_struct({best})) AS best FROM (",
        entries,
        ") GROUP BY subject))",
        f"GROUP BY {', '.join([*by, 'step'])} ORDER BY {', '.join(order(question))}",
    ]
    return "\n".join(lines), parameters.values
