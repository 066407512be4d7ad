"""Commands that publish a run for others, and that measure a published run again."""

import sys
from collections.abc import Sequence
from pathlib import Path

import click
import msgspec

from rollup_bench.errors import RequestError
from rollup_bench.harness.cli.options import out_option, via_option
from rollup_bench.harness.cli.prepared import prepared
from rollup_bench.harness.records import history
from rollup_bench.harness.records.findings import Run, timings
from rollup_bench.harness.records.lines import parts
from rollup_bench.harness.report import submissions
from rollup_bench.harness.report.comparisons import agreement
from rollup_bench.harness.report.terminal import console, progress
from rollup_bench.harness.run.arms import Say
from rollup_bench.harness.run.home import home
from rollup_bench.harness.run.measure import measure
from rollup_bench.harness.run.profiles import PROFILES, Profile
from rollup_bench.harness.run.request import Request
from rollup_bench.workloads import dataset as datasets
from rollup_bench.workloads.dataset import Dataset
from rollup_bench.workloads.events import Events
from rollup_bench.workloads.pace import Share
from rollup_bench.workloads.stored import whole

dataset_option = click.option("--dataset", help="The TOML file of the run's dataset, if it is not a built-in one.")


@click.command()
@click.argument("run", type=click.Path(path_type=Path, dir_okay=False))
@dataset_option
@out_option(help="File to write; by default in results/, in a folder for the machine.")
def submit(run: Path, dataset: str | None, out: Path | None) -> None:
    """Writes a complete RUN with all that others need to check its figures: dataset, plans, jars, settings, noise."""
    measured = Run.read(run)
    header = measured.header
    path = out or Path("results", submissions.folder_name(measured), f"{header.dataset}-{header.profile}.jsonl")
    if path.exists():
        raise RequestError(f"{path} exists; give another file with --out, or remove it")
    with progress() as say:
        _, events = _events(measured, str(run), dataset, say)
        steps = Share(say, "computing all figures, and again from the samples", 2)
        steps.at(0)
        line = submissions.submission(measured, datasets.file_of(dataset or header.dataset), events, str(run))
        steps.at(1)
        submissions.check(Run(header, [*measured.lines, line]), str(run))
    path.parent.mkdir(parents=True, exist_ok=True)
    whole(path, lambda part: part.write_bytes(run.read_bytes() + msgspec.json.encode(line) + b"\n"))
    click.echo(f"written to {path}; commit it, and the tests check its figures")


@click.command()
@click.argument("run")
@click.argument("question", nargs=-1)
@dataset_option
@via_option
@out_option(help="File of the new run, new or of the same run cut off, which is then resumed.")
def reproduce(run: str, question: tuple[str, ...], dataset: str | None, via: str, out: Path | None) -> None:
    """Times the questions of a recorded RUN again, or only those given, and compares both runs.

    It compares how many times as long one arm takes as another, and which arm is the fastest.

    RUN is named as for `show`. Exit status 1: a ratio or a choice differs.
    """
    published = history.find(run)
    questions = _questions(published, run, question)
    wanted = Run(published.header, [line for line in published.lines if getattr(line, "question", "") in questions])
    with progress() as say:
        data, events = _events(published, run, dataset, say)
        arms = [parts(cell.arm) for cell in timings(wanted)]
        engines, layouts = ([*dict.fromkeys(names)] for names in zip(*arms, strict=True))
        request = Request(
            data,
            events,
            engines,
            [data.layout(name) for name in layouts],
            {name: data.question(name) for name in questions},
            via,
            home(),
            published.header.seed,
            _profile(published, run),
        )
        path, again = measure(request, out, say)
    agrees = agreement(wanted, again, console())
    click.echo(f"recorded in {path}")
    if not agrees:
        sys.exit(1)


def _questions(run: Run, name: str, only: Sequence[str]) -> list[str]:
    """Returns the questions that a run timed on two arms or more, or `only` these."""
    arms: dict[str, set[str]] = {}
    for cell in timings(run):
        arms.setdefault(cell.question, set()).add(cell.arm)
    questions = [question for question, timed in arms.items() if len(timed) > 1]
    for question in only:
        if question not in questions:
            raise RequestError(
                f"QUESTION: {name} did not time {question} on two arms; give one of {', '.join(questions)}"
            )
    if not questions:
        raise RequestError(f"{name}: no question was timed on two arms; give a run with several engines or layouts")
    return list(dict.fromkeys(only)) or questions


def _events(run: Run, name: str, dataset: str | None, say: Say) -> tuple[Dataset, Events]:
    """Returns the dataset of a run, and its events; RequestError if they are not those of the run."""
    header = run.header
    option = datasets.option(header.dataset)
    if dataset is None and option != header.dataset:
        remedy = f"give its file, as in --dataset {option}"
        raise RequestError(f"{name}: {header.dataset} is not a built-in dataset; {remedy}")
    data = datasets.read(dataset or header.dataset)
    if data.source.generator is not None:
        data = data.sized(header.rows, header.seed)
    events = prepared(data, say)
    if header.events and header.events != events.fingerprint:
        raise RequestError(f"{name}: was made from other events of {header.dataset}; give its dataset with --dataset")
    return data, events


def _profile(run: Run, name: str) -> Profile:
    """Returns the profile of a run without figures under load and without crashes, for a file of its own."""
    if run.header.profile not in PROFILES:
        raise RequestError(f"{name}: there is no profile {run.header.profile} any more; give a newer run")
    return msgspec.structs.replace(PROFILES[run.header.profile], load=None, crashes=False, resumes=False)


commands = (submit, reproduce)
