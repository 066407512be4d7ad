"""Prints and draws the cells that `experiments.growth` has measured.

`python -m experiments.growth_report FILE --out growth.svg`.
"""

import sys
from collections.abc import Mapping, Sequence
from math import ceil
from pathlib import Path
from textwrap import fill
from typing import Any

import click
import numpy as np

from rollup_bench.harness.cli.options import out_option
from rollup_bench.harness.records.growth import Cell, read
from rollup_bench.harness.report.growth import Result, growth_tables, results
from rollup_bench.harness.report.terminal import console, ended

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
    sys.exit(not growth_tables(cells, console()))


if __name__ == "__main__":
    ended(lambda: main(standalone_mode=False))
