"""Commands that ask one engine one question or all questions of a dashboard."""

import sys
from collections.abc import Callable
from functools import wraps
from typing import Any, NamedTuple

import click

from rollup_bench.errors import RequestError
from rollup_bench.harness.cli.options import (
    blaming,
    dataset_option,
    engine_option,
    layout_option,
    rows_option,
    seed_option,
    via_option,
)
from rollup_bench.harness.cli.prepared import prepared
from rollup_bench.harness.records.findings import Run
from rollup_bench.harness.records.kinds import Kind
from rollup_bench.harness.records.lines import Verdict, of_type
from rollup_bench.harness.report import answers as answer_tables
from rollup_bench.harness.report import formats, tables
from rollup_bench.harness.report.terminal import console, progress
from rollup_bench.harness.run import arms as running
from rollup_bench.harness.run import dashboard as dashboards
from rollup_bench.harness.run.home import home
from rollup_bench.harness.run.measure import header
from rollup_bench.harness.run.routes import route
from rollup_bench.servers.budget import budget
from rollup_bench.workloads import answers
from rollup_bench.workloads import dataset as datasets
from rollup_bench.workloads.dataset import Dataset
from rollup_bench.workloads.layouts import Layout
from rollup_bench.workloads.questions import Cohort, Question
from rollup_bench.workloads.templates import Template

FORMAT = "Form of the answer: a table for people (default), CSV, JSON, or an Arrow IPC stream."
VALUES = "Counts of subjects of a cohort, or shares of its size; by default, shares in a terminal, else counts."
SET = "Value of a parameter, as in start=2013-06-01; repeat --set for more."


class _Asked(NamedTuple):
    """A dataset's question, the parameter values from `--set`, the engine and layout to ask, and the value of --via."""

    dataset: Dataset
    template: Template
    values: dict[str, Any]
    engine: str
    layout: Layout
    via: str

    @property
    def question(self) -> Question:
        return self.template.fill(self.values)


def _question_options(command: Callable[..., None]) -> Callable[..., None]:
    """Adds the options that choose a question, engine and layout; the command gets their values as one argument."""

    @wraps(command)
    def called(
        question: str,
        dataset: str,
        engine: str,
        layout: str,
        via: str,
        rows: int | None,
        seed: int | None,
        assignments: tuple[str, ...],
        **others: Any,
    ) -> None:
        if "/" in question:
            dataset, _, question = question.rpartition("/")
        data = datasets.read(dataset).sized(rows, seed)
        template = data.question(question)
        with blaming("--layout"):
            wanted = data.layout(layout)
        command(_Asked(data, template, _values(template, assignments), engine, wanted, via), **others)

    for option in (
        click.option("--set", "assignments", multiple=True, metavar="NAME=VALUE", help=SET),
        layout_option,
        engine_option,
        dataset_option,
        rows_option,
        seed_option,
        via_option,
        click.argument("question"),
    ):
        called = option(called)
    return called


def _values(template: Template, assignments: tuple[str, ...]) -> dict[str, Any]:
    """Returns the values of `--set` by name. RequestError if one is not NAME=VALUE or does not fit its parameter."""
    values = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals:
            raise RequestError(f"--set {assignment} is not NAME=VALUE, as in start=2013-06-01")
        values[name] = template.parse(name, text)
    return values


@click.command()
@_question_options
@click.option("--format", "form", type=click.Choice(["table", "csv", "json", "arrow"]), default="table", help=FORMAT)
@click.option("--values", type=click.Choice(["counts", "shares"]), help=VALUES)
def ask(asked: _Asked, form: str, values: str | None) -> None:
    """Prints an engine's answer to a QUESTION. QUESTION is a name or DATASET/NAME. Loads the layout if needed."""
    dataset, template, given, engine, layout, via = asked
    question = asked.question
    shares = _shares(question, template, values)
    with progress() as say:
        events = prepared(dataset, say)
        with blaming(f"question {template.name}"):
            answer, arm = running.ask(dataset, events, engine, layout, question, via, home(), say)
    if form != "table":
        written = answer_tables.as_shares(answer) if shares else answer
        formats.write(written, form, template.name, template.parameters | given, arm, route(arm, question))
        return
    shown = ", ".join(f"{k}={v}" for k, v in (template.parameters | given).items())
    zone = str(template.body["zone"])
    title = f"{template.story or template.name}\n{dataset.name}/{template.name}  {shown}, in {zone}  by {arm.name}"
    answer_tables.answer_table(answer, question, title, zone, console(), labels=dataset.labels, shares=shares)


def _shares(question: Question, template: Template, values: str | None) -> bool | None:
    """Whether `--values` asks for shares; None if it is not given. RequestError if the question counts no subjects."""
    if values and not (isinstance(question, Cohort) and question.measure is None):
        raise RequestError(f"--values: {template.name} is no cohort that counts subjects; leave out --values")
    return values == "shares" if values else None


@click.command()
@_question_options
def explain(asked: _Asked) -> None:
    """Prints the tables of a load and a QUESTION's query. QUESTION is a name or DATASET/NAME. Needs no server."""
    dataset, template, _, engine, layout, via = asked
    question = asked.question
    with progress() as say:
        events = prepared(dataset, say)
        with blaming(f"question {template.name}"):
            answers.schema(question, events.statistics.schema)
        with running.connected({engine: running.server(engine, via, home(), budget())}, home()) as (one,):
            plan, support = running.supported(one, dataset, events, layout, question)
            query = one.explain(question, plan)
    where = f"{support.where} from {' and '.join(support.tables)}"
    click.echo(f"-- {engine}, layout {layout.name}: aggregated {where}")
    click.echo(f"-- plan\n{plan.text}\n\n-- query\n{query}")


@click.command()
@click.argument("name")
@dataset_option
@engine_option
@layout_option
@rows_option
@seed_option
@via_option
def dashboard(name: str, dataset: str, engine: str, layout: str, rows: int | None, seed: int | None, via: str) -> None:
    """Times the questions of a dashboard, asked all at once. NAME is a key under [dashboards], or DATASET/NAME."""
    if "/" in name:
        dataset, _, name = name.rpartition("/")
    data, seed = datasets.read(dataset).sized(rows, seed), 1 if seed is None else seed
    templates = data.dashboard(name)
    with blaming("--layout"):
        wanted = data.layout(layout)
    with progress() as say:
        events = prepared(data, say)
        with running.opened([engine], via, home(), say) as (opened,):
            arm = running.arm(opened, wanted, data, events, home(), say)
            records, seconds = dashboards.measure(arm, templates, events, seed, say)
            measured = Run(header(data, events, [opened], "dashboard", seed), records)
    tables.dashboard_table(measured, seconds, console())
    if any(line.verdict in (Kind.WRONG, Kind.FAILED) for line in of_type(measured.lines, Verdict)):
        sys.exit(1)


commands = (ask, explain, dashboard)
