"""Prints and draws the results of `experiments.growth`."""

from collections.abc import Iterable, Sequence
from math import ceil
from pathlib import Path
from textwrap import fill
from typing import Any

import msgspec
import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from rollup_bench.harness.stats.estimate import midmean
from rollup_bench.harness.stats.growth import PARTS, Growth, Interval, growth

ENGINES = {
    "duckdb": ("#0072b2", "o"),
    "druid": ("#d55e00", "s"),
    "cassandra": ("#009e73", "^"),
    "duckdb-served": ("#cc79a7", "D"),
}
"""The colour and the marker of each engine."""
LOOKS = (("-", "full"), ((0, (1.2, 1.2)), "none"), ((0, (5, 1.5)), "bottom"), ((0, (5, 1.5, 1.2, 1.5)), "left"))
"""The dash of the line and the filled part of the marker, for the first, second, third and fourth layout."""


class Cell(msgspec.Struct, frozen=True):
    """A question over a span of a game of `rows` events, asked of an arm.

    `events` is the number of events in the span. `seconds` holds the time of each request, or nothing if not timed.
    """

    question: str
    asks: str
    arm: str
    rows: int
    span: str
    events: int
    verdict: str
    where: str
    reason: str
    seconds: list[float]


Series = tuple[str, str]
"""A question and an arm."""


def series(cells: Iterable[Cell]) -> dict[Series, list[Cell]]:
    """Returns the results of each question on each arm, sorted by the number of events in the span."""
    by_series: dict[Series, list[Cell]] = {(cell.question, cell.arm): [] for cell in cells}
    for cell in sorted(cells, key=lambda cell: cell.events):
        by_series[cell.question, cell.arm].append(cell)
    return by_series


def fitted(cells: Sequence[Cell]) -> Growth | None:
    """Returns the growth of one question on one arm; None if too few sizes and spans were timed."""
    timed = [one for one in cells if one.seconds]
    if len(timed) <= PARTS:
        return None
    return growth([one.events for one in timed], [one.seconds for one in timed], np.random.default_rng(1))


def table(scope: str, cells: Sequence[Cell], console: Console) -> None:
    """Prints the curve of each question and arm, then each reason for which answers were not timed."""
    console.print("[bold]Seconds for n events: a + b (n / million)^c, with 99% intervals[/bold]")
    console.print(Text(scope, style="dim"))
    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for heading in ("question", "engine/layout"):
        shown.add_column(heading, no_wrap=True)
    for heading in ("a ms", "b ms", "c", "fewest ms", "most ms", "off by"):
        shown.add_column(heading, justify="right", no_wrap=True)
    shown.add_column("growth", no_wrap=True)
    previous = ""
    for (question, arm), ones in series(cells).items():
        if question != previous:
            shown.add_section()
        shown.add_row(question if question != previous else "", arm, *_row(ones))
        previous = question
    console.print(shown)
    for reason, named in _reasons(cells).items():
        console.print(Text(f"{reason} ({', '.join(named)})"))


def _row(cells: Sequence[Cell]) -> tuple[str, ...]:
    timed = [one for one in cells if one.seconds]
    if not timed:
        return ("", "", "", "", "", "", _verdicts(cells))
    ends = tuple(_milliseconds(_centre(one)) for one in (timed[0], timed[-1]))
    fit = fitted(cells)
    if fit is None:
        return ("", "", "", *ends, "", f"{len(timed)} timed points are too few; {_verdicts(cells)}")
    parts = ("", "", "")
    if fit.outcome == "known":
        curve = fit.curve
        parts = (
            _between(curve.a * 1e3, fit.a, 1e3),
            _between(curve.b * 1e3, fit.b, 1e3),
            f"{curve.c:.2f} ({fit.c[0]:.2f} to {fit.c[1]:.2f})",
        )
    return (*parts, *ends, f"×{fit.largest_deviation:.2f}", words(fit, timed))


def words(fit: Growth, timed: Sequence[Cell]) -> str:
    """Returns a text that says how many times the events and the time grew, and whether the exponent c is known."""
    low, high = fit.ratio_interval
    more = timed[-1].events / timed[0].events
    took = f"{more:,.0f}× the events, {fit.ratio:.3g}× the time ({low:.3g} to {high:.3g})"
    match fit.outcome:
        case "flat":
            return f"flat within noise: {took}"
        case "known":
            return took
        case _:
            return f"c is unknown, {fit.c[0]:.2g} to {fit.c[1]:.2g}: {took}"


def draw(path: Path, scope: str, cells: Sequence[Cell]) -> None:
    """Draws a panel for each question with a line for each arm; both axes are logarithmic.

    The lines of two arms differ in colour, or in dash and marker, or in both.
    """
    import matplotlib as mpl  # only developers have matplotlib; asv also imports benchmarks without it
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from matplotlib.ticker import EngFormatter, LogLocator, NullLocator

    asks = {one.question: one.asks for one in cells}
    styles = _styles(list(dict.fromkeys(one.arm for one in cells)))
    across = min(4, len(asks))
    down = ceil(len(asks) / across)
    size = (max(3.4 * across, 7), 2.9 * down + 1.8)
    with mpl.rc_context(
        {"svg.hashsalt": "growth", "font.size": 9, "axes.spines.top": False, "axes.spines.right": False}
    ):
        figure = Figure(figsize=size, layout="constrained")
        figure.supxlabel("events in the span that is asked about")
        figure.supylabel("time of an answer")
        panels = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False).ravel()
        for panel in panels[len(asks) :]:
            panel.set_axis_off()
        for (question, what), panel in zip(asks.items(), panels, strict=False):
            panel.set(xscale="log", yscale="log")
            panel.xaxis.set(major_formatter=EngFormatter(sep=""), minor_locator=NullLocator())
            panel.yaxis.set(
                major_locator=LogLocator(subs=(1, 3)), major_formatter=EngFormatter("s"), minor_locator=NullLocator()
            )
            panel.set_title(f"{question}\n{what}", loc="left", fontsize=9)
            panel.grid(color="#dddddd", linewidth=0.6)
            _lines(panel, {arm: ones for (one, arm), ones in series(cells).items() if one == question}, styles)
        handles = [Line2D([], [], label=arm, **style) for arm, style in styles.items()]
        figure.legend(
            handles=handles,
            loc="outside upper left",
            ncols=len({arm.split("/")[0] for arm in styles}),
            frameon=False,
            title=fill(_title(scope, cells), int(size[0] * 13)),
            alignment="left",
        )
        figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None, dpi=150)


def _title(scope: str, cells: Sequence[Cell]) -> str:
    sizes, spans = ({getattr(one, name): None for one in cells} for name in ("rows", "span"))
    games = ", ".join(f"{rows:,}" for rows in sorted(sizes))
    return f"Cost as it grows. Games of {games} events, over {', '.join(spans)}. {scope}"


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


def _lines(panel: Any, by_arm: dict[str, list[Cell]], styles: dict[str, dict[str, Any]]) -> None:
    """Draws the typical times of each arm as points, and the fitted curve; names the arms that were not timed."""
    for arm, cells in by_arm.items():
        timed = [one for one in cells if one.seconds]
        points = [one.events for one in timed]
        panel.plot(points, [_centre(one) for one in timed], **styles[arm] | {"linestyle": "none"})
        if curve := fitted(timed):
            along = np.geomspace(points[0], points[-1], 60)
            panel.plot(along, curve.curve(along), **styles[arm] | {"marker": ""})
    lost = [f"{arm}: {_verdicts(cells)}" for arm, cells in by_arm.items() if not any(one.seconds for one in cells)]
    panel.text(0.02, 0.98, "\n".join(lost), transform=panel.transAxes, va="top", fontsize=7, color="#666666")


def _centre(cell: Cell) -> float:
    """Returns the typical seconds of a question on an arm: the midmean of the logarithms of its times, in seconds."""
    return float(np.exp(midmean(np.log(cell.seconds))))


def _verdicts(cells: Sequence[Cell]) -> str:
    """Returns the verdicts of the answers that were not timed, each once, separated by commas."""
    return ", ".join(dict.fromkeys(one.verdict for one in cells if not one.seconds))


def _reasons(cells: Sequence[Cell]) -> dict[str, list[str]]:
    """Returns the reasons of verdicts with arm and verdict, each with the questions that have the reason."""
    by_reason: dict[str, dict[str, None]] = {}
    for one in cells:
        if one.reason:
            by_reason.setdefault(f"{one.arm}: {one.verdict}: {one.reason}", {})[one.question] = None
    return {reason: list(questions) for reason, questions in by_reason.items()}


def _between(value: float, bounds: Interval, unit: float) -> str:
    low, high = (f"{unit * bound:.3g}" for bound in bounds)
    return f"{value:.3g} ({low} to {high})"


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.3g}" if seconds < 0.1 else f"{seconds * 1000:,.0f}"
