"""Commands that record a run, print a run, and compare two runs."""

import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from rollup_bench.engines.registry import engine_type
from rollup_bench.errors import RequestError
from rollup_bench.harness.cli.options import (
    blaming,
    dataset_option,
    engines_option,
    layouts_of,
    layouts_option,
    out_option,
    questions_option,
    rows_option,
    seed_option,
    spark_option,
    via_option,
)
from rollup_bench.harness.cli.prepared import prepared
from rollup_bench.harness.records import comparable, history
from rollup_bench.harness.records.findings import Run
from rollup_bench.harness.records.kinds import RIGHT
from rollup_bench.harness.records.lines import Ended, Verdict, of_type, parts
from rollup_bench.harness.report import tables
from rollup_bench.harness.report.comparisons import comparison
from rollup_bench.harness.report.files import show_file
from rollup_bench.harness.report.terminal import console, progress
from rollup_bench.harness.run import spark
from rollup_bench.harness.run.home import home
from rollup_bench.harness.run.measure import measure
from rollup_bench.harness.run.profiles import PROFILES
from rollup_bench.harness.run.request import Request
from rollup_bench.workloads import dataset as datasets
from rollup_bench.workloads.dataset import Dataset

LOAD_ON = "Where events are loaded: by this process, or by tasks of Spark, one for each file of the events."
PROFILE = "How much to measure, in this order: check (times nothing), look, quick, standard, full (a night)."


@click.command()
@dataset_option
@engines_option
@layouts_option
@questions_option
@via_option
@click.option("--profile", type=click.Choice(list(PROFILES)), default="look", show_default=True, help=PROFILE)
@rows_option
@seed_option
@out_option(help="File of the run, new or of the same run cut off, which is then resumed.")
@spark_option("--load-on", help=LOAD_ON)
def run(
    dataset: str,
    engines: list[str],
    layouts: list[str],
    questions: list[str],
    via: str,
    profile: str,
    rows: int | None,
    seed: int | None,
    out: Path | None,
    load_on: str | None,
) -> None:
    """Checks and times engines' answers to a dataset's questions. Wrong answers are not timed."""
    chosen, base = PROFILES[profile], datasets.read(dataset)
    sizes = chosen.rows if chosen.rows and rows is None and base.source.generator else (rows,)
    if out and len(sizes) > 1:
        many = f"--profile {profile} makes {len(sizes)} runs"
        raise RequestError(f"--out names the file of one run, but {many}: add --rows, or remove --out")
    wanted = layouts_of(base, layouts)
    with blaming("--questions"):
        templates = {name: base.question(name) for name in questions or base.questions}
    if load_on is not None:
        _check_divides(engines, profile)
    complete = True
    for size in sizes:
        with progress() as say, spark.optional("--load-on", load_on, home(), say) as connection:
            sized = base.sized(size, seed)
            events = prepared(sized, say)
            request = Request(
                sized, events, engines, wanted, templates, via, home(), 1 if seed is None else seed, chosen, connection
            )
            path, measured = measure(request, out, say)
        tables.run_table(measured, console())
        click.echo(f"recorded in {path}")
        complete = complete and _complete(measured)
    if profile == "look":
        _suggest(measured, base, {"--dataset": dataset, "--rows": rows, "--seed": seed}, via, engines)
    if not complete:
        sys.exit(1)


def _check_divides(engines: Sequence[str], profile: str) -> None:
    """Raises RequestError unless tasks of Spark can load all of the engines, and the profile times no loads."""
    for engine in engines:
        if not engine_type(engine).divides:
            raise RequestError(f"--load-on: one process loads all events into {engine}; leave it out of --engines")
    if PROFILES[profile].effort.launches > 1:
        raise RequestError(f"--load-on: --profile {profile} compares times of loads; give --profile look or check")


def _complete(measured: Run) -> bool:
    """Returns whether the run measured all that its profile demands and no answer was wrong."""
    wrong = any(line.verdict == "wrong" for line in of_type(measured.lines, Verdict))
    return bool(of_type(measured.lines, Ended)) and not wrong


@click.command()
@click.argument("run")
def show(run: str) -> None:
    """Prints the tables of a recorded RUN: a file, COMMIT:FILE, or a commit whose results/ hold one run.

    RUN may also be a file that `follow` or an experiment wrote.
    """
    show_file(run, console())


@click.command(name="compare")
@click.argument("first")
@click.argument("second")
def compare_(first: str, second: str) -> None:
    """Says which times changed from run FIRST to run SECOND; each is named as for `show`.

    If the runs are of different machines, budgets or numbers of nodes, only ratios of arms
    and the fastest arms are compared.
    """
    before, after = history.find(first), history.find(second)
    comparable.check(before, after, (first, second))
    comparison(before, after, console())


def _suggest(measured: Run, dataset: Dataset, data_options: Mapping[str, object], via: str, engines: list[str]) -> None:
    """Prints commands to try next, about a question with a right answer, if possible one whose answer has rows."""
    right = [line for line in of_type(measured.lines, Verdict) if line.verdict in RIGHT]
    if not right:
        return
    best = max(right, key=lambda line: bool(line.rows))
    chosen = {**data_options, "--via": None if via == "native" else via}
    options = [str(part) for name, value in chosen.items() if value is not None for part in (name, value)]
    values = dataset.question(best.question).parameters
    dates = [part for name in ("start", "end") for part in ("--set", f"{name}={values[name].isoformat()}")]
    engine, layout = parts(best.arm)
    asked = [best.question, *options, "--engine", engine, "--layout", layout]
    commands = [["ask", *asked, *dates], ["explain", *asked]]
    if len(engines) == 1:
        commands.append(["run", *options, "--engines", "duckdb,druid,cassandra"])
    click.echo("\nNext:")
    for command in commands:
        click.echo(f"  {shlex.join([sys.argv[0], *command])}")


commands = (run, show, compare_)
