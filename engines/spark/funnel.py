"""The SQL of funnels in Spark: windows over each subject's events find the first later event of the next step.

The events of a subject are sorted once, the latest first. A window for each step but the first takes, of the later
events of the step, the earliest, together with the times of the steps that follow it.
"""

from collections.abc import Sequence
from typing import Any

from rollup_bench.engines.funnels import Steps, StoredFunnel
from rollup_bench.engines.spark.sql import (
    Literals,
    Parameters,
    bound,
    column,
    conditions,
    in_span,
    millis,
    order,
    quoted,
)
from rollup_bench.engines.spark.table import Table, event_types
from rollup_bench.engines.tuned import EVENTS
from rollup_bench.workloads.events import Statistics
from rollup_bench.workloads.questions import Funnel

LATER = "OVER (PARTITION BY subject ORDER BY time1 DESC RANGE BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)"
"""The window of a subject's events after an event."""


def funnel(question: Funnel, subject: str, time: str) -> tuple[str, list[Any]]:
    """The SQL of a funnel over the table of events, and its bound values; some are functions of the span."""
    parameters = Parameters()
    span = in_span(time, parameters)
    return _answer(question, _entries(question.steps, question.by, (subject, time), span, parameters), parameters)


def stored_funnel(question: Funnel, table: str) -> tuple[str, list[Any]]:
    """The SQL of a funnel over a table of entries, and its bound values; some are functions of the span."""
    parameters = Parameters()
    start, end = bound(lambda span: span.start, parameters), bound(lambda span: span.end, parameters)
    return _answer(question, f"SELECT * FROM {quoted(table)} WHERE time1 >= {start} AND time1 < {end}", parameters)


def table(stored: StoredFunnel, subject: str, time: str, statistics: Statistics) -> Table:
    """The table of entries, which is filled from the table of events.

    It has the columns `subject`, `time1` and so on, in milliseconds since 1970, and `by0` and so on. The time of a step
    that is not reached is NULL.
    """
    types = event_types(statistics)
    columns = {"subject": types[subject]} | {f"time{k}": "BIGINT" for k, _ in enumerate(stored.steps, 1)}
    columns |= {f"by{i}": types[name] for i, name in enumerate(stored.by)}
    select = _entries(stored.steps, stored.by, (subject, time), [], Literals())
    return Table(stored.name, columns, ("time1", "subject"), f"SELECT {', '.join(columns)} FROM ({select})")


def _entries(steps: Steps, by: Sequence[str], names: tuple[str, str], span: list[str], parameters: Parameters) -> str:
    """The SELECT of entries from the table of events; `names` are the columns of subject and time."""
    subject, time = names
    matches = [f"coalesce({' AND '.join(conditions(step, parameters)) or 'true'}, false)" for step in steps]
    columns = [f"{column(subject)} AS subject", f"{millis(time)} AS time1"]
    columns += [f"{column(name)} AS by{i}" for i, name in enumerate(by)]
    columns += [f"{match} AS is{k}" for k, match in enumerate(matches, 1)]
    where = " AND ".join([f"{column(subject)} IS NOT NULL", *span])
    text = f"SELECT {', '.join(columns)} FROM {EVENTS} AS e WHERE {where}"
    text = f"SELECT * FROM ({text}) WHERE {' OR '.join(f'is{k}' for k, _ in enumerate(steps, 1))}"
    for k in range(len(steps), 1, -1):
        times = [f"'time{k}', time1", *(f"'time{n}', next{k + 1}.time{n}" for n in range(k + 1, len(steps) + 1))]
        first = f"min(if(is{k}, named_struct({', '.join(times)}), NULL))"
        text = f"SELECT *, {first} {LATER} AS next{k} FROM (\n{text})"
    times = [f"next2.time{k} AS time{k}" for k in range(2, len(steps) + 1)]
    kept = ["subject", "time1", *times, *(f"by{i}" for i, _ in enumerate(by))]
    return f"SELECT {', '.join(kept)} FROM (\n{text}) WHERE is1"


def _answer(question: Funnel, entries: str, parameters: Parameters) -> tuple[str, list[Any]]:
    """The SQL that counts, from entries in the span, the subjects whose best entry reached each step."""
    steps = len(question.steps)
    by = [f"by{i}" for i in range(len(question.by))]
    in_time = [
        f"time{k} <= time1 + {1000 * question.window}L AND time{k} < {bound(lambda span: span.end, parameters)}"
        for k in range(2, steps + 1)
    ]
    reached = " + ".join(["1L", *(f"CAST(coalesce({reach}, false) AS BIGINT)" for reach in in_time)])
    best = ", ".join([f"'missed', -({reached})", "'time1', time1", *(f"'no{d}', {d} IS NULL, '{d}', {d}" for d in by)])
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
