"""Prints how the processor time of a request grows with the number of events, from a file of `experiments.growth`."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from rollup_bench.engines.contract import Where
from rollup_bench.harness.records.growth import Cell
from rollup_bench.harness.records.kinds import Kind
from rollup_bench.harness.run.machine import NOT_MEASURED
from rollup_bench.harness.stats.growth import PARTS, SHARE, Growth, Interval, Outcome, growth

SCANS, ROLLUPS = 0.08, 0.15
"""The largest half-widths of the 95% interval of a known exponent, of scans and of what is aggregated at ingest."""
WANTED = 0.8
"""The share of exponents that must be known, of those that the fixed cost does not hide."""
SAME = 1.01
"""Groups count as constant if the largest answer has at most this many times the rows of the smallest."""


class Result(NamedTuple):
    """The cells of a question on an arm that were timed, by size; the curve, if there is one; and the outcome.

    If no cell was timed, `kind` is the verdicts; `reasons` say why the exponent is not known, or why sizes are missing.
    """

    timed: Mapping[int, list[Cell]]
    growth: Growth | None
    kind: str
    reasons: Sequence[str]

    @property
    def centres(self) -> dict[int, float]:
        """The geometric mean over loads of the processor seconds of a request, by number of events."""
        return {rows: float(np.exp(np.log(_seconds(cells)).mean())) for rows, cells in self.timed.items()}


Series = tuple[str, str]
"""A question and an arm."""


def results(cells: Iterable[Cell]) -> dict[Series, Result]:
    """Returns the result of each question on each arm, sorted by question and arm."""
    series: dict[Series, list[Cell]] = {}
    for cell in cells:
        series.setdefault((cell.question, cell.arm), []).append(cell)
    return {names: result(series[names]) for names in sorted(series)}


def result(cells: Sequence[Cell]) -> Result:
    """Fits the curve of a question on an arm to all sizes and loads, and says what is known of its exponent."""
    timed: dict[int, list[Cell]] = {}
    for cell in sorted(cells, key=lambda cell: (cell.rows, cell.load)):
        if cell.span:
            timed.setdefault(cell.rows, []).append(cell)
    missing = list(dict.fromkeys(f"{one.verdict}: {one.reason}" for one in cells if not one.span))
    if not timed:
        return Result({}, None, ", ".join(dict.fromkeys(cell.verdict for cell in cells)), missing)
    fitted = _fitted(timed) if len(timed) > PARTS else None
    outcome = _outcome(fitted, [cell for ones in timed.values() for cell in ones])
    reasons = [f"{outcome.kind}: {outcome.reason}"] if outcome.reason else []
    return Result(timed, fitted, outcome.kind, reasons + missing)


def _fitted(timed: Mapping[int, Sequence[Cell]]) -> Growth:
    fixed = [cell.empty.seconds for cells in timed.values() for cell in cells if cell.empty]
    return growth(list(timed), [_seconds(cells) for cells in timed.values()], fixed, np.random.default_rng(1))


def _outcome(fitted: Growth | None, timed: Sequence[Cell]) -> Outcome:
    if fitted is None:
        return Outcome("unknown", f"it was timed at fewer than {PARTS + 1} sizes")
    outcome = fitted.outcome(ROLLUPS if timed[-1].where == Where.INGEST else SCANS)
    least, most = (end(cell.groups for cell in timed) for end in (min, max))
    if outcome.kind != "fixed" and most > SAME * least:
        return Outcome("unknown", f"its groups are not constant: the answer has {least:,} to {most:,} rows")
    return outcome


def _seconds(cells: Sequence[Cell]) -> list[float]:
    return [cell.span.seconds for cell in cells if cell.span]


def growth_tables(cells: Sequence[Cell], console: Console) -> bool:
    """Prints the curves, the share of known exponents, and why the others are not known.

    Returns False if the share is below the wanted one, or if an answer is wrong or missing.
    """
    found = results(cells)
    console.print("[bold]Processor seconds of a request about n events: a + b (n / million)^c, 95% intervals[/bold]")
    console.print(Text("\n".join([*dict.fromkeys(cell.scope for cell in cells), NOT_MEASURED]), style="dim"))
    console.print(_table(found))
    told = [one.kind for one in found.values() if one.kind in ("known", "unknown")]
    known = told.count("known")
    share = f" ({known / len(told):.0%}; wanted {WANTED:.0%})" if told else ""
    bounds = f"±{SCANS:g} (scans) or ±{ROLLUPS:g} (roll-ups)"
    whose = f"whose growing part exceeds {SHARE:g} times the fixed cost"
    console.print(f"exponents known to {bounds}: {known} of {len(told)}{share} {whose}")
    for reason, named in _reasons(found).items():
        console.print(Text(f"{reason} ({', '.join(named)})"))
    return known >= WANTED * len(told) and not any(cell.verdict in (Kind.WRONG, Kind.FAILED) for cell in cells)


def _table(found: Mapping[Series, Result]) -> Table:
    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for heading in ("question", "engine/layout"):
        shown.add_column(heading, no_wrap=True)
    for heading in ("fixed ms", "least ms", "most ms", "b ms", "c", "off by"):
        shown.add_column(heading, justify="right", no_wrap=True)
    shown.add_column("exponent", no_wrap=True)
    previous = ""
    for (question, arm), one in found.items():
        if question != previous:
            shown.add_section()
        shown.add_row(question if question != previous else "", arm, *_figures(one), one.kind)
        previous = question
    return shown


def _figures(one: Result) -> tuple[str, ...]:
    """Returns the fixed cost, the times at the smallest and largest size, b, c and the misfit, as texts."""
    centres = list(one.centres.values())
    least, most = (f"{1000 * centres[end]:.3g}" if centres else "" for end in (0, -1))
    if one.growth is None:
        return "", least, most, "", "", ""
    curve, fit = one.growth.curve, one.growth
    b = _between(1000 * curve.b, fit.b, 1000, ".3g") if one.kind == "known" else ""
    c = _between(curve.c, fit.c, 1, ".2f") if one.kind != "fixed" else ""
    return f"{1000 * curve.a:.3g}", least, most, b, c, f"×{fit.largest_deviation:.2f}"


def _between(value: float, bounds: Interval, unit: float, form: str) -> str:
    low, high = (format(unit * bound, form) for bound in bounds)
    return f"{value:{form}} ({low} to {high})"


def _reasons(found: Mapping[Series, Result]) -> dict[str, list[str]]:
    """Returns each reason with the questions and arms that it is true of."""
    by_reason: dict[str, list[str]] = {}
    for (question, arm), one in found.items():
        for reason in one.reasons:
            by_reason.setdefault(reason, []).append(f"{question} on {arm}")
    return by_reason
