"""What tests of exported files share: other values of parameters, and answers of clients held against the truth."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from msgspec.structs import replace

import tests.support.datasets as files
from rollup_bench.engines.contract import Engine
from rollup_bench.harness.conformance.support import kind
from rollup_bench.harness.records.kinds import RIGHT
from rollup_bench.harness.report import exports
from rollup_bench.harness.run import verdicts
from rollup_bench.workloads import answers, truth
from rollup_bench.workloads import dataset as datasets
from rollup_bench.workloads import events as event_store
from rollup_bench.workloads.dataset import Dataset
from rollup_bench.workloads.events import Events
from rollup_bench.workloads.questions import Cohort, Question
from rollup_bench.workloads.templates import Template

OTHERS = {"airport": "LGA", "first": "JFK", "second": "EWR", "third": "LGA", "country": "US", "item": "item-0001"}
ROWS = 5_000
Values = dict[str, Any]
Client = Callable[[Path], AbstractContextManager[Callable[[str, Values], Sequence[Sequence[Any]]]]]
"""Opens an engine's own client in a folder of exported files; it runs the text of a query file with other values."""
Chosen = Callable[[Iterable[Template]], list[Template]]
"""Chooses, from all questions of a dataset, those that are exported and asked."""


def sample(name: str, home: Path) -> tuple[Dataset, Events]:
    """A built-in dataset with some 5,000 of its events."""
    dataset = datasets.read(name).sized(ROWS if name == "game" else None, None)
    events = event_store.prepare(dataset, home)
    whole = pa.Table.from_batches(events.batches())
    return dataset, event_store.of(
        whole.take(pa.array(range(0, len(whole), max(1, len(whole) // ROWS)))), dataset.columns
    )


def other_values(template: Template) -> Iterator[Values]:
    """The defaults, a year earlier, and other parts of the year, all of which begin and end at a day."""
    defaults = template.parameters
    start, end = defaults["start"], defaults["end"]
    moves = [(63, -35)] if end - start > timedelta(150) else [(28, 28), (119, 119)]
    yield {}
    yield {"start": start.replace(year=start.year - 1), "end": end.replace(year=end.year - 1)}
    for first, last in moves:
        values: Values = {"start": start + timedelta(first), "end": end + timedelta(last)}
        if "until" in defaults:
            values["until"] = max(values["end"], defaults["until"])
        values |= {name: OTHERS[name] for name in OTHERS if name in defaults}
        yield values | {name: value + 1 for name, value in defaults.items() if isinstance(value, int)}


def check(question: Question, rows: Sequence[Sequence[Any]], events: Events, asked: object) -> None:
    """Assert that rows are the answer to a question; its times are in milliseconds since 1970, UTC."""
    schema = answers.schema(question, events.statistics.schema)
    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
    verdict = verdicts.check(question, pa.Table.from_arrays(arrays, schema=schema), events)
    assert verdict.kind in RIGHT, (asked, verdict.reason)


def of_each_kind(templates: Iterable[Template]) -> list[Template]:
    """One question of each kind, the last; for engines that compile code for each new statement."""
    return list({kind(template.fill()): template for template in templates}.values())


def check_other_values(
    engine: Engine, arm: str, home: Path, folder: Path, client: Client, written: set[str], chosen: Chosen = list
) -> None:
    """Assert that exported questions are answered right with other values; `written` may be part of statements."""
    name, layout = arm.split("/")
    whole, events = sample(name, home)
    dataset = replace(whole, questions={one.name: one for one in chosen(whole.questions.values())})
    plan = engine.plan(dataset, dataset.layout(layout), events.statistics)
    questions = exports.write(engine, plan, events, folder)
    asked = 0
    with client(folder) as answered:
        for template in questions:
            text = (folder / "queries" / f"{template.name}.sql").read_text("utf-8")
            fixed = {name for name in template.parameters if f"-- {name} = " in text}
            assert fixed <= written, template.name
            tables = engine.support(template.fill(), plan).tables
            for values in other_values(template):
                free = {name: value for name, value in values.items() if name not in fixed}
                question = template.fill(free)
                if engine.support(question, plan).tables == tables:
                    rows = answered(text, free)
                    check(question, rows, events, (template.name, free))
                    asked += bool(rows)
    assert asked >= 2 * len(questions) > 0


def exported_texts(engine: Engine, home: Path, folder: Path) -> str:
    """The exported file of a question whose parameter is a list of texts with a backslash and a quote."""
    (folder / "data.csv").write_text("at,who\n2013-01-01,a\n")
    whom = files.SPAN | {"whom": ["a\\", "it's"]}
    file = files.write(folder, files.aggregate("some", "count()", where={"who": {"in": "$whom"}}, parameters=whom))
    dataset = datasets.read(str(file))
    events = event_store.prepare(dataset, home)
    exports.write(engine, engine.plan(dataset, dataset.layout("raw"), events.statistics), events, folder / "out")
    return (folder / "out" / "queries" / "some.sql").read_text("utf-8")


def check_other_seasons(engine: Engine, zone: str, home: Path, folder: Path, client: Client) -> None:
    """Assert that exported questions take times in other seasons, whose clocks differ."""
    first = datetime(2013, 1, 1)
    times = [first + timedelta(hours=5 * i) for i in range(1752)]
    (folder / "data.csv").write_text("\n".join(["at,who", *(f"{time},{i // 2}" for i, time in enumerate(times))]))
    winter = {"start": date(2013, 2, 1), "end": date(2013, 3, 1)}
    file = files.write(
        folder,
        files.aggregate("by-hour", "count()", grain="hour", parameters=winter),
        files.aggregate("by-day", "count()", grain="day", parameters=winter),
        files.cohort("back", "day", 3, until="$until", parameters=winter | {"until": date(2013, 3, 1)}),
        zone=zone,
    )
    dataset = datasets.read(str(file))
    events = event_store.prepare(dataset, home)
    plan = engine.plan(dataset, dataset.layout("raw"), events.statistics)
    exports.write(engine, plan, events, folder / "out")
    with client(folder / "out") as answered:
        for template in dataset.questions.values():
            text = (folder / "out" / "queries" / f"{template.name}.sql").read_text("utf-8")
            for start, end in [("2013-07-01", "2013-07-09"), ("2013-03-10T00:30", "2013-11-03T01:00")]:
                values: Values = {"start": datetime.fromisoformat(start), "end": datetime.fromisoformat(end)}
                values |= {"until": values["end"]} if "until" in template.parameters else {}
                rows = answered(text, values)
                assert rows
                check(template.fill(values), rows, events, (template.name, values))


def set_to(text: str, values: Values, form: str) -> str:
    """A query file with other values, as a person would write them at its top, where `form` sets the variable {}."""
    for name, value in values.items():
        literal = str(value) if isinstance(value, int) else f"'{value}'"
        text, found = re.subn(f"{form.format(name)} = .*;", f"{form.format(name)} = {literal};", text)
        assert found == 1
    return text


def cohort_answer(question: Cohort, rows: Sequence[Sequence[Any]]) -> list[list[Any]]:
    """The answer from rows of a cohort (times in milliseconds since 1970), an age, and sums, `rows` the first."""
    ages, sums = range(question.age.count), dict[tuple[Any, int], list[int]]()
    for cohort, age, *parts in rows:
        known = sums.get((cohort, age), [0] * len(parts))
        sums[cohort, age] = [one + (other or 0) for one, other in zip(known, parts, strict=True)]
    cohorts = sorted({cohort for cohort, _ in sums}, key=lambda cohort: (cohort is None, cohort))
    answer = []
    for cohort in cohorts:
        ended = int(truth.ages.ended(question, np.array([cohort]) if question.grain else None)[0])
        for age in ages[: max(ended, 0)]:
            added = [age]
            if question.retention == "unbounded":
                added = [other for one, other in sums if one == cohort and other >= age]
            elif question.cumulative:
                added = list(range(age + 1))
            there = [sums[cohort, other] for other in added if (cohort, other) in sums]
            answer.append([cohort, sums[cohort, -1][0], age, _value(question, there)])
    return answer


def _value(question: Cohort, parts: list[list[int]]) -> int | None:
    if question.measure and question.measure.column:  # sum(x) after count(x)
        return sum(part[-1] for part in parts) if sum(part[-2] for part in parts) else None
    return sum(part[-1] for part in parts)
