"""The SQL of funnels in DuckDB: ASOF joins find, after the event of a step, the first later event of the next step."""

from collections.abc import Sequence

from rollup_bench.engines.duckdb.sql import Literals, bound, conditions, in_span
from rollup_bench.engines.funnels import Steps, StoredFunnel
from rollup_bench.engines.sql import Parameters, quoted
from rollup_bench.workloads.questions import Funnel


def funnel(question: Funnel, subject: str, time: str) -> tuple[str, list[object]]:
    """The SQL of a funnel over the table `events`, and its bound values; some are functions of the span."""
    parameters = Parameters()
    spans = [in_span(time, parameters) for _ in question.steps]
    ctes = _entries(question.steps, question.by, (subject, time), spans, parameters)
    return _answer(question, ctes, parameters)


def stored_funnel(question: Funnel, table: str) -> tuple[str, list[object]]:
    """The SQL of a funnel over a table of entries, and its bound values; some are functions of the span."""
    parameters = Parameters()
    where = " AND ".join(in_span("time1", parameters))
    return _answer(question, [f"entries AS (SELECT * FROM {quoted(table)} WHERE {where})"], parameters)


def create(stored: StoredFunnel, subject: str, time: str) -> str:
    """The statement that creates the table of entries from the table `events`.

    It has the columns `subject`, `time1` and so on, NULL for a step that is not reached, and `by0` and so on.
    """
    ctes = _entries(stored.steps, stored.by, (subject, time), [[] for _ in stored.steps], Literals())
    text = ",\n".join(ctes)
    return f"CREATE TABLE {quoted(stored.name)} AS WITH {text}\nSELECT * FROM entries ORDER BY time1, subject"


def _entries(
    steps: Steps, by: Sequence[str], names: tuple[str, str], spans: Sequence[list[str]], parameters: Parameters
) -> list[str]:
    """The common table expressions of each step's events and of the entries; `names` are those of subject and time."""
    subject, time = map(quoted, names)
    numbers = range(1, len(steps) + 1)
    ctes = []
    for k, where in zip(numbers, spans, strict=True):
        columns = [f"{subject} AS subject", f"{time} AS time{k}"]
        columns += [f"{quoted(name)} AS by{i}" for i, name in enumerate(by)] if k == 1 else []
        where = [f"{subject} IS NOT NULL", *where, *conditions(steps[k - 1], parameters)]
        ctes.append(f"step{k} AS (SELECT {', '.join(columns)} FROM events WHERE {' AND '.join(where)})")
    times = [f"time{k}" for k in numbers[1:]]
    selected = ["step1.subject", "time1", *times, *(f"by{i}" for i, _ in enumerate(by))]
    joins = [_join(k) for k in numbers[1:]]
    return [*ctes, f"entries AS (SELECT {', '.join(selected)} FROM {' '.join(['step1', *joins])})"]


def _join(k: int) -> str:
    """The join to a subject's first event of step k after its event of step k - 1; NULL if there is no such event.

    DuckDB before 2.0 joins a NULL on the left with the earliest event on the right, so 'infinity' replaces NULL.
    """
    before = "time1" if k == 2 else f"coalesce(time{k - 1}, 'infinity')"
    return f"ASOF LEFT JOIN step{k} ON step1.subject = step{k}.subject AND {before} < time{k}"


def _answer(question: Funnel, ctes: list[str], parameters: Parameters) -> tuple[str, list[object]]:
    """The SQL that counts, from entries in the span, the subjects whose best entry reached each step."""
    steps = range(1, len(question.steps) + 1)
    by = [f"by{i}" for i in range(len(question.by))]
    in_time = [
        f"time{k} <= time1 + to_seconds({question.window}) AND time{k} < {bound(lambda span: span.end, parameters)}"
        for k in steps[1:]
    ]
    reached = " + ".join(["1", *(f"coalesce(CAST({reach} AS BIGINT), 0)" for reach in in_time)])
    order = ", ".join(["reached DESC", "time1", *(f"{d} NULLS LAST" for d in by)])
    best = f"QUALIFY row_number() OVER (PARTITION BY subject ORDER BY {order}) = 1"
    named = [f"{d} AS {quoted(name)}" for d, name in zip(by, question.by, strict=True)]
    counted = ", ".join([*named, "step", "count(*) FILTER (reached >= step) AS subjects"])
    lines = [
        "WITH " + ",\n".join([*ctes, f"best AS (SELECT *, {reached} AS reached FROM entries {best})"]),
        f"SELECT {counted} FROM best, range(1, {len(steps) + 1}) AS steps(step) GROUP BY ALL",
        f"ORDER BY {', '.join([*(f'{d} NULLS LAST' for d in map(quoted, question.by)), 'step'])}",
    ]
    return "\n".join(lines), parameters.values
