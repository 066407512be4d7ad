"""Collects the figures of each question on each arm, for the table in the terminal and the pages."""

import math
from collections.abc import Mapping, Sequence
from statistics import median

import msgspec
from msgspec.structs import replace

from rollup_bench.engines.source import has_changed
from rollup_bench.harness.records.findings import (
    Cell,
    Level,
    Run,
    alone,
    differences,
    drifting,
    processor,
    processor_differences,
    timings,
)
from rollup_bench.harness.records.lines import First, Route, Verdict, of_cell, of_type, parts
from rollup_bench.harness.records.loads import mean_loads
from rollup_bench.harness.records.routes import routes, shares
from rollup_bench.harness.report.break_even import questions_to_repay
from rollup_bench.harness.report.under_load import UnderLoadView, under_load
from rollup_bench.harness.stats.claims import Claim
from rollup_bench.harness.stats.percentiles import Percentiles
from rollup_bench.workloads.layouts import RAW, TUNED


class CellView(msgspec.Struct, frozen=True, omit_defaults=True):
    """The verdict and figures of one question on one arm. Times are in seconds, and None if not measured."""

    question: str
    arm: str
    verdict: str
    where: str  # where the events are aggregated; with the shares of several routes if there are several
    reason: str
    asked: str
    refused: int = 0  # how many of 100 drawn requests the arm does not support
    rows: int | None = None
    plan: str = ""  # a hash of the events and of all that the layout's load creates; empty if not recorded
    adapter: str = ""  # a hash of the adapter's source; empty if not recorded
    changed: bool = False  # the adapter's source has changed since the run
    routes: list[Route] = []  # of the timed requests in the hot state, the most frequent first; empty if not recorded
    time: Percentiles | None = None
    cached: Percentiles | None = None  # times of a repeated request that the result cache may answer
    first: tuple[float, str] | None = None  # median over launches of first requests' times; cold or lukewarm
    alone: Percentiles | None = None  # times while no other arm is asked
    drifts: bool = False  # the times still changed while they were measured, so they support no claim
    processor: float | None = None  # processor time of client and engine for one question, asked alone
    processor_interval: tuple[float, float] | None = None  # where this time lies with 99% confidence
    processor_against: Claim | None = None  # comparison of processor times with the arm of lowest median on the layout
    client: float | None = None  # processor time of the client; None if the engine runs in the client's process
    lowest: bool = False  # no arm on the same layout has a lower median
    told_apart: bool = False  # the median is the lowest, and all other arms on the layout are claimed to be slower
    against: Claim | None = None  # comparison with the arm of lowest median on the layout
    break_even: float | None = None  # how often this question must be asked to repay the load, against raw
    load: UnderLoadView | None = None


def by_question(run: Run) -> dict[str, list[CellView]]:
    """Returns a view of each arm for each question, in the order of the run's file, with claims in the hot state."""
    findings = _Findings(run)
    cells: dict[str, list[CellView]] = {}
    for line in of_type(run.lines, Verdict):
        cells.setdefault(line.question, []).append(findings.cell(line))
    return {question: _told_apart(views) for question, views in cells.items()}


def lowest(timed: Mapping[Cell, Percentiles], cell: Cell) -> Cell | None:
    """Returns the arm's cell with the lowest median among all arms on the layout of `cell`, for the same question.

    Returns None if fewer than two arms were timed on the layout.
    """
    layout = parts(cell.arm)[1]
    rivals = [rival for rival in timed if rival[:2] == cell[:2] and parts(rival.arm)[1] == layout]
    return min(rivals, key=lambda rival: timed[rival].median) if len(rivals) > 1 else None


def comparable(run: Run, layout: str) -> bool:
    """Returns whether engines can be compared on a layout.

    They cannot on `tuned` in files without hashes of adapters: engines did not yet design these tables alike.
    """
    return layout != TUNED or bool(run.header.adapters)


def _told_apart(cells: Sequence[CellView]) -> list[CellView]:
    """Returns the cells of a question; marks the lowest of a layout if all others there are claimed to be slower."""
    rivals = [cell for cell in cells if cell.time and not cell.lowest]
    close = {parts(cell.arm)[1] for cell in rivals if cell.against is None or cell.against.outcome != "slower"}
    return [replace(cell, told_apart=cell.lowest and parts(cell.arm)[1] not in close) for cell in cells]


class _Findings:
    """Looks up the measurements of a run by question and arm."""

    def __init__(self, run: Run) -> None:
        self._run, self._times, self._alone, self._drifting = run, timings(run), alone(run), drifting(run)
        self._processors = processor(run)
        self._claims, self._processor_claims = (
            {(one.question, one.arm, one.versus): one.claim for one in found if one.cache == "hot"}
            for found in (differences(run), processor_differences(run))
        )
        self._changed = changed_adapters(run)
        self._loads = {load.cost.arm: load.cost for load in mean_loads(run)}

    def cell(self, line: Verdict) -> CellView:
        question, arm = line.question, line.arm
        cell = Cell(question, "hot", arm)
        best = lowest(self._times, cell) if comparable(self._run, parts(arm)[1]) else None
        taken = routes(self._run, question, arm)
        spent = self._processors.get(cell)
        return CellView(
            question=question,
            arm=arm,
            verdict=line.verdict,
            where=_where(line.where, taken),
            reason=_reason(line, cell in self._times),
            asked=line.query,
            refused=line.refused,
            rows=line.rows,
            plan=line.plan,
            adapter=self._run.header.adapters.get(parts(arm)[0], ""),
            changed=parts(arm)[0] in self._changed,
            routes=taken,
            time=self._times.get(cell),
            cached=self._times.get(Cell(question, "cached", arm)),
            first=self._first(question, arm),
            alone=self._alone.get(cell),
            drifts=cell in self._drifting,
            processor=spent.total.seconds if spent else None,
            processor_interval=_bounds(spent.total) if spent else None,
            processor_against=_claim(self._processor_claims, question, arm, best.arm) if best else None,
            client=spent.client.seconds if spent and spent.engine else None,
            lowest=cell == best,
            against=_claim(self._claims, question, arm, best.arm) if best else None,
            break_even=self._break_even(question, arm),
            load=under_load(self._run, question, arm),
        )

    def _first(self, question: str, arm: str) -> tuple[float, str] | None:
        times: dict[str, list[int]] = {}
        for line in of_cell(self._run.lines, First, question, arm):
            times.setdefault(line.cache, []).append(line.time)
        if not times:
            return None
        state = min(times)  # "cold" if any request was cold, as "cold" sorts before "lukewarm"
        return median(times[state]) / 1e9, state

    def _break_even(self, question: str, arm: str) -> float | None:
        """Returns how often a question must be asked to repay the load; None unless the arm is faster than raw."""
        raw = f"{parts(arm)[0]}/{RAW}"
        claim = _claim(self._claims, question, arm, raw)
        if arm == raw or claim is None or claim.outcome != "faster":
            return None
        before, after = (self._times[Cell(question, "hot", name)].median for name in (raw, arm))
        load = self._loads[arm]
        return None if load.loaded_by else questions_to_repay(load, before - after)


def changed_adapters(run: Run) -> list[str]:
    """Returns the engines of a run whose adapters have changed since."""
    return [engine for engine, before in run.header.adapters.items() if has_changed(engine, before)]


def _claim(claims: Mapping[tuple[str, str, str], Claim], question: str, arm: str, versus: str) -> Claim | None:
    inverted = claims.get((question, versus, arm))
    return inverted.inverted() if inverted else claims.get((question, arm, versus))


def _bounds(level: Level) -> tuple[float, float] | None:
    """Returns the interval of a number of seconds; None if it is unknown, as after a single launch."""
    return (level.low, level.high) if math.isfinite(level.high) else None


def _where(default: str, taken: Sequence[Route]) -> str:
    """Returns where the events of the timed requests were aggregated; `default` is that of the default request."""
    if not taken:
        return default
    return taken[0].where if len(taken) == 1 else shares(taken)


def _reason(line: Verdict, timed: bool) -> str:
    """Returns the reason of a verdict, preceded by the share of drawn requests that the arm refuses."""
    if not line.refused:
        return line.reason
    extent = "timed on the requests that it supports" if timed else "not timed"
    refused = f"{extent}: of 100 drawn requests it refuses {line.refused}: {line.refusal}"
    return f"{refused}; {line.reason}" if line.reason else refused
