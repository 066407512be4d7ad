"""What tests of exported files share: other values of parameters, and answers of clients held against the truth."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from rollup_bench.harness.run import verdicts
from rollup_bench.harness.run.verdicts import RIGHT
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
