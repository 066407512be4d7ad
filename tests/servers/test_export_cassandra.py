"""cqlsh runs the files that `export` writes, and its rows give right answers after the work that is left to clients."""

import re
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import closing
from datetime import date, timedelta
from functools import partial
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from rollup_bench.engines.cassandra.engine import access_path
from rollup_bench.engines.contract import Plan
from rollup_bench.engines.ordering import grouping_id, grouping_sets, order
from rollup_bench.engines.registry import engine_type
from rollup_bench.harness.report import exports
from rollup_bench.servers import Server
from rollup_bench.workloads import events as event_store
from rollup_bench.workloads import truth
from rollup_bench.workloads.dataset import Dataset
from rollup_bench.workloads.measures import Function, Measure
from rollup_bench.workloads.questions import Aggregate, Cohort, Grain, Question, milliseconds
from rollup_bench.workloads.specs import instant
from rollup_bench.workloads.templates import Template
from rollup_bench.workloads.truth.buckets import DAY, bucket
from tests.conftest import BUDGET
from tests.support.exported import Values, check, cohort_answer, sample

Row = list[Any]
Results = list[tuple[str, list[Row]]]
"""Each statement with the rows that cqlsh prints for it."""
MERGES: dict[str, Any] = {"min": min, "max": max}


def cqlsh(server: Server, folder: Path, file: str) -> str:
    """What cqlsh prints for a file."""
    program = str(Path(sys.executable).with_name("cqlsh"))
    command = [program, server.connection.hosts[0], str(server.connection.port), "--request-timeout=600", "-f", file]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=900, check=False)
    assert ran.returncode == 0, ran.stderr
    return str(ran.stdout)


def rows_of(printed: str) -> list[list[Row]]:
    """The rows of each table that cqlsh prints, NULL as None."""
    tables = re.split(r"\n\(\d+ rows\)\n", printed)[:-1]
    bodies = (re.split(r"\n[-+]+\n", f"{table}\n", maxsplit=1)[1] for table in tables)
    lines = ([line for line in body.splitlines() if line] for body in bodies)
    cells = ([[cell.strip() for cell in line.split(" | ")] for line in table] for table in lines)
    return [[[None if cell == "null" else cell for cell in row] for row in table] for table in cells]


def filled(text: str, template: Template, values: Values, first: int) -> str:
    """The file with other values before the comments that name them."""
    zone = template.body["zone"]

    def other(found: re.Match[str]) -> str:
        name = next((n for n in values if re.search(rf"\b{n}\b", found[2].removesuffix(", or the first event"))), None)
        return found[0] if name is None else written(found[2], values[name], first, zone)

    return re.sub(r"('[^']*'|-?\d+) /\* ([^*]*) \*/", other, text)


def written(form: str, value: Any, first: int, zone: str) -> str:
    """The literal of a parameter in the form that a comment names."""
    if not isinstance(value, date):
        return f"'{value}'" if isinstance(value, str) else str(value)
    at = milliseconds(instant(value, zone))
    if form.endswith("first event"):
        return str(min(at, first))
    if " that " not in form:
        return str(at)
    starts = bucket(np.arange(at - 40 * DAY, at + 40 * DAY, DAY // 24), Grain(form.split()[0]), zone, 0)
    return str(min(starts[starts >= at]) if "begins" in form else max(starts[starts <= at]))


def answered(question: Question, client: list[str], results: Results, dataset: Dataset, plan: Plan) -> Any:
    """The answer from the rows of cqlsh, made as the comments at the end of the file say."""
    about = next(line for line in client if line.startswith("A row "))
    if about.startswith("A row is an event"):
        return from_events(question, about.rstrip(".").split(", ")[1:], results, dataset, plan)
    if isinstance(question, Cohort):
        return cohort_answer(question, [activity(question, row) for _, rows in results for row in rows])
    assert isinstance(question, Aggregate)
    return aggregated(question, client, results)


def activity(question: Cohort, row: Row) -> Row:
    """A row of sums with its cohort: a value of a key, or the start of the bucket of its births."""
    born, *sums = row
    cohort: Any = int(bucket(np.array([int(born)]), question.grain or Grain.ALL, question.zone, 0)[0])
    if question.by:
        cohort, *sums = unescaped(sums[0]), *sums[1:]
    return [cohort, *(int(value or 0) for value in sums)]


def unescaped(key: str) -> str | None:
    return None if key == "\\" else key.removeprefix("\\")


def from_events(question: Question, names: list[str], results: Results, dataset: Dataset, plan: Plan) -> list[Row]:
    """The answer that a client computes from events; it reads no other columns."""
    cells = zip(*(row for _, rows in results for row in rows), strict=True)
    read = dict(zip([dataset.columns.time.name, *names], cells, strict=True))
    size, columns = max(map(len, read.values())), []
    for field in plan.schema:
        column = pa.array(read.get(field.name, [None] * size), pa.string())
        columns.append((column.cast(pa.int64()) if pa.types.is_timestamp(field.type) else column).cast(field.type))
    table = pa.table(columns, plan.schema.names)
    answer = truth.answer(question, event_store.of(table, dataset.columns))
    times = [c.cast(pa.int64()) if pa.types.is_timestamp(c.type) else c for c in answer.columns]
    return [list(row) for row in zip(*(column.to_pylist() for column in times), strict=True)]


def aggregated(question: Aggregate, client: list[str], results: Results) -> list[Row]:
    """The answer from partial aggregates, and from single values."""
    found = partial(re.findall, string="\n".join(client), flags=re.MULTILINE)
    columns: dict[str, str] = dict(found(r"^A row of (\w+) has (.*\))\.$"))
    columns |= found(r"^A row (has) (.*) of the events between")
    valued = dict(found(r"^A row of (\w+) has .* a value of (\w+) and how often it occurs\.$"))
    totals: dict[Any, dict[str, Any]] = defaultdict(dict)
    values: dict[Any, Counter[str]] = defaultdict(Counter)
    start, end = question.span.milliseconds
    for text, rows in results:
        table = re.findall(r'FROM "\w+"\."(\w+)"', text)[0]
        names = columns.get(table, columns.get("has", "")).split(", ")
        for row in rows:
            if "has" in columns:  # times of one bucket are in the statement
                row = [re.findall(r">= (-?\d+)", text)[0], *row]
            if row[0] is None or not start <= int(row[0]) < end:
                continue
            begins = int(bucket(np.array([int(row[0])]), question.grain, question.zone, start)[0])
            for key in keys(question, begins, list(map(unescaped, row[1 : 1 + len(question.by)]))):
                if table in valued:
                    values[key, valued[table]][row[-2]] += int(row[-1] or 0)
                else:
                    add(totals[key], names, row)
    measures = [[*key, *(measured(m, totals[key], values[key, m.column]) for m in question.measures)] for key in totals]
    return in_order(question, [row for row in measures if row[-1] is not None or len(totals)])


def keys(question: Aggregate, begins: int, by: list[Any]) -> Iterator[tuple[Any, ...]]:
    """The groups of a row, with subtotals."""
    for grouped in grouping_sets(question):
        shown = [value if d in grouped else None for d, value in zip(question.by, by, strict=True)]
        mark = [] if question.subtotals == "none" else [grouping_id(question, grouped)]
        yield (begins, *shown, *mark)


def add(total: dict[str, Any], names: list[str], row: Row) -> None:
    partials = [name for name in names if "(" in name]
    for name, cell in zip(partials, row[len(row) - len(partials) :], strict=True):
        if cell is not None:
            value, merge = int(cell), MERGES.get(name.partition("(")[0])
            total[name] = merge(total.get(name, value), value) if merge else total.get(name, 0) + value


def measured(measure: Measure, total: dict[str, Any], values: Counter[str]) -> Any:
    """A measure from partial aggregates, whose counts leave out NULLs, or from values with their counts."""
    column = measure.column
    match measure.function:
        case Function.DISTINCT:
            return total.get(f"distinct({column})", len([value for value in values if values[value]]))
        case Function.QUANTILE:
            ordered = sorted((int(value), n) for value, n in values.items() if n)
            reached, whole = 0, sum(n for _, n in ordered)
            for value, n in ordered:
                reached += n
                if reached >= (measure.at or 0) * whole:
                    return value
            return None
        case Function.MEAN:
            return total[f"sum({column})"] / total[f"count({column})"] if total.get(f"count({column})") else None
        case Function.SUM:
            return total[f"sum({column})"] if total[f"count({column})"] else None
        case _:
            return total.get(str(measure))


def in_order(question: Aggregate, rows: list[Row]) -> list[Row]:
    names = ["bucket", *question.by, *(["grouping_id"] if question.subtotals != "none" else [])]
    names += map(str, question.measures)
    for name, way in reversed(order(question)):
        place = names.index(name)
        known = sorted((row for row in rows if row[place] is not None), key=itemgetter(place), reverse=way[0] == "d")
        rows = known + [row for row in rows if row[place] is None]
    top = question.top.n if question.top else None
    return [row for _, group in groupby(rows, itemgetter(0)) for row in list(group)[:top]]


def narrower(template: Template, question: Question, plan: Plan) -> Iterator[Values]:
    """The defaults, and dates within them for which the adapter sends the same statements."""
    yield {}
    start, end = template.parameters["start"], template.parameters["end"]
    months = {"start": start.replace(month=start.month % 12 + 1), "end": (end - timedelta(20)).replace(day=1)}
    for values in (months, {"start": start + timedelta(1), "end": end - timedelta(1)}):
        if values["start"] < values["end"] and structure(template.fill(values), plan) == structure(question, plan):
            yield values | ({"minutes": 90} if "minutes" in template.parameters else {})


def structure(question: Question, plan: Plan) -> list[str]:
    path = access_path(question, plan)
    return [type(path).__name__, *(text for part in getattr(path, "parts", ()) for text in part.statements.texts)]


@pytest.mark.parametrize("layout", ["raw", "day", "tuned"])
def test_cqlsh_answers_exported_questions_right(
    layout: str, cassandra_server: Server, home: Path, tmp_path: Path
) -> None:
    dataset, events = sample("flights", home)
    folder = tmp_path / "out"
    with closing(engine_type("cassandra")(cassandra_server, tmp_path, BUDGET)) as engine:
        plan = engine.plan(dataset, dataset.layout(layout), events.statistics)
        questions = exports.write(engine, plan, events, folder)
        asked = []
        try:
            cqlsh(cassandra_server, folder, "schema.cql")
            for template in questions:
                text = (folder / "queries" / f"{template.name}.cql").read_text("utf-8")
                for others in narrower(template, template.fill(), plan):
                    free = {name: value for name, value in others.items() if f"-- {name} = " not in text}
                    asked.append((template, free, filled(text, template, free, events.statistics.first)))
            (folder / "all.cql").write_text("\n".join(text for *_, text in asked), "utf-8")
            printed = iter(rows_of(cqlsh(cassandra_server, folder, "all.cql")))
            for template, values, text in asked:
                statements = [line for line in text.splitlines() if line.startswith("SELECT")]
                results = [(statement, next(printed)) for statement in statements]
                client = [line.removeprefix("-- ") for line in text.split("SELECT")[-1].splitlines()[1:]]
                question = template.fill(values)
                answer = answered(question, client, results, dataset, plan)
                check(question, answer, events, (template.name, values))
        finally:
            engine.drop(plan)
    assert len(asked) > 1.5 * len(questions)
