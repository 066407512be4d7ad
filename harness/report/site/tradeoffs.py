"""Computes the data of the trade-offs page from a run's file, the dataset's stories and the engines' READMEs."""

import msgspec

from rollup_bench.engines import folder
from rollup_bench.errors import RequestError
from rollup_bench.harness.records.findings import Run
from rollup_bench.harness.records.lines import Header, LoadCost, parts
from rollup_bench.harness.records.loads import mean_loads
from rollup_bench.harness.report import tables
from rollup_bench.harness.report.cells import CellView, by_question
from rollup_bench.harness.report.mixes import MixView, mixes
from rollup_bench.workloads import dataset
from rollup_bench.workloads.dataset import Dataset
from rollup_bench.workloads.questions import Aggregate, Cohort, Funnel, Question


class QuestionView(msgspec.Struct, frozen=True):
    """A question with its verdicts and figures on all arms; `error` is the largest error that is tolerated."""

    name: str
    story: str
    kind: str
    error: float
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


class RunView(msgspec.Struct, frozen=True):
    """All data of one run that the trade-offs page shows."""

    machine: str
    name: str
    title: str
    header: Header
    noise: str
    loads: list[LoadCost]
    mixes: list[MixedView]
    questions: list[QuestionView]
    engines: dict[str, Words]


def view(machine: str, name: str, run: Run) -> RunView:
    """Returns the data that the page shows of a run; `machine` and `name` name the run in the address of the page."""
    data, questions = _dataset(run.header.dataset), by_question(run)
    arms = [cell.arm for cells in questions.values() for cell in cells]
    return RunView(
        machine=machine,
        name=name,
        title=data.title if data else run.header.dataset,
        header=run.header,
        noise=tables.noise(run),
        loads=[load.cost for load in mean_loads(run)],
        mixes=[MixedView(mix.question, mix.story, mix.counts, views) for mix, views in mixes(run)],
        questions=[_question(question, data, cells) for question, cells in questions.items()],
        engines={engine: words(engine) for engine in dict.fromkeys(parts(arm)[0] for arm in arms)},
    )


def words(engine: str) -> Words:
    """Returns the lists `Good at` and `Bad at` of an engine's README; empty for an engine of another package."""
    path = folder(engine) / "README.md"
    text = path.read_text("utf-8") if path.exists() else ""
    return Words(_list(text, "## Good at"), _list(text, "## Bad at"))


def _question(name: str, data: Dataset | None, cells: list[CellView]) -> QuestionView:
    template = data.questions.get(name) if data else None
    if template is None:
        return QuestionView(name, "", "", 0.0, cells)
    question = template.fill()
    return QuestionView(name, template.story, type(question).__name__.lower(), tolerated(question), cells)


def tolerated(question: Question) -> float:
    """Returns the largest error that a question tolerates; 0.0 if it must be exact."""
    match question:
        case Aggregate():
            return max((measure.error for measure in question.measures), default=0.0)
        case Cohort():
            return question.error
        case Funnel():
            return 0.0


def _dataset(name: str) -> Dataset | None:
    try:
        return dataset.read(name)
    except RequestError:
        return None


def _list(text: str, heading: str) -> list[str]:
    section = text.partition(f"\n{heading}\n")[2].partition("\n## ")[0]
    return [" ".join(item.split()) for item in f"\n{section.strip()}".split("\n- ")[1:]]
