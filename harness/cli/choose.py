"""The commands that choose a store, or a pair of stores, and that write the choice into a file."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.text import Text

from rollup_bench.errors import RequestError
from rollup_bench.harness.choose.evidence import evidence
from rollup_bench.harness.choose.flips import flips
from rollup_bench.harness.choose.needs import Needs
from rollup_bench.harness.choose.rule import Rule
from rollup_bench.harness.choose.sizes import of_size
from rollup_bench.harness.cli.need_options import given_needs, need_options
from rollup_bench.harness.cli.options import out_option
from rollup_bench.harness.records import comparable, history, streams
from rollup_bench.harness.records.findings import Run
from rollup_bench.harness.records.lines import Cost, Ended
from rollup_bench.harness.records.streams import Record
from rollup_bench.harness.report import decisions
from rollup_bench.harness.report.operations import operations_tables
from rollup_bench.harness.report.site import pages
from rollup_bench.harness.report.tables import doubts
from rollup_bench.harness.report.terminal import console, progress
from rollup_bench.harness.run.home import home
from rollup_bench.workloads.stored import whole

run_argument = click.argument("run", nargs=-1, metavar="[RUN]...")


def _newest() -> Path:
    """Returns the newest complete run that timed something, of the home folder, or else of the folder `results`."""
    for paths in (home().glob("runs/*.jsonl"), Path(history.RESULTS).glob("*/*.jsonl")):
        runs = {path: Run.read(path) for path in paths}
        if complete := [path for path, one in runs.items() if {Ended, Cost} <= set(map(type, one.lines))]:
            return max(complete, key=lambda path: runs[path].header.started)
    raise RequestError("RUN: no complete run was found; make one: rollup-bench run --profile standard")


def _named(names: Sequence[str]) -> dict[str, Run]:
    """Returns the runs with these names, or the newest one if there is none."""
    return {name: history.find(name) for name in names or [str(_newest())]}


def _streams(name: str) -> list[list[Record]]:
    """Returns the lines of the files of streams beside a run, and of those in the home folder."""
    beside = [Path(name).parent / streams.FOLDER] if Path(name).is_file() else []
    return streams.stored([*beside, home() / streams.FOLDER])


def _rule(runs: dict[str, Run], needs: Needs) -> Rule:
    comparable.check_machines(runs)
    found = [evidence(run, name, _streams(name) if needs.follows else ()) for name, run in runs.items()]
    return Rule(of_size(found, needs.rows), needs)


@click.command()
@run_argument
@need_options
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", help="Form of the answer.")
def choose(run: tuple[str, ...], form: str, **options: Any) -> None:
    """Chooses a store, or a pair of stores, for your needs, at the lowest price that the RUNs show.

    Each RUN is named as for `show`; several are of one dataset in several sizes, from three of which other sizes are
    extrapolated. Exit status 1: it refuses to choose, because the needs ask for what was not measured; it then prints
    the command that measures it, if one does.
    """
    runs = _named(run)
    rule = _rule(runs, given_needs(options))
    decided = rule.choose()
    flipped = flips(rule, decided)
    if form == "json":
        click.echo(msgspec.json.format(msgspec.json.encode({"decision": decided, "flips": flipped})))
    else:
        chosen_from = runs[rule.evidence.name]
        for doubt in dict.fromkeys(doubt for one in runs.values() for doubt in doubts(one, rule.needs.engines)):
            console().print(Text(doubt, style="yellow"))
        decisions.decision(rule, decided, flipped, console())
        operations_tables(chosen_from, console(), rule.needs.engines)
    if decided.answer == "refused":
        sys.exit(1)


@click.command()
@run_argument
@need_options
@out_option(help="File to write, new; by default report.html.")
def report(run: tuple[str, ...], out: Path | None, **options: Any) -> None:
    """Writes one HTML file about RUNs, to attach to a decision: needs, choice, figures, queries, machine and scope.

    Each RUN is named as for `show`. The file needs no network, and opens at the choice for your needs.
    """
    path = out or Path("report.html")
    if path.exists():
        raise RequestError(f"{path} exists; give another file with --out, or remove it")
    runs = _named(run)
    rule = _rule(runs, given_needs(options))
    rule.check()
    if rule.evidence.sizes:
        many = f"{rule.evidence.rows:,} events were not measured, and the file has measured figures alone"
        raise RequestError(f"--years, --events-a-day: {many}; give needs of a measured size, or call `choose`")
    with progress() as say:
        text = pages.single(runs, {name: _streams(name) for name in runs}, pages.choice(rule), say)
    path.parent.mkdir(parents=True, exist_ok=True)
    whole(path, lambda part: part.write_text(text, "utf-8"))
    click.echo(f"written to {path}")


commands = (choose, report)
