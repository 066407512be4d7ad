"""The command that writes a dataset as files for an engine's own client."""

import shutil
from pathlib import Path

import click

from rollup_bench.errors import RequestError
from rollup_bench.harness.cli.options import (
    blaming,
    dataset_option,
    engine_option,
    layout_option,
    out_option,
    rows_option,
    seed_option,
    via_option,
)
from rollup_bench.harness.cli.prepared import prepared
from rollup_bench.harness.report import exports
from rollup_bench.harness.report.terminal import progress
from rollup_bench.harness.run import arms as running
from rollup_bench.harness.run.home import home
from rollup_bench.servers.budget import budget
from rollup_bench.workloads import dataset as datasets


@click.command()
@click.argument("name", metavar="[DATASET]", required=False)
@dataset_option
@engine_option
@layout_option
@rows_option
@seed_option
@via_option
@out_option(folder=True, help="The new folder for the files; without it, DATASET-ENGINE-LAYOUT.")
def export(
    name: str | None,
    dataset: str,
    engine: str,
    layout: str,
    rows: int | None,
    seed: int | None,
    via: str,
    out: Path | None,
) -> None:
    """Writes a DATASET as files for an engine's own client: tables, settings, events and all questions."""
    data = datasets.read(name or dataset).sized(rows, seed)
    with blaming("--layout"):
        wanted = data.layout(layout)
    folder = out or Path(f"{data.name}-{engine}-{layout}")
    _check_empty(folder)
    server = running.server(engine, via, home(), budget())
    with progress() as say, running.connected({engine: server}, home()) as (opened,):
        events = prepared(data, say)
        say(f"writing {folder}")
        _check_empty(folder)  # again, since another program may have written into it meanwhile
        try:
            written = exports.write(opened, opened.plan(data, wanted, events.statistics), events, folder)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)  # half of the files would only mislead
            raise
    click.echo(f"{len(written)} of {len(data.questions)} questions in {folder}; README.txt says how to use the files")


def _check_empty(folder: Path) -> None:
    if folder.exists() and any(folder.iterdir()):
        raise RequestError(f"--out {folder} is not empty; name a new folder")


commands = (export,)
