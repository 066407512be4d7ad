"""Computes what the pages show of a run from its file, the dataset's questions and the engines' READMEs."""

from collections.abc import Sequence
from typing import Any

import msgspec

from rollup_bench.engines import folder
from rollup_bench.harness.choose.evidence import Evidence, evidence
from rollup_bench.harness.records.findings import Run
from rollup_bench.harness.records.lines import Cost, Ended, Fault, Header, Operations, Rounds, of_type, parts
from rollup_bench.harness.records.streams import Record
from rollup_bench.harness.report.cells import CellView, by_question, comparable
from rollup_bench.harness.report.loads import LoadView, load_views
from rollup_bench.harness.report.mixes import MixView, mixes
from rollup_bench.harness.report.operations import ExtraTables, extra_tables
from rollup_bench.harness.report.tables import busy, lasted, loaded_once, noise, unsettled
from rollup_bench.harness.run.verdicts import tolerated
from rollup_bench.workloads import dataset
from rollup_bench.workloads.dataset import Dataset
from rollup_bench.workloads.layouts import TUNED


class QuestionView(msgspec.Struct, frozen=True):
    """A question with its verdicts and figures on all arms; `error` is the largest error that is tolerated.

    `definition` and `parameters` are the question and its defaults as the dataset file writes them; empty if the
    dataset is not known here.
    """

    name: str
    story: str
    kind: str
    error: float
    definition: dict[str, Any]
    parameters: dict[str, Any]
    cells: list[CellView]


class MixedView(msgspec.Struct, frozen=True):
    """A mix with its figures on all arms; `counts` says how often a block contains each question."""

    name: str
    story: str
    counts: dict[str, int]
    arms: list[MixView]


class Words(msgspec.Struct, frozen=True):
    """What an engine is good and bad at, according to the README of its adapter."""

    good: list[str]
    bad: list[str]


class RunSummary(msgspec.Struct, frozen=True):
    """What the list of runs says of a run. `name` is its folder and file under `results`, as in `vm/flights`."""

    name: str
    title: str
    dataset: str
    rows: int
    profile: str
    started: str
    processor: str
    cores: int
    engines: list[str]
    complete: bool
    timed: bool


class RunView(msgspec.Struct, frozen=True):
    """All data of one run that the pages show. `tuned_comparable`: engines can be compared on the layout `tuned`."""

    summary: RunSummary
    header: Header
    option: str  # what `--dataset` takes
    noise: str
    lasted: str  # when the run started and how long it took; empty if unknown
    busy: str  # that other programs kept the machine busy; empty if they did not
    faults: list[Fault]
    loads: list[LoadView]
    mixes: list[MixedView]
    questions: list[QuestionView]
    engines: dict[str, Words]
    operations: list[Operations]
    tables: list[ExtraTables]
    tuned_comparable: bool
    evidence: Evidence | None  # what a choice rests on; None if nothing was timed


def summary(name: str, run: Run) -> RunSummary:
    """Returns the entry of a run in the list of runs."""
    header, data = run.header, dataset.known(run.header.dataset)
    return RunSummary(
        name=name,
        title=data.title if data else header.dataset,
        dataset=header.dataset,
        rows=header.rows,
        profile=header.profile,
        started=header.started,
        processor=str(header.machine.get("processor", "")),
        cores=int(header.machine.get("cores", 0)),
        engines=[engine for engine in header.versions if engine != "rollup-bench"],
        complete=bool(of_type(run.lines, Ended)),
        timed=bool(of_type(run.lines, Rounds)),
    )


def view(name: str, run: Run, file: str, streams: Sequence[Sequence[Record]] = ()) -> RunView:
    """Returns the data that the pages show of a run.

    `name` names the run in addresses of the pages, and `file` in commands that the pages print; `streams` has the lines
    of the files of streams on the same machine.
    """
    data, questions = dataset.known(run.header.dataset), by_question(run)
    arms = [cell.arm for cells in questions.values() for cell in cells]
    return RunView(
        summary=summary(name, run),
        header=run.header,
        option=dataset.option(run.header.dataset),
        noise=". ".join(filter(None, (noise(run), unsettled(run), loaded_once(run)))),
        busy=busy(run),
        lasted=lasted(run),
        faults=of_type(run.lines, Fault),
        loads=load_views(run),
        mixes=[MixedView(mix.question, mix.story, mix.counts, views) for mix, views in mixes(run)],
        questions=[_question(question, data, cells) for question, cells in questions.items()],
        engines={engine: words(engine) for engine in dict.fromkeys(parts(arm)[0] for arm in arms)},
        operations=of_type(run.lines, Operations),
        tables=extra_tables(run),
        tuned_comparable=comparable(run, TUNED),
        evidence=evidence(run, file, streams) if of_type(run.lines, Cost) else None,
    )


def words(engine: str) -> Words:
    """Returns the lists `Good at` and `Bad at` of an engine's README; empty for an engine of another package."""
    path = folder(engine) / "README.md"
    text = path.read_text("utf-8") if path.exists() else ""
    return Words(_list(text, "## Good at"), _list(text, "## Bad at"))


def _question(name: str, data: Dataset | None, cells: list[CellView]) -> QuestionView:
    template = data.questions.get(name) if data else None
    if template is None:
        return QuestionView(name, "", "", 0.0, {}, {}, cells)
    question = template.fill()
    kind = type(question).__name__.lower()
    return QuestionView(name, template.story, kind, tolerated(question), template.body, template.parameters, cells)


def _list(text: str, heading: str) -> list[str]:
    section = text.partition(f"\n{heading}\n")[2].partition("\n## ")[0]
    items = f"\n{section.strip()}".split("\n- ")[1:]
    return [" ".join(item.partition("\n\n")[0].split()) for item in items]
