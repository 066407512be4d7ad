"""The command line."""

import os
import shlex
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import click

from rollup_bench.engines.registry import engine_type, names
from rollup_bench.errors import RequestError
from rollup_bench.harness.cli import describe, servers
from rollup_bench.harness.cli.options import (
    blaming,
    dataset_option,
    engine_argument,
    engine_option,
    engines_option,
    layout_option,
    layouts_of,
    layouts_option,
    out_option,
    questions_option,
    rows_option,
    seed_option,
    separator_option,
    via_option,
)
from rollup_bench.harness.records import history
from rollup_bench.harness.records.compare import compare
from rollup_bench.harness.records.records import Ended, Verdict, of_type
from rollup_bench.harness.report import first_look, formats, tables
from rollup_bench.harness.report.terminal import Group, console, ended, printed, progress
from rollup_bench.harness.run import arms as running
from rollup_bench.harness.run import dashboard as dashboards
from rollup_bench.harness.run.home import home
from rollup_bench.harness.run.measure import measure
from rollup_bench.harness.run.profiles import PROFILES, Profile
from rollup_bench.harness.run.request import Request
from rollup_bench.harness.run.verdicts import RIGHT, Kind
from rollup_bench.workloads import answers, generated
from rollup_bench.workloads import dataset as datasets
from rollup_bench.workloads import events as event_store
from rollup_bench.workloads.dataset import Dataset
from rollup_bench.workloads.questions import Question
from rollup_bench.workloads.templates import Template


@click.group(
    cls=Group,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(package_name="rollup-bench")
def cli() -> None:
    """Asks the same roll-ups and cohorts of several engines, checks every answer, times the right ones."""


@cli.command()
@dataset_option
@engines_option
@layouts_option
@questions_option
@via_option
@click.option(
    "--profile",
    type=click.Choice(list(PROFILES)),
    help="Measures for claims and keeps the run; without it, a first look.",
)
@rows_option
@seed_option
@out_option(help="The run's file, gone on with if cut off.")
def run(
    dataset: str,
    engines: list[str],
    kept: list[str],
    questions: list[str],
    via: str,
    profile: str | None,
    rows: int | None,
    seed: int | None,
    out: Path | None,
) -> None:
    """Asks a dataset's questions of engines, checks each answer against the truth and times the right ones."""
    asked = datasets.read(dataset)
    kept = layouts_of(asked, kept)
    sizes = PROFILES[profile].rows if profile and rows is None and asked.source.generator else (rows,)
    with blaming("--questions"):
        for name in questions:
            asked.question(name)
    if out and not profile:
        raise RequestError("--out is for a run that is kept: give --profile check, quick, standard or full as well")
    if out and len(sizes) > 1:
        raise RequestError(f"--out holds one run, and {profile} makes {len(sizes)}: give --rows, or leave --out out")
    if not profile:
        given = {"--dataset": dataset, "--rows": rows, "--seed": seed, "--via": None if via == "native" else via}
        data = [str(part) for pair in given.items() if pair[1] is not None for part in pair]
        _look(asked.sized(rows, seed), data, engines, kept, questions, via)
        return
    for size in sizes:
        sized = asked.sized(size, seed)
        _measure(sized, engines, kept, questions, via, PROFILES[profile], 1 if seed is None else seed, out)


def _look(asked: Dataset, data: list[str], engines: list[str], kept: list[str], questions: list[str], via: str) -> None:
    with progress() as say:
        events = event_store.prepare(asked, home(), say)
        cells, lost = running.run(asked, events, engines, kept, questions, via, home(), say)
    first_look.run_table(asked, cells, running.budget(), console())
    for line in lost:
        click.echo(f"rollup-bench: {line}", err=True)
    if cells:
        _next(asked, data, engines, cells)
    if lost or any(c.verdict.kind in (Kind.WRONG, Kind.FAILED) for c in cells):
        sys.exit(1)


def _measure(
    asked: Dataset,
    engines: list[str],
    kept: list[str],
    questions: list[str],
    via: str,
    profile: Profile,
    seed: int,
    out: Path | None,
) -> None:
    with progress() as say:
        events = event_store.prepare(asked, home(), say)
        request = Request(asked, events, engines, kept, questions, via, home(), seed, profile)
        path, found = measure(request, out, say, anew=len(profile.rows) == 1)
    tables.run_table(found, console())
    click.echo(f"kept in {path}")
    wrong = any(one.verdict in ("wrong", "failed") for one in of_type(found.lines, Verdict))
    if wrong or not of_type(found.lines, Ended):
        sys.exit(1)


@cli.command()
@click.argument("run")
def show(run: str) -> None:
    """Prints a RUN that is kept: a file, a COMMIT, or COMMIT:FILE under results."""
    tables.run_table(history.find(run), console())


@cli.command(name="compare")
@click.argument("first")
@click.argument("second")
def compare_(first: str, second: str) -> None:
    """Says which changes between two runs are real: each a file, a COMMIT, or COMMIT:FILE under results."""
    tables.comparison_table(compare(history.find(first), history.find(second)), console())


class _Asked(NamedTuple):
    """What the options of a question come to."""

    dataset: Dataset
    template: Template
    values: dict[str, Any]
    engine: str
    layout: str
    via: str

    @property
    def question(self) -> Question:
        return self.template.fill(self.values)


def _question_options(command: Callable[..., None]) -> Callable[..., None]:
    """Gives the command what is asked."""

    @wraps(command)
    def called(
        question: str,
        dataset: str,
        engine: str,
        layout: str,
        via: str,
        rows: int | None,
        seed: int | None,
        given: tuple[str, ...],
        **others: Any,
    ) -> None:
        command(_Asked(*_asked(question, dataset, layout, rows, seed, given), engine, layout, via), **others)

    for option in (
        click.option("--set", "given", multiple=True, metavar="NAME=VALUE", help="A parameter of the question."),
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


@cli.command()
@_question_options
@click.option("--format", "form", type=click.Choice(["table", "csv", "json", "arrow"]), default="table")
def ask(asked: _Asked, form: str) -> None:
    """Asks one QUESTION, written as its name or DATASET/NAME."""
    dataset, template, values, engine, layout, via = asked
    question = asked.question
    with progress() as say:
        events = event_store.prepare(dataset, home(), say)
        with blaming(f"question {template.name}"):
            answer, arm = running.ask(dataset, events, engine, layout, question, via, home(), say)
    if form != "table":
        formats.write(answer, form, template.name, template.parameters | values, arm)
        return
    shown = ", ".join(f"{k}={v}" for k, v in (template.parameters | values).items())
    zone = getattr(question, "zone", "UTC")
    title = f"{template.story or template.name}\n{dataset.name}/{template.name}  {shown}, in {zone}  by {arm.name}"
    first_look.answer_table(answer, title, zone, console())


@cli.command()
@_question_options
def explain(asked: _Asked) -> None:
    """Shows what an engine is sent for a QUESTION, what it was loaded with, and what the client finishes."""
    dataset, template, _, engine, layout, via = asked
    question = asked.question
    with progress() as say:
        events = event_store.prepare(dataset, home(), say)
        with blaming(f"question {template.name}"):
            answers.schema(question, events.shape.schema)
        with running.opened([engine], via, home(), say) as (one,):
            plan, support = running.supported(one, dataset, events, layout, question)
            text = one.explain(question, plan)
    click.echo(f"-- {engine} {one.version}, layout {layout}: aggregated {support.where}")
    click.echo(f"-- kept as\n{plan.text}\n\n-- asked\n{text}")


@cli.command()
@click.argument("name")
@dataset_option
@engine_option
@layout_option
@rows_option
@seed_option
@via_option
def dashboard(name: str, dataset: str, engine: str, layout: str, rows: int | None, seed: int | None, via: str) -> None:
    """Asks all questions of a dashboard at once; NAME is that of the dashboard or DATASET/NAME."""
    if "/" in name:
        dataset, _, name = name.rpartition("/")
    asked = datasets.read(dataset).sized(rows, seed)
    templates = asked.dashboard(name)
    with blaming("--layout"):
        asked.layout(layout)
    with progress() as say:
        events = event_store.prepare(asked, home(), say)
        with running.opened([engine], via, home(), say) as there:
            (arm,) = running.arms(there, [layout], events, asked, home(), say)
            found = dashboards.shown(arm, templates, events, 1 if seed is None else seed, say)
    first_look.run_table(asked, found.cells, running.budget(), console())
    first_look.dashboard_line(found, console())
    if any(c.verdict.kind in (Kind.WRONG, Kind.FAILED) for c in found.cells):
        sys.exit(1)


@cli.command()
@engine_argument
@via_option
@click.option("--examples", default=300, show_default=True, type=click.IntRange(1), help="How many random questions.")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table")
def verify(engine: str, via: str, examples: int, form: str) -> None:
    """Puts an ENGINE through the conformance kit: what it must show before its figures mean anything."""
    try:
        from rollup_bench.harness.conformance import report as conformance
        from rollup_bench.harness.conformance.subject import Subject
        from rollup_bench.harness.report import kit
    except ModuleNotFoundError as error:
        raise RequestError(
            f"verify needs the Python package {error.name}: make all, or pip install 'rollup-bench[verify]'"
        ) from None
    with progress() as say, running.opened([engine], via, home(), say) as (one,):
        shown = conformance.verified(Subject(one, home(), examples), say=printed(say))
    if form == "json":
        click.echo(conformance.encoded(shown))
    else:
        kit.show(shown, console())
    if not shown.passed:
        sys.exit(1)


@cli.command(name="list")
@click.argument("what", type=click.Choice(["engines", "datasets", "questions", "layouts"]))
@dataset_option
def list_(what: str, dataset: str) -> None:
    """Lists engines, datasets, or the questions or layouts of a dataset."""
    first_look.listing(what, _listed(what, dataset), console())
    if what == "layouts":
        console().print(first_look.layouts_by_question(datasets.read(dataset)))


def _listed(what: str, dataset: str) -> list[tuple[str, str]]:
    match what:
        case "engines":
            return [(name, _engine_line(name)) for name in names()]
        case "datasets":
            return [(name, datasets.read(name).title) for name in datasets.built_in()]
        case "questions":
            return [(t.name, t.story) for t in datasets.read(dataset).questions.values()]
        case _:
            return [(name, layout.summary) for name, layout in datasets.read(dataset).layouts.items()]


def _engine_line(name: str) -> str:
    try:
        return engine_type(name).scope
    except RequestError as error:
        return str(error)


@cli.group(cls=Group, invoke_without_command=True)
def data() -> None:
    """Works on data."""


@data.command(name="describe")
@click.argument("file", type=click.Path(path_type=Path))
@separator_option
def describe_(file: Path, separator: str) -> None:
    """Drafts the dataset TOML of a FILE, or of a folder of them, on standard output."""
    click.echo(describe.draft(file, separator), nl=False)


@data.command()
@click.argument("dataset")
@rows_option
@seed_option
@out_option(folder=True, required=True, help="The folder of files.")
def make(dataset: str, rows: int | None, seed: int | None, out: Path) -> None:
    """Makes the events of a DATASET to order, as Parquet files; what was cut off goes on."""
    source = datasets.read(dataset).sized(rows, seed).source
    if source.generator is None:
        raise RequestError(f"data make {dataset}: it is not made to order, it has the rows of its files")
    with progress() as say:
        paths = generated.write(source, out, say)
    click.echo(f"{source.rows:,} rows in {len(paths)} files in {out}")


def _asked(
    question: str, dataset: str, layout: str, rows: int | None, seed: int | None, given: tuple[str, ...]
) -> tuple[Dataset, Template, dict[str, Any]]:
    if "/" in question:
        dataset, _, question = question.rpartition("/")
    asked = datasets.read(dataset).sized(rows, seed)
    template = asked.question(question)
    with blaming("--layout"):
        asked.layout(layout)
    values = {}
    for one in given:
        name, equals, text = one.partition("=")
        if not equals:
            raise RequestError(f"--set {one} is not NAME=VALUE, as in start=2013-06-01")
        values[name] = template.parse(name, text)
    return asked, template, values


def _next(asked: Dataset, data: list[str], engines: list[str], cells: list[running.Cell]) -> None:
    """What to try then, of what was answered right, with rows where there is such."""
    right = [cell for cell in cells if cell.verdict.kind in RIGHT]
    if not right:
        return
    best = max(right, key=lambda cell: bool(cell.rows))
    given = asked.question(best.question).parameters
    dates = [part for name in ("start", "end") for part in ("--set", f"{name}={given[name].isoformat()}")]
    about = [best.question, *data, "--engine", best.arm.engine.name, "--layout", best.arm.plan.layout.name]
    commands = [["ask", *about, *dates], ["explain", *about]]
    if len(engines) == 1:
        commands.append(["run", *data, "--engines", "duckdb,druid,cassandra"])
    click.echo("\nNext:")
    for command in commands:
        click.echo(f"  {shlex.join([sys.argv[0], *command])}")


for command in servers.commands:
    cli.add_command(command)


def main() -> None:
    """Runs the command line."""
    ended(lambda: cli(prog_name="rollup-bench", standalone_mode=False))


def program() -> NoReturn:
    """The command line as a process, which ends at once: Python aborts where a library's thread still reads ahead."""
    status: Any = 0
    try:
        main()
    except SystemExit as end:
        status = end.code or 0
    for stream in filter(None, (sys.stdout, sys.stderr)):
        stream.flush()
    os._exit(status)
