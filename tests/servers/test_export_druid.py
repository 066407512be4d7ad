"""Druid answers the requests that `export` writes, and a client makes right answers of its rows as the files say."""

import json
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import datetime
from itertools import accumulate, groupby
from operator import itemgetter
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen
from zoneinfo import ZoneInfo

import pytest

from rollup_bench.engines.contract import Engine, Plan
from rollup_bench.engines.ordering import order
from rollup_bench.engines.registry import engine_type
from rollup_bench.harness.report import exports
from rollup_bench.servers import Server
from rollup_bench.servers.watch import Watch
from rollup_bench.workloads.measures import Function
from rollup_bench.workloads.questions import Aggregate, Cohort, Funnel, Grain, Question, milliseconds
from rollup_bench.workloads.specs import instant
from rollup_bench.workloads.templates import Template
from tests.conftest import BUDGET
from tests.support.exported import Values, check, cohort_answer, other_values, sample

Rows = list[list[Any]]
ALWAYS = "0000-01-01_9999-01-01"


def post(server: Server, path: str, body: bytes | None = None) -> Any:
    """What a Druid server replies to a file that is posted, or to a GET."""
    connection = server.connection
    url = f"http://{connection.hosts[0]}:{connection.port}{path}"
    with urlopen(Request(url, body, {"Content-Type": "application/json"}), timeout=60) as reply:
        text = reply.read()
    return json.loads(text) if text else {}


def ingest(server: Server, folder: Path) -> int:
    """Post all tasks, wait until their segments are served, and return how many rows they have read."""
    bodies = [path.read_bytes() for path in folder.glob("ingestion/*")]
    tasks = [post(server, "/druid/indexer/v1/task", body)["task"] for body in bodies]
    watch = Watch(print, seconds=400)
    for task in tasks:
        while (state := post(server, f"/druid/indexer/v1/task/{task}/status")["status"]["status"]) != "SUCCESS":
            assert state == "RUNNING", post(server, f"/druid/indexer/v1/task/{task}/reports")
            watch.pause(0.5)
    for path in folder.glob("ingestion/*"):
        load = f"/druid/coordinator/v1/datasources/{path.stem}/loadstatus?forceMetadataRefresh=true&interval={ALWAYS}"
        while post(server, load).get(path.stem) != 100.0:
            watch.pause(0.5)
    sources = [Path(json.loads(body)["spec"]["ioConfig"]["inputSource"]["baseDir"]) for body in bodies]
    return sum(len(path.read_bytes().splitlines()) for source in sources for path in source.glob("*.json"))


def served(server: Server, engine: Engine, plan: Plan) -> int | None:
    """How many of the rows that tasks have read are counted by queries."""
    if engine.rows(plan) is None:
        return None
    counts = [{"query": f'SELECT {table.count} AS n FROM "{plan.name}_{table.name}"'} for table in plan.tables]
    return sum(int(post(server, "/druid/v2/sql", json.dumps(count).encode())[0]["n"]) for count in counts)


def filled(body: Any, template: Template, values: Values) -> bytes:
    """The body of a request with other values of its parameters, computed as their names say."""
    zone = template.body["zone"]
    for parameter in body["parameters"]:
        name, _, form = parameter.get("name", "").partition(", ")
        if name in values:
            moment = instant(values[name], zone) if form else None
            parameter["value"] = counted(moment.astimezone(ZoneInfo(zone)), form) if moment else values[name]
    return json.dumps(body).encode()


def counted(moment: datetime, form: str) -> int:
    if form == "in milliseconds since 1970":
        return milliseconds(moment)
    forms = {"days": moment.toordinal(), "weeks,": (moment.toordinal() + 6) // 7, "year": moment.year}
    forms |= {"12": 12 * moment.year + moment.month, "4": 4 * moment.year + (moment.month + 2) // 3}
    return forms[form.split()[1]]


def finished(question: Question, client: list[str], header: list[str], rows: Rows) -> Rows:
    """The answer from the rows of Druid, made as `client` in the file says."""
    if isinstance(question, Cohort) and "an age, and the sums" in client[0]:
        return cohort_answer(question, rows)
    if isinstance(question, Cohort):
        return list(cells(question, rows, "its size" in client[0]))
    if isinstance(question, Funnel):
        return steps(question, rows)
    assert isinstance(question, Aggregate)
    if client[0].startswith("A row counts events"):
        return ranked(question, rows)
    if question.grain is Grain.ALL:
        header, rows = ["bucket", *header], [[question.span.milliseconds[0], *row] for row in rows]
    for name, way in reversed(order(question)):
        place = header.index(name)
        known = sorted((row for row in rows if row[place] is not None), key=itemgetter(place), reverse=way[0] == "d")
        rows = known + [row for row in rows if row[place] is None]
    top = question.top.n if question.top else None
    return [row for _, bucket in groupby(rows, itemgetter(0)) for row in list(bucket)[:top]]


def ranked(question: Aggregate, rows: Rows) -> Rows:
    """The answer to a question by bucket from rows of a group, a value, and count(), count(x) and sum(x)."""
    width, answer = 1 + len(question.by), []
    for key, group in groupby(sorted(rows, key=lambda row: row[:width]), lambda row: row[:width]):
        known = sorted(
            (value, count, total) for value, count, *total in (row[width:] for row in group) if value is not None
        )
        every = sum(count for _, count, _ in known)
        measured = []
        for measure in question.measures:
            upto = accumulate(count for _, count, _ in known)
            least = (value for (value, *_), n in zip(known, upto, strict=True) if n >= (measure.at or 0) * every)
            mean = sum(total[-1] for *_, total in known) / every if measure.function is Function.MEAN else None
            measured.append(mean or next(least))
        answer.append([*key, *measured])
    return answer


def steps(question: Funnel, rows: Rows) -> Rows:
    """The answer from rows of a subject, the dimensions, and the times of all steps."""
    first, end = -len(question.steps), question.span.milliseconds[1]

    def reached(row: list[Any]) -> int:
        latest = min(row[first] + question.window * 1000, end - 1)
        return sum(at is not None and at <= latest for at in row[first:])

    def sorted_by(by: Sequence[Any]) -> list[Any]:
        return [(value is None, value) for value in by]

    best: dict[Any, list[Any]] = {}
    for row in sorted(rows, key=lambda row: (-reached(row), row[first], sorted_by(row[1:first]))):
        best.setdefault(row[0], row)
    counts = Counter((*row[1:first], step) for row in best.values() for step in range(1, reached(row) + 1))
    groups = sorted({tuple(row[1:first]) for row in best.values()}, key=sorted_by)
    return [[*by, step, counts[*by, step]] for by in groups for step in range(1, 1 - first)]


def cells(question: Cohort, rows: Rows, bitmap: bool) -> Iterator[list[Any]]:
    missing, ages = None if question.measure and question.measure.column else 0, range(question.age.count)
    cohorts: dict[Any, tuple[int, int, dict[int, Any]]] = {}
    for cohort, ended, *rest in rows:
        _, size, values = cohorts.get(cohort, (ended, 0, {}))
        size, new = (rest[0], dict(enumerate(rest[1:]))) if bitmap else (size + rest[1], {rest[0]: rest[2]})
        cohorts[cohort] = ended, size, values | new
    for cohort, (ended, size, values) in sorted(cohorts.items(), key=lambda item: (item[0] is None, item[0])):
        for age in ages[: max(ended, 0)]:
            counted = [age] if bitmap else added(question, age)
            there = [values[each] for each in counted if values.get(each) is not None]
            yield [cohort, size, age, sum(there) if there else missing]


def added(question: Cohort, age: int) -> range:
    """The ages whose values add up to the value at an age."""
    first = 0 if question.cumulative else age
    return range(first, question.age.count if question.retention == "unbounded" else age + 1)


@pytest.mark.parametrize("arm", ["flights/raw", "flights/day", "flights/tuned", "cdnow/raw", "game/tuned"])
def test_druid_answers_exported_questions_right(arm: str, druid_server: Server, home: Path, tmp_path: Path) -> None:
    name, layout = arm.split("/")
    dataset, events = sample(name, home)
    with closing(engine_type("druid")(druid_server, tmp_path, BUDGET)) as engine:
        plan = engine.plan(dataset, dataset.layout(layout), events.statistics)
        questions, asked = exports.write(engine, plan, events, tmp_path / "out"), 0
        try:
            rows = ingest(druid_server, tmp_path / "out")
            while served(druid_server, engine, plan) != rows:  # the broker learns of segments later
                time.sleep(0.1)
            for template in questions:
                body = json.loads((tmp_path / "out" / "queries" / f"{template.name}.json").read_bytes())
                for others in other_values(template):
                    values = {
                        n: v for n, v in others.items() if not any(x.startswith(f"{n} = ") for x in body["about"])
                    }
                    question = template.fill(values)
                    if engine.support(question, plan).where:
                        header, *rows = post(druid_server, "/druid/v2/sql", filled(body, template, values))
                        answer = finished(question, body["client"], header, rows)
                        check(question, answer, events, (template.name, values))
                        asked += bool(answer)
        finally:
            engine.drop(plan)
    assert asked >= 2 * len(questions) > 0
