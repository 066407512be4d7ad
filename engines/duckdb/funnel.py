"""The SQL of funnels in DuckDB: ASOF joins find, after the event of a step, the first later event of the next step."""

from rollup_bench.engines.duckdb.sql import conditions, span
from rollup_bench.engines.sql import Parameters, quoted
from rollup_bench.workloads.questions import Funnel


def funnel(question: Funnel, subject: str, time: str) -> tuple[str, list[object]]:
    """The SQL of a funnel over the table `events`, and its bound values."""
    parameters = Parameters()
    steps = range(1, len(question.steps) + 1)
    by = [f"by{i}" for i in range(len(question.by))]
    joins = [_join(k) for k in steps[1:]]
    in_time = [f"CAST(time{k} <= time1 + to_seconds({question.window}) AS BIGINT)" for k in steps[1:]]
    reached = " + ".join(["1", *(f"coalesce({reach}, 0)" for reach in in_time)])
    order = ", ".join(["reached DESC", "time1", *(f"{d} NULLS LAST" for d in by)])
    ctes = [f"step{k} AS ({_step(question, k, subject, time, parameters)})" for k in steps]
    ctes += [
        f"entries AS (SELECT step1.*, {reached} AS reached FROM step1 {' '.join(joins)})",
        f"best AS (SELECT * FROM entries QUALIFY row_number() OVER (PARTITION BY subject ORDER BY {order}) = 1)",
    ]
    named = [f"{d} AS {quoted(name)}" for d, name in zip(by, question.by, strict=True)]
    counted = ", ".join([*named, "step", "count(*) FILTER (reached >= step) AS subjects"])
    lines = [
        "WITH " + ",\n".join(ctes),
        f"SELECT {counted} FROM best, range(1, {len(steps) + 1}) AS steps(step) GROUP BY ALL",
        f"ORDER BY {', '.join([*(f'{d} NULLS LAST' for d in map(quoted, question.by)), 'step'])}",
    ]
    return "\n".join(lines), parameters.values


def _join(k: int) -> str:
    """The join to a subject's first event of step k after its event of step k - 1; NULL if there is no such event.

    DuckDB before 2.0 joins a NULL on the left with the earliest event on the right, so 'infinity' replaces NULL.
    """
    before = "time1" if k == 2 else f"coalesce(time{k - 1}, 'infinity')"
    return f"ASOF LEFT JOIN step{k} ON step1.subject = step{k}.subject AND {before} < time{k}"


def _step(question: Funnel, k: int, subject: str, time: str, parameters: Parameters) -> str:
    """The SELECT of subject and time of the span's events that match step k, with the dimensions if k is 1."""
    by = [f"{quoted(name)} AS by{i}" for i, name in enumerate(question.by)] if k == 1 else []
    columns = ", ".join([f"{quoted(subject)} AS subject", f"{quoted(time)} AS time{k}", *by])
    where = [
        f"{quoted(subject)} IS NOT NULL",
        *span(question.span, time, parameters),
        *conditions(question.steps[k - 1], parameters),
    ]
    return f"SELECT {columns} FROM events WHERE {' AND '.join(where)}"
