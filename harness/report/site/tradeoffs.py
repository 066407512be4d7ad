"""What the trade-offs page shows of a run, computed from the run's file; stories come from the dataset's own."""

from pathlib import Path

import msgspec

from rollup_bench import engines
from rollup_bench.errors import RequestError
from rollup_bench.harness.records.findings import Run
from rollup_bench.harness.records.lines import Header, LoadCost, of_type, parts
from rollup_bench.harness.report import tables
from rollup_bench.harness.report.cells import CellView, by_question
from rollup_bench.workloads import dataset
from rollup_bench.workloads.dataset import Dataset
from rollup_bench.workloads.questions import Aggregate, Cohort, Funnel, Question


class QuestionView(msgspec.Struct, frozen=True):
    """A question and what every arm made of it."""

    name: str
    story: str
    kind: str
    error: float
    cells: list[CellView]


class Words(msgspec.Struct, frozen=True):
    """What an engine is good and bad at, by the README beside its adapter."""

    good: list[str]
    bad: list[str]


class RunView(msgspec.Struct, frozen=True):
    """A run as the page has it."""

    name: str
    title: str
    header: Header
    noise: str
    loads: list[LoadCost]
    questions: list[QuestionView]
    engines: dict[str, Words]


def view(name: str, run: Run) -> RunView:
    """All that is shown of the run of this name."""
    known, questions = _dataset(run.header.dataset), by_question(run)
    arms = [cell.arm for cells in questions.values() for cell in cells]
    return RunView(
        name=name,
        title=known.title if known else run.header.dataset,
        header=run.header,
        noise=tables.noise(run),
        loads=of_type(run.lines, LoadCost),
        questions=[_question(question, known, cells) for question, cells in questions.items()],
        engines={engine: words(engine) for engine in dict.fromkeys(parts(arm)[0] for arm in arms)},
    )


def words(engine: str) -> Words:
    """The lists under `Good at` and `Bad at`; empty for an engine of another package."""
    path = Path(engines.__file__).parent / engine / "README.md"
    text = path.read_text("utf-8") if path.exists() else ""
    return Words(_list(text, "## Good at"), _list(text, "## Bad at"))


def _question(name: str, known: Dataset | None, cells: list[CellView]) -> QuestionView:
    template = known.questions.get(name) if known else None
    if template is None:
        return QuestionView(name, "", "", 0.0, cells)
    question = template.fill()
    return QuestionView(name, template.story, type(question).__name__.lower(), tolerated(question), cells)


def tolerated(question: Question) -> float:
    """The largest error that a question accepts."""
    match question:
        case Aggregate():
            return max((one.error for one in question.measures), default=0.0)
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
