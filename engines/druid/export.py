"""A dataset as files for Druid's HTTP interface: ingestion tasks, events, and bodies of SQL requests."""

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any, cast

import msgspec

from rollup_bench.engines.client_aggregation import partials, value_columns
from rollup_bench.engines.contract import Plan
from rollup_bench.engines.druid import bitmap_retention, exact_quantiles, ingest, loading, sql
from rollup_bench.engines.druid.client import PATH, payload
from rollup_bench.engines.druid.cohort_tables import CohortTable
from rollup_bench.engines.druid.datasource import Datasource
from rollup_bench.engines.druid.funnel_tables import FunnelTable
from rollup_bench.engines.druid.loading import Load
from rollup_bench.engines.druid.planning import Table
from rollup_bench.engines.druid.sql import Statement
from rollup_bench.engines.exports import (
    Forms,
    added_up,
    cohort_limits,
    described,
    null_or_zero,
    traced,
    write_text,
    zone,
)
from rollup_bench.engines.ordering import order
from rollup_bench.workloads.measures import Function
from rollup_bench.workloads.questions import Aggregate, Cohort, Funnel, Grain, Question, milliseconds
from rollup_bench.workloads.specs import instant
from rollup_bench.workloads.templates import Template

USAGE = f"""\
1. settings/ holds the configuration of the servers, with ${{...}} for ports and folders; memory.txt lists their memory.

2. Load the events, once: post each task in ingestion/ to the router, here at localhost:8888. The reply has the id of
   the task; wait until its status is SUCCESS. If Druid finds this folder elsewhere, change `baseDir` in the tasks.

     curl -H "Content-Type: application/json" -d @ingestion/NAME.json http://localhost:8888/druid/indexer/v1/task
     curl http://localhost:8888/druid/indexer/v1/task/ID/status

3. Ask a question:

     curl -H "Content-Type: application/json" -d @queries/NAME.json http://localhost:8888{PATH}

   In the file, `about` describes the question, and `client` says what to do with the rows that Druid returns. The name
   of each of its parameters says what the value is. To ask about another date, change all values whose name begins with
   that of the date. This prints the milliseconds since 1970 of a local time:

     TZ=America/New_York date -d "2013-06-01 00:00" +%s000

   The first row names the columns. The columns `bucket` and `cohort` by time are milliseconds since 1970, UTC.
"""
Write = Callable[[Question, Plan], Statement]
CALENDAR = {
    Grain.DAY: "days since 0000-12-31",
    Grain.WEEK: "weeks, from Monday, since 0000-12-25",
    Grain.MONTH: "12 * year + month",
    Grain.QUARTER: "4 * year + quarter",
    Grain.YEAR: "year",
}
"""How the number of a local day, week, month, quarter or year is computed."""


def write_task(load: Load, folder: Path) -> None:
    """Writes the task of a load without an id, so that Druid gives it a new one whenever it is posted."""
    task = ingest.task("", load.spec, loading.files_in(load.folder, shares_disk=True))
    _write_json(folder / "ingestion" / f"{load.source}.json", {key: task[key] for key in task if key != "id"})


def write_query(template: Template, plan: Plan, statement: Write, table: Table, folder: Path) -> None:
    """Writes a question as the body of a request to Druid's SQL interface; `statement` writes its SQL."""
    question = template.fill()

    def bound(asked: Question) -> tuple[str, list[Any]]:
        query = statement(asked, plan)
        return query.text, query.values

    text, values, written = traced(template, bound, lambda name, value: _forms(name, value, question, zone(template)))
    body: dict[str, Any] = payload(text, [cast(Any, value.default) for value in values])
    body["parameters"] = [
        ({"name": value.form} if value.form else {}) | parameter
        for value, parameter in zip(values, body["parameters"], strict=True)
    ]
    about = [*described(template, plan, written), *_limits(question, table)]
    notes = {"about": about, "client": list(_work(question, table))}
    _write_json(folder / "queries" / f"{template.name}.json", notes | body | {"header": True})


def _work(question: Question, table: Table) -> Iterator[str]:
    """Sentences that say what a client does with the rows that Druid returns."""
    if isinstance(question, Aggregate) and isinstance(table, Datasource):
        yield from _aggregate_work(question, table)
    elif isinstance(question, Cohort) and isinstance(table, Datasource):
        yield from _cohort_work(question, table)
    elif isinstance(question, Cohort) and isinstance(table, CohortTable):
        columns = ", ".join(table.sums(question))
        yield f"A row has a cohort, an age, and the sums rows{f', {columns}' if columns else ''}."
        yield from added_up(question)
    elif isinstance(question, Funnel) and isinstance(table, FunnelTable):
        yield from _funnel_work(question, table)


def _aggregate_work(question: Aggregate, datasource: Datasource) -> Iterator[str]:
    """Sentences that say what a client does with the rows of an aggregate."""
    if exact_quantiles.applies(question, datasource):
        yield from _ranking_work(question)
    if question.grain is Grain.ALL:
        yield "All rows belong to one bucket, which begins at `start`."
    for measure in question.measures:
        if measure.function is Function.SUM and datasource.wide(measure.column):
            yield f"{measure} is the column `{measure}` times 2^32 plus the column `{measure}, low`."
    ways = ", ".join(f"{name} {way}" for name, way in order(question))
    yield f"Sort the rows by {ways}; NULL is last, and texts are sorted by code point."
    if sql.client_cuts(question, datasource) and question.top:
        yield f"Keep the first {question.top.n} rows of each bucket."


def _ranking_work(question: Aggregate) -> Iterator[str]:
    """Sentences that say how a client computes measures from the counted values of each group."""
    values = value_columns(question.measures)
    heads = ["bucket"] if question.grain is not Grain.ALL else []
    columns = [*heads, *question.by, *(f"a value of {name}" for name in values), *map(str, partials(question.measures))]
    yield f"A row counts events: {', '.join(columns)}."
    groups = ", ".join([*heads, *question.by]) or "all rows"
    yield f"Merge the rows of each group ({groups}): add up counts and sums, take the least min and the largest max."
    yield "mean(x) is sum(x) by count(x); distinct(x) is the number of values of x but NULL."
    yield "quantile(x, q) is the least value of x such that its count() and that of lesser values are q of all or more."
    yield "Rows whose x is NULL do not count in this."


def _cohort_work(question: Cohort, datasource: Datasource) -> Iterator[str]:
    """Sentences that say what a client does with the rows of a cohort."""
    if bitmap_retention.applies(question):
        yield "A row has a cohort, how many of its ages have ended, its size, and its value at each age from 0."
        yield "Keep as many ages as have ended, and sort by cohort and age; NULL is last."
        return
    yield "A row has a cohort, how many of its ages have ended, an age, the number of births, and a value at that age."
    if question.measure and datasource.wide(question.measure.column):
        yield "The value is n0 times 2^32 plus n1."
    yield "The size of a cohort is the sum of `born` over its rows; leave out values without an age."
    yield f"The value at an age without a row is {null_or_zero(question)}."
    if question.retention == "unbounded":
        yield "Add to the value at each age the values at all later ages."
    elif question.cumulative:
        yield "Add to the value at each age the values at all earlier ages."
    yield f"Keep the ages from 0 to {question.age.count - 1} that have ended, and sort by cohort and age; NULL is last."


def _funnel_work(question: Funnel, table: FunnelTable) -> Iterator[str]:
    """Sentences that say what a client does with the rows of a funnel."""
    order = ["its order"] if table.events.order else []
    named = ", ".join([*table.dimensions, "the time of step 1", *order])
    yield f"A row is an entry: {named}, and the times of later steps, of {len(question.steps)} in all."
    yield f"It reaches the steps whose time is before `end` and at most {question.window} seconds after that of step 1."
    earliest = "the earliest by time and order" if order else "the earliest"
    first = ", and among these the first by ".join([earliest, *filter(None, [", ".join(question.by)])])
    yield f"For each {table.subject}, keep the entry that reaches most steps; among several, {first}; NULL is last."
    keys = ", ".join([*question.by, "step"])
    yield f"For each {keys} from 1 to {len(question.steps)}, count the entries that reach the step."
    yield f"Sort by {keys}; NULL is last."


def _limits(question: Question, table: Table) -> Iterator[str]:
    """Lines about the dates that a table other than that of the events serves."""
    if isinstance(table, CohortTable):
        yield from cohort_limits(question, table.statistics)
    elif isinstance(table, Datasource) and table.layout.grain not in (None, Grain.ALL):
        yield f"It reads a roll-up with a bucket for each {table.layout.grain}: `start` and `end` must each begin one."
    elif isinstance(question, Cohort) and bitmap_retention.applies(question):
        yield f"`until` must be less than {bitmap_retention.BITS} {question.age.unit}s after `start`."


def _forms(name: str, default: object, question: Question, zone: str) -> Forms:
    """The names of the forms in which a bound value may follow from a parameter."""
    if not isinstance(default, date):
        yield name, lambda value: value
        return
    yield f"{name}, in milliseconds since 1970", lambda value: milliseconds(instant(value, zone))
    if isinstance(question, Cohort) and question.age.unit in CALENDAR:
        computed = f"{name}, as {CALENDAR[question.age.unit]} in {zone}"
        yield computed, lambda value: bitmap_retention.number(question, instant(value, zone))


def _write_json(path: Path, value: object) -> None:
    write_text(path, msgspec.json.format(msgspec.json.encode(value)).decode())
