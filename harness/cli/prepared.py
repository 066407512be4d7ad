"""Prepares the events that a command needs."""

from collections.abc import Callable

import click

from rollup_bench.harness.run.home import home
from rollup_bench.workloads import events
from rollup_bench.workloads.dataset import Dataset
from rollup_bench.workloads.events import Events


def prepared(dataset: Dataset, say: Callable[[str], None]) -> Events:
    """The events of a dataset, in the home folder; a line on standard error says how many rows repeat an id."""
    found = events.prepare(dataset, home(), say)
    if again := found.statistics.repeated:
        rows = "1 row repeats" if again == 1 else f"{again:,} rows repeat"
        remedy = "write unique = true under [source] to read only the first of them"
        click.echo(f"{dataset.file}: {rows} the `{dataset.columns.id}` of an earlier row; {remedy}", err=True)
    return found
