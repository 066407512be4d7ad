"""What the trade-offs page shows of a run, computed from the run's file; stories come from the dataset's own."""

from pathlib import Path

import msgspec

from rollup_bench import engines
from rollup_bench.errors import RequestError
from rollup_bench.harness.records.findings import Cell, Run, differences, timings
from rollup_bench.harness.records.lines import ClosedLoop, Cost, Header, LoadCost, Verdict, of_type
from rollup_bench.harness.report import tables
from rollup_bench.harness.run import loops
from rollup_bench.harness.stats.claims import Claim
from rollup_bench.harness.stats.percentiles import Percentiles
from rollup_bench.workloads import dataset
from rollup_bench.workloads.dataset import Dataset
from rollup_bench.workloads.questions import Aggregate, Cohort, Funnel, Question


class CellView(msgspec.Struct, frozen=True, omit_defaults=True):
    """A question asked of an arm. Seconds throughout; None where not measured."""

    arm: str
    verdict: str
    where: str
    reason: str
    asked: str
    rows: int | None = None
    time: Percentiles | None = None
    cached: Percentiles | None = None  # the same request again, where a cache of results may answer it
    processor: float | None = None  # client and engine, a question
    lowest: bool = False  # no arm on the same layout has a lower median
    against: Claim | None = None  # the arm on the same layout with the lowest median
    break_even: float | None = None  # questions after which the layout's load is saved, against raw of its engine
    capacity: float | None = None  # right answers a second, of any number of clients


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
    verdicts = of_type(run.lines, Verdict)
    known = _dataset(run.header.dataset)
    cells = _Cells(run)
    questions = [
        _asked(question, known, [cells.shown(one) for one in verdicts if one.question == question])
        for question in dict.fromkeys(one.question for one in verdicts)
    ]
    return RunView(
        name=name,
        title=known.title if known else run.header.dataset,
        header=run.header,
        noise=tables.noise(run),
        loads=of_type(run.lines, LoadCost),
        questions=questions,
        engines={engine: words(engine) for engine in dict.fromkeys(one.arm.partition("/")[0] for one in verdicts)},
    )


def words(engine: str) -> Words:
    """The lists under `Good at` and `Bad at`; empty for an engine of another package."""
    path = Path(engines.__file__).parent / engine / "README.md"
    text = path.read_text("utf-8") if path.exists() else ""
    return Words(_list(text, "## Good at"), _list(text, "## Bad at"))


def break_even(load: float, before: float, after: float) -> float | None:
    """How often a question must be asked until a load of these seconds is saved; None where it never is."""
    return load / (before - after) if after < before else None


class _Cells:
    """What was measured, by cell, of a run whose answers come from warm caches."""

    def __init__(self, run: Run) -> None:
        self._times = timings(run)
        self._differences = {
            (one.question, one.arm, one.versus): one.claim for one in differences(run) if one.cache == "hot"
        }
        self._loads = {one.arm: one for one in of_type(run.lines, LoadCost)}
        self._costs = of_type(run.lines, Cost)
        self._sweeps = of_type(run.lines, ClosedLoop)

    def shown(self, line: Verdict) -> CellView:
        """One cell."""
        question, arm = line.question, line.arm
        cell = Cell(question, "hot", arm)
        best = tables.lowest(self._times, cell)
        lowest = best.arm if best else ""
        return CellView(
            arm=arm,
            verdict=line.verdict,
            where=line.where,
            reason=line.reason,
            asked=line.asked,
            rows=line.rows,
            time=self._times.get(cell),
            cached=self._times.get(Cell(question, "cached", arm)),
            processor=self._processor(question, arm),
            against=self._claim(question, arm, lowest),
            lowest=arm == lowest,
            break_even=self._break_even(question, arm),
            capacity=loops.capacity([one for one in self._sweeps if _is(one, question, arm)]),
        )

    def _claim(self, question: str, arm: str, versus: str) -> Claim | None:
        inverted = self._differences.get((question, versus, arm))
        return inverted.inverted() if inverted else self._differences.get((question, arm, versus))

    def _processor(self, question: str, arm: str) -> float | None:
        lines = [one for one in self._costs if _is(one, question, arm)]
        spent = sum(one.spent.client + (one.spent.engine or 0.0) for one in lines)
        return spent / sum(one.questions for one in lines) if lines else None

    def _break_even(self, question: str, arm: str) -> float | None:
        """Only of a layout that is claimed to be faster than raw."""
        raw = f"{arm.partition('/')[0]}/raw"
        claim = self._claim(question, arm, raw)
        if arm == raw or claim is None or claim.outcome != "faster":
            return None
        before, after = (self._times[Cell(question, "hot", one)].median for one in (raw, arm))
        return break_even(self._loads[arm].seconds, before, after)


def _is(line: Cost | ClosedLoop, question: str, arm: str) -> bool:
    return (line.question, line.arm, line.cache) == (question, arm, "hot")


def _asked(name: str, known: Dataset | None, cells: list[CellView]) -> QuestionView:
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
