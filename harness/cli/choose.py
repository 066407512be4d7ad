"""The command that chooses a store, or a pair of stores."""

import sys
from collections.abc import Callable, Sequence
from math import inf, isfinite, log
from pathlib import Path
from typing import Any

import click
import msgspec

from rollup_bench.errors import RequestError
from rollup_bench.harness.choose import needs as wanted
from rollup_bench.harness.choose.evidence import Evidence, evidence
from rollup_bench.harness.choose.flips import flips
from rollup_bench.harness.choose.needs import Needs
from rollup_bench.harness.choose.rule import Rule
from rollup_bench.harness.cli.options import optional_engines
from rollup_bench.harness.records import history
from rollup_bench.harness.records.findings import Run
from rollup_bench.harness.records.lines import Cost, Ended
from rollup_bench.harness.report import decisions
from rollup_bench.harness.report.operations import operations_tables
from rollup_bench.harness.report.terminal import console
from rollup_bench.harness.run.home import home

_AT_LEAST_0, _ABOVE_0 = click.FloatRange(min=0), click.FloatRange(min=0, min_open=True)
_OPTIONS: dict[str, tuple[Any, str]] = {
    "rate": (_ABOVE_0, "Questions a second (1)."),
    "unforeseen": (click.FloatRange(0, 1), "Share of the questions that nobody foresaw, 0 to 1 (0)."),
    "p95-ms": (_ABOVE_0, "Milliseconds within which 95 of 100 answers must arrive (any)."),
    "error": (_AT_LEAST_0, "Largest error of an estimate, as a fraction (as each question tolerates)."),
    "events-a-day": (_AT_LEAST_0, "New events a day (0)."),
    "years": (_ABOVE_0, "Years for which events are kept."),
    "disk-gb": (_ABOVE_0, "Most gigabytes on disk (any)."),
    "load-seconds": (_ABOVE_0, "Most seconds until all events are loaded (any)."),
    "replicas": (click.IntRange(1), "Copies of all events (1)."),
    "nodes": (click.IntRange(1), "Machines of a store (1)."),
    "cpu-hour": (_AT_LEAST_0, "Price of a core for an hour (0.04)."),
    "memory-gb-month": (_AT_LEAST_0, "Price of a gigabyte of memory for a month (3)."),
    "disk-gb-month": (_AT_LEAST_0, "Price of a gigabyte on disk for a month (0.1)."),
    "system-month": (_AT_LEAST_0, "Price of running one system for a month, besides its machine (0)."),
    "cluster-hour": (_ABOVE_0, "Price of a machine like that of the run for an hour, in place of cores and memory."),
}
NEEDS = "TOML file with needs, which the options below override."
ASK = "How often a question is asked, relative to the others (as in the dataset's first mix)."


def _finite(_context: click.Context, _option: click.Parameter, value: float | None) -> float | None:
    if value is not None and not isfinite(value):
        raise click.BadParameter(f"`{value}` is not a finite number")
    return value


def _need_options(command: Callable[..., None]) -> Callable[..., None]:
    """Adds an option for each need and price, in their order."""
    for name, (kind, text) in reversed(_OPTIONS.items()):
        command = click.option(f"--{name}", type=kind, callback=_finite, help=text)(command)
    return command


def _weights(_context: click.Context, _option: click.Parameter, values: Sequence[str]) -> dict[str, float]:
    weights = {}
    for value in values:
        question, _, weight = value.partition("=")
        try:
            weights[question] = float(weight)
        except ValueError:
            raise click.BadParameter(f"`{value}` is not a question and a number, as in carriers=3") from None
        if not 0 < weights[question] < inf:
            raise click.BadParameter(f"`{value}`: a question that is never asked is left out; write a number above 0")
    return weights


def _newest() -> Path:
    """Returns the newest complete run that timed something, of the home folder, or else of the folder `results`."""
    for paths in (home().glob("runs/*.jsonl"), Path(history.RESULTS).glob("*/*.jsonl")):
        runs = {path: Run.read(path) for path in paths}
        if complete := [path for path, one in runs.items() if {Ended, Cost} <= set(map(type, one.lines))]:
            return max(complete, key=lambda path: runs[path].header.started)
    raise RequestError("RUN: no complete run was found; make one: rollup-bench run --profile standard")


def _of_size(found: Sequence[Evidence], needs: Needs) -> Evidence:
    """Returns what was measured with the number of events that is nearest to the needs, or else with the most."""
    datasets = sorted({one.dataset for one in found})
    if len(datasets) > 1:
        raise RequestError(f"RUN: the runs are of different datasets, {', '.join(datasets)}; give runs of one dataset")
    rows = needs.rows
    return min(found, key=lambda one: abs(log(one.rows / rows)) if rows else -one.rows)


@click.command()
@click.argument("run", nargs=-1, metavar="[RUN]...")
@click.option("--needs", "file", type=click.Path(path_type=Path), help=NEEDS)
@click.option("--ask", multiple=True, callback=_weights, metavar="QUESTION=WEIGHT", help=ASK)
@click.option("--engines", default="", callback=optional_engines, metavar="A,B", help="Engines that may be run (any).")
@_need_options
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", help="Form of the answer.")
def choose(
    run: tuple[str, ...], file: Path | None, form: str, ask: dict[str, float], engines: list[str], **values: Any
) -> None:
    """Chooses a store, or a pair of stores, for your needs, at the lowest price that the RUNs show.

    Each RUN is named as for `show`; several are of one dataset in several sizes. Exit status 1: it refuses to choose,
    because the needs ask for what was not measured; it then prints the command that measures it.
    """
    named = list(run) or [str(_newest())]
    found = {name: history.find(name) for name in named}
    given = {**values, "ask": ask or None, "engines": engines or None}
    changes = {name: value for name, value in given.items() if value is not None}
    needs = wanted.changed(wanted.load(file) if file else Needs(), changes)
    rule = Rule(_of_size([evidence(one, name) for name, one in found.items()], needs), needs)
    decided = rule.choose()
    flipped = flips(rule, decided)
    if form == "json":
        click.echo(msgspec.json.format(msgspec.json.encode({"decision": decided, "flips": flipped})))
    else:
        decisions.decision(rule, decided, flipped, console())
        operations_tables(found[rule.evidence.name], console())
    if decided.answer == "refused":
        sys.exit(1)
