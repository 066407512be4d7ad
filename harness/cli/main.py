"""The command line."""

import sys
from pathlib import Path
from typing import Any, NoReturn

import click

from rollup_bench.engines.registry import engine_type, names
from rollup_bench.errors import RequestError
from rollup_bench.harness.cli import brokers, choose, exports, follow, questions, results, runs, servers
from rollup_bench.harness.cli.options import (
    dataset_option,
    dates_option,
    engine_argument,
    out_option,
    rows_option,
    seed_option,
    separator_option,
    spark_option,
    via_option,
)
from rollup_bench.harness.describe.draft import draft
from rollup_bench.harness.describe.times import Order
from rollup_bench.harness.report import answers as answer_tables
from rollup_bench.harness.report.terminal import Group, console, ended, printed, progress
from rollup_bench.harness.run import arms as running
from rollup_bench.harness.run import spark
from rollup_bench.harness.run.home import home
from rollup_bench.harness.run.process_end import end_process
from rollup_bench.workloads import dataset as datasets
from rollup_bench.workloads import generated

FORMAT = "Form of the report: a table for people (default), or JSON."
ON = "Where the events are made: in this process, or in tasks of Spark, one for each file."
EXAMPLES = "Number of random questions to answer on raw events, and again on roll-ups."


@click.group(
    cls=Group,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(package_name="rollup-bench")
def cli() -> None:
    """Asks engines the same questions, checks each answer against the truth, and times the engines.

    Answers are timed only if they are right, or wrong by no more than the question tolerates.
    """


@cli.command()
@engine_argument
@via_option
@click.option("--examples", default=300, show_default=True, type=click.IntRange(1), help=EXAMPLES)
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", help=FORMAT)
def verify(engine: str, via: str, examples: int, form: str) -> None:
    """Checks an ENGINE with the conformance kit. Exit status 1: a check found a wrong answer or another fault."""
    try:
        from rollup_bench.harness.conformance import report as conformance
        from rollup_bench.harness.conformance.tested_engine import EngineUnderTest
        from rollup_bench.harness.report import kit
    except ModuleNotFoundError as error:
        raise RequestError(
            f"verify needs the Python package {error.name}: make all, or pip install 'rollup-bench[verify]'"
        ) from None
    with progress() as say, running.opened([engine], via, home(), say) as (opened,):
        report = conformance.verified(EngineUnderTest(opened, home(), examples), say=printed(say))
    if form == "json":
        click.echo(conformance.encoded(report))
    else:
        kit.show(report, console())
    if not report.passed:
        sys.exit(1)


@cli.command(name="list")
@click.argument("what", type=click.Choice(["engines", "datasets", "questions", "layouts"]))
@dataset_option
def list_(what: str, dataset: str) -> None:
    """Lists engines, datasets, or the questions or layouts of a dataset, which --dataset names."""
    answer_tables.listing(what, _listed(what, dataset), console())
    if what == "layouts":
        console().print(answer_tables.layouts_by_question(datasets.read(dataset)))


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
    """Drafts dataset files and writes generated events."""


@data.command()
@click.argument("file", type=click.Path(path_type=Path))
@separator_option
@dates_option
def describe(file: Path, separator: str | None, dates: Order | None) -> None:
    """Prints a draft of a dataset file for the events in FILE. FILE may be a folder of data files."""
    with progress() as say:
        text = draft(file, separator, dates, say)
    click.echo(text, nl=False)


@data.command()
@click.argument("dataset")
@rows_option
@seed_option
@out_option(folder=True, required=True, help="Folder to write the Parquet files to.")
@spark_option("--on", help=ON)
def make(dataset: str, rows: int | None, seed: int | None, out: Path, on: str | None) -> None:
    """Writes the events of a generated DATASET as Parquet files. The same command resumes an interrupted write."""
    source = datasets.read(dataset).sized(rows, seed).source
    if source.generator is None:
        raise RequestError(f"data make {dataset}: the dataset is not generated; name one that is, such as game")
    with progress() as say, spark.optional("--on", on, home(), say) as connection:
        paths = spark.make(connection, source, out, say) if connection else generated.write(source, out, say)
    click.echo(f"{source.rows:,} rows in {len(paths)} files in {out}")


for command in (
    *runs.commands,
    *follow.commands,
    *brokers.commands,
    *choose.commands,
    *results.commands,
    *questions.commands,
    *exports.commands,
    *servers.commands,
):
    cli.add_command(command)


def main() -> None:
    """Runs the command line; an error is one line on standard error, and sets the exit status."""
    ended(lambda: cli(prog_name="rollup-bench", standalone_mode=False))


def program() -> NoReturn:
    """Runs the command line and ends the process."""
    status: Any = 0
    try:
        main()
    except SystemExit as end:
        status = end.code or 0
    end_process(status)
