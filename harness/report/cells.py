"""What a run found of each question and arm: the figures of the terminal's table and of the page."""

from collections.abc import Iterator, Mapping
from statistics import median
from typing import TypeVar

import msgspec

from rollup_bench.harness.records.findings import Cell, Run, differences, timings
from rollup_bench.harness.records.lines import ClosedLoop, Cost, First, LoadCost, Verdict, of_type, parts
from rollup_bench.harness.report.break_even import questions_to_repay
from rollup_bench.harness.run import loops
from rollup_bench.harness.stats.claims import Claim
from rollup_bench.harness.stats.percentiles import Percentiles
from rollup_bench.workloads.layouts import RAW, TUNED

T = TypeVar("T", ClosedLoop, Cost, First)


class CellView(msgspec.Struct, frozen=True, omit_defaults=True):
    """A question asked of an arm. Seconds throughout; None where not measured."""

    question: str
    arm: str
    verdict: str
    where: str
    reason: str
    asked: str
    rows: int | None = None
    time: Percentiles | None = None
    cached: Percentiles | None = None  # the same request again, where a cache of results may answer it
    first: tuple[float, str] | None = None  # the median over launches of the first request, and its cache state
    processor: float | None = None  # client and engine, a question
    lowest: bool = False  # no arm on the same layout has a lower median
    against: Claim | None = None  # the arm on the same layout with the lowest median
    break_even: float | None = None  # questions after which the layout's load is saved, against raw of its engine
    capacity: float | None = None  # right answers a second, of any number of clients


def by_question(run: Run) -> dict[str, list[CellView]]:
    """The cells of each question, in the order of the file, with answers from warm caches."""
    findings = _Findings(run)
    found: dict[str, list[CellView]] = {}
    for line in of_type(run.lines, Verdict):
        found.setdefault(line.question, []).append(findings.cell(line))
    return found


def lowest(timed: Mapping[Cell, Percentiles], cell: Cell) -> Cell | None:
    """The cell with the lowest median of those with the same question and layout; None where there is no other.

    None on `tuned` too, whose tables are not designed alike on all engines.
    """
    layout = parts(cell.arm)[1]
    rivals = [rival for rival in timed if rival[:2] == cell[:2] and parts(rival.arm)[1] == layout]
    return min(rivals, key=lambda rival: timed[rival].median) if layout != TUNED and len(rivals) > 1 else None


class _Findings:
    """All that was computed from a run, to be looked up by question and arm."""

    def __init__(self, run: Run) -> None:
        self._run, self._times = run, timings(run)
        self._claims = {
            (each.question, each.arm, each.versus): each.claim for each in differences(run) if each.cache == "hot"
        }
        self._loads = {load.arm: load for load in of_type(run.lines, LoadCost)}

    def cell(self, line: Verdict) -> CellView:
        question, arm = line.question, line.arm
        cell = Cell(question, "hot", arm)
        best = lowest(self._times, cell)
        return CellView(
            question=question,
            arm=arm,
            verdict=line.verdict,
            where=line.where,
            reason=line.reason,
            asked=line.query,
            rows=line.rows,
            time=self._times.get(cell),
            cached=self._times.get(Cell(question, "cached", arm)),
            first=self._first(question, arm),
            processor=self._processor(question, arm),
            lowest=cell == best,
            against=self._claim(question, arm, best.arm) if best else None,
            break_even=self._break_even(question, arm),
            capacity=loops.capacity(
                [sweep for sweep in self._lines(ClosedLoop, question, arm) if sweep.cache == "hot"]
            ),
        )

    def _lines(self, kind: type[T], question: str, arm: str) -> Iterator[T]:
        return (line for line in of_type(self._run.lines, kind) if (line.question, line.arm) == (question, arm))

    def _first(self, question: str, arm: str) -> tuple[float, str] | None:
        times: dict[str, list[int]] = {}
        for line in self._lines(First, question, arm):
            times.setdefault(line.cache, []).append(line.time)
        if not times:
            return None
        state = min(times)  # "cold" is before "lukewarm"
        return median(times[state]) / 1e9, state

    def _processor(self, question: str, arm: str) -> float | None:
        lines = [line for line in self._lines(Cost, question, arm) if line.cache == "hot"]
        spent = sum(line.spent.client + (line.spent.engine or 0.0) for line in lines)
        return spent / sum(line.questions for line in lines) if lines else None

    def _claim(self, question: str, arm: str, versus: str) -> Claim | None:
        inverted = self._claims.get((question, versus, arm))
        return inverted.inverted() if inverted else self._claims.get((question, arm, versus))

    def _break_even(self, question: str, arm: str) -> float | None:
        """Only of a layout that is claimed to be faster than raw."""
        raw = f"{parts(arm)[0]}/{RAW}"
        claim = self._claim(question, arm, raw)
        if arm == raw or claim is None or claim.outcome != "faster":
            return None
        before, after = (self._times[Cell(question, "hot", each)].median for each in (raw, arm))
        return questions_to_repay(self._loads[arm].seconds, before - after)
