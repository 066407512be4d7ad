"""The SQL of funnels in DuckDB: ASOF joins find, after the event of a step, the first later event of the next step."""

from collections.abc import Sequence

from rollup_bench.engines.duckdb.sql import Literals, bound, conditions, in_span, moment, span_ends
from rollup_bench.engines.funnels import Steps, StoredFunnel
from rollup_bench.engines.sql import Parameters, quoted
from rollup_bench.workloads.dataset import Columns
from rollup_bench.workloads.questions import Funnel

LAST = (1 << 127) - 1
"""The largest HUGEINT, which is later than any event."""


def funnel(question: Funnel, columns: Columns) -> tuple[str, list[object]]:
    """The SQL of a funnel over the table `events`, and its bound values; some are functions of the span."""
    parameters = Parameters()
    spans = [in_span(columns.time.name, *span_ends(parameters)) for _ in question.steps]
    ctes = _entries(question.steps, question.by, columns, spans, parameters)
    return _answer(question, columns, ctes, parameters)


def stored_funnel(question: Funnel, table: str, columns: Columns) -> tuple[str, list[object]]:
    """The SQL of a funnel over a table of entries, and its bound values; some are functions of the span."""
    parameters = Parameters()
    where = " AND ".join(in_span("time1", *span_ends(parameters)))
    return _answer(question, columns, [f"entries AS (SELECT * FROM {quoted(table)} WHERE {where})"], parameters)


def create(stored: StoredFunnel, columns: Columns) -> str:
    """The statement that creates the table of entries from the table `events`.

    It has the columns `subject`, `time1` and so on, NULL for a step that is not reached, `by0` and so on, and `moment1`
    if the dataset has a column `order`.
    """
    ctes = _entries(stored.steps, stored.by, columns, [[] for _ in stored.steps], Literals())
    text = ",\n".join(ctes)
    return f"CREATE TABLE {quoted(stored.name)} AS WITH {text}\nSELECT * FROM entries ORDER BY time1, subject"


def _place(columns: Columns) -> str:
    """The name, without a number, of the columns that order the events of all steps."""
    return "moment" if columns.order else "time"


def _entries(
    steps: Steps, by: Sequence[str], columns: Columns, spans: Sequence[list[str]], parameters: Parameters
) -> list[str]:
    """The common table expressions of each step's events and of the entries."""
    subject, time = map(quoted, (columns.subject, columns.time.name))
    numbers = range(1, len(steps) + 1)
    ctes = []
    for k, where in zip(numbers, spans, strict=True):
        named = [f"{subject} AS subject", f"{time} AS time{k}"]
        named += [f"{moment(columns)} AS moment{k}"] if columns.order else []
        named += [f"{quoted(name)} AS by{i}" for i, name in enumerate(by)] if k == 1 else []
        where = [f"{subject} IS NOT NULL", *where, *conditions(steps[k - 1], parameters)]
        ctes.append(f"step{k} AS (SELECT {', '.join(named)} FROM events WHERE {' AND '.join(where)})")
    times = [f"time{k}" for k in numbers[1:]]
    selected = ["step1.subject", "time1", *times, *(f"by{i}" for i, _ in enumerate(by))]
    selected += ["moment1"] if columns.order else []
    joins = [_join(k, _place(columns)) for k in numbers[1:]]
    return [*ctes, f"entries AS (SELECT {', '.join(selected)} FROM {' '.join(['step1', *joins])})"]


def _join(k: int, place: str) -> str:
    """The join to a subject's first event of step k after its event of step k - 1; NULL if there is no such event.

    DuckDB before 2.0 joins a NULL on the left with the earliest event on the right, so the latest place replaces NULL.
    """
    never = "'infinity'" if place == "time" else str(LAST)
    before = f"{place}1" if k == 2 else f"coalesce({place}{k - 1}, {never})"
    return f"ASOF LEFT JOIN step{k} ON step1.subject = step{k}.subject AND {before} < {place}{k}"


def _answer(question: Funnel, columns: Columns, ctes: list[str], parameters: Parameters) -> tuple[str, list[object]]:
    """The SQL that counts, for each step, the subjects whose best entry in the span reached it."""
    steps = range(1, len(question.steps) + 1)
    by = [f"by{i}" for i in range(len(question.by))]
    in_time = [
        f"time{k} <= time1 + to_seconds({question.window}) AND time{k} < {bound(lambda span: span.end, parameters)}"
        for k in steps[1:]
    ]
    reached = " + ".join(["1", *(f"coalesce(CAST({reach} AS BIGINT), 0)" for reach in in_time)])
    order = ", ".join(["reached DESC", f"{_place(columns)}1", *(f"{d} NULLS LAST" for d in by)])
    best = f"QUALIFY row_number() OVER (PARTITION BY subject ORDER BY {order}) = 1"
    named = [f"{d} AS {quoted(name)}" for d, name in zip(by, question.by, strict=True)]
    counted = ", ".join([*named, "step", "count(*) FILTER (reached >= step) AS subjects"])
    lines = [
        "WITH " + ",\n".join([*ctes, f"best AS (SELECT *, {reached} AS reached FROM entries {best})"]),
        f"SELECT {counted} FROM best, range(1, {len(steps) + 1}) AS steps(step) GROUP BY ALL",
        f"ORDER BY {', '.join([*(f'{d} NULLS LAST' for d in map(quoted, question.by)), 'step'])}",
    ]
    return "\n".join(lines), parameters.values
