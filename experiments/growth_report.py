"""Prints and draws the cells that `experiments.growth` has measured.

`python -m experiments.growth_report FILE --out growth.svg`.
"""

import sys
from collections.abc import Iterable, Mapping, Sequence
from math import ceil
from pathlib import Path
from textwrap import fill
from typing import Any, NamedTuple

import click
import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from experiments.growth_cells import Cell, read
from rollup_bench.engines.contract import Where
from rollup_bench.harness.cli.options import out_option
from rollup_bench.harness.report.terminal import console, ended
from rollup_bench.harness.run.machine import NOT_MEASURED
from rollup_bench.harness.run.verdicts import Kind
from rollup_bench.harness.stats.growth import PARTS, SHARE, Growth, Interval, Outcome, growth

SCANS, ROLLUPS = 0.08, 0.15
"""The largest half-widths of the 95% interval of a known exponent, of scans and of what is aggregated at ingest."""
WANTED = 0.8
"""The share of exponents that must be known, of those that the fixed cost does not hide."""
SAME = 1.01
"""Groups count as constant if the largest answer has at most this many times the rows of the smallest."""
ENGINES = {
    "duckdb": ("#0072b2", "o"),
    "druid": ("#d55e00", "s"),
    "cassandra": ("#009e73", "^"),
    "duckdb-served": ("#cc79a7", "D"),
    "clickhouse": ("#e69f00", "v"),
    "spark": ("#56b4e9", "P"),
}
"""The colour and the marker of each engine."""
LOOKS = (("-", "full"), ((0, (1.2, 1.2)), "none"), ((0, (5, 1.5)), "bottom"), ((0, (5, 1.5, 1.2, 1.5)), "left"))
"""The dash of the line and the filled part of the marker, for the first, second, third and fourth layout."""


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


def show(cells: Sequence[Cell], console: Console) -> bool:
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


def draw(path: Path, cells: Sequence[Cell]) -> None:
    """Draws a panel for each question with a line for each arm; both axes are logarithmic.

    The lines of two arms differ in colour, or in dash and marker, or in both.
    """
    import matplotlib as mpl  # only developers have matplotlib
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from matplotlib.ticker import EngFormatter, LogLocator, NullLocator

    found = results(cells)
    questions = list(dict.fromkeys(question for question, _ in found))
    styles = _styles(sorted({arm for _, arm in found}))
    across = min(4, len(questions))
    down = ceil(len(questions) / across)
    size = (max(3.4 * across, 7), 2.9 * down + 1.8)
    with mpl.rc_context(
        {"svg.hashsalt": "growth", "font.size": 9, "axes.spines.top": False, "axes.spines.right": False}
    ):
        figure = Figure(figsize=size, layout="constrained")
        figure.supxlabel("events")
        figure.supylabel("processor time of a request")
        panels = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False).ravel()
        for panel in panels[len(questions) :]:
            panel.set_axis_off()
        for question, panel in zip(questions, panels, strict=False):
            panel.set(xscale="log", yscale="log")
            panel.xaxis.set(major_formatter=EngFormatter(sep=""), minor_locator=NullLocator())
            panel.yaxis.set(
                major_locator=LogLocator(subs=(1, 3)), major_formatter=EngFormatter("s"), minor_locator=NullLocator()
            )
            panel.set_title(question, loc="left", fontsize=9)
            panel.grid(color="#dddddd", linewidth=0.6)
            _lines(panel, {arm: one for (name, arm), one in found.items() if name == question}, styles)
        figure.legend(
            handles=[Line2D([], [], label=arm, **style) for arm, style in styles.items()],
            loc="outside upper left",
            ncols=len({arm.split("/")[0] for arm in styles}),
            frameon=False,
            title=fill("; ".join(dict.fromkeys(cell.scope for cell in cells)), int(size[0] * 13)),
            alignment="left",
        )
        figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None, dpi=150)


def _styles(arms: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Returns the style of each arm: colour and marker show the engine, dash and filling of the marker the layout."""
    layouts = list(dict.fromkeys(arm.split("/")[1] for arm in arms))
    styles = {}
    for engine, layout in (arm.split("/") for arm in arms):
        dash, filled = LOOKS[layouts.index(layout) % len(LOOKS)]
        colour, marker = ENGINES.get(engine, ("#444444", "D"))
        styles[f"{engine}/{layout}"] = {
            "color": colour,
            "marker": marker,
            "markersize": 5.5,
            "fillstyle": filled,
            "markerfacecoloralt": "white",
            "linestyle": dash,
            "linewidth": 1.3,
        }
    return styles


def _lines(panel: Any, by_arm: Mapping[str, Result], styles: Mapping[str, dict[str, Any]]) -> None:
    """Draws the times of each arm as points, and the fitted curve; names the arms that were not timed."""
    for arm, one in by_arm.items():
        panel.plot(list(one.centres), list(one.centres.values()), **styles[arm] | {"linestyle": "none"})
        if one.growth:
            along = np.geomspace(min(one.timed), max(one.timed), 60)
            panel.plot(along, one.growth.curve(along), **styles[arm] | {"marker": ""})
    lost = [f"{arm}: {one.kind}" for arm, one in by_arm.items() if not one.timed]
    panel.text(0.02, 0.98, "\n".join(lost), transform=panel.transAxes, va="top", fontsize=7, color="#666666")


@click.command(context_settings={"max_content_width": 110})
@click.argument("file", type=click.Path(path_type=Path))
@out_option(help="The drawing: .svg, .png or .pdf; none if left out.")
def main(file: Path, out: Path | None) -> None:
    """Prints the curves in FILE; exits with 1 if too few exponents are known or answers are wrong or missing."""
    cells = read(file)
    if out is not None:
        draw(out, cells)
    sys.exit(not show(cells, console()))


if __name__ == "__main__":
    ended(lambda: main(standalone_mode=False))
