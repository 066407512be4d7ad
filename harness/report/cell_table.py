"""Prints each question on each arm: a table of all figures on wide terminals, and the reasons of verdicts."""

from collections.abc import Iterator, Mapping, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from rollup_bench.harness.records.kinds import RIGHT
from rollup_bench.harness.records.lines import parts
from rollup_bench.harness.records.routes import shares
from rollup_bench.harness.report.cells import CellView
from rollup_bench.harness.report.grid import (
    STYLES,
    add_question,
    claim_cells,
    interval,
    milliseconds,
    new_table,
    print_table,
)
from rollup_bench.harness.report.notes import Note, print_notes

WIDE = 100
"""The width of a terminal, in characters, from which the table of all figures is printed."""
Cells = Mapping[str, Sequence[CellView]]
"""The views of a question's arms, by question."""


def print_cells(cells: Cells, console: Console) -> None:
    """Prints all figures, the reasons of verdicts, the routes of requests, and which adapters have changed."""
    wide = console.width >= WIDE
    table = _table(cells)
    if wide and table.row_count:
        print_table(table, console)
    elif table.row_count:
        console.print(
            f"[dim]from {WIDE} columns, a terminal also shows intervals, ratios, routes and times alone[/dim]"
        )
    print_notes(_notes(cells, routes=wide), console)
    changed = sorted({parts(cell.arm)[0] for views in cells.values() for cell in views if cell.changed})
    if changed:
        console.print(f"[dim]the source of these adapters has changed since this run: {', '.join(changed)}[/dim]")


def _table(cells: Cells) -> Table:
    """Returns the table of all cells that were timed."""
    table = new_table("engine/layout", right=("median ms", "99% interval", "detects", "against lowest"))
    table.add_column("outcome", no_wrap=True)
    for heading in ("alone ms", "client", "CPU ms", "CPU against"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("CPU outcome", no_wrap=True)
    for heading in ("first ms", "cached ms"):
        table.add_column(heading, justify="right", no_wrap=True)
    for question, views in cells.items():
        timed = [(cell, cell.time) for cell in views if cell.time]
        if timed:
            add_question(table, question)
        for cell, time in timed:
            table.add_row(
                cell.arm,
                milliseconds(time.median),
                interval(time.low, time.high, 1000),
                "" if time.detectable is None else f"{time.detectable - 1:.0%}",
                claim_cells(cell.against)[0],
                _styled(_outcome(cell)),
                milliseconds(cell.alone.median if cell.alone else None),
                "" if cell.client is None or cell.alone is None else f"{cell.client / cell.alone.median:.0%}",
                milliseconds(cell.processor),
                claim_cells(cell.processor_against)[0],
                _styled(cell.processor_against.outcome if cell.processor_against else ""),
                f"{milliseconds(cell.first[0])} {cell.first[1]}" if cell.first else "",
                milliseconds(cell.cached.median if cell.cached else None),
            )
    return table


def _styled(outcome: str) -> Text:
    return Text(outcome, style=STYLES.get(outcome, "dim"))


def _outcome(cell: CellView) -> str:
    if cell.drifts:
        return "drifts"
    return cell.against.outcome if cell.against else "lowest median" if cell.lowest else ""


def _notes(cells: Cells, routes: bool) -> Iterator[Note]:
    """Yields why there is no right answer or no time, and, if wanted, the routes of requests that took several."""
    for cell in (cell for views in cells.values() for cell in views):
        if cell.reason and (cell.refused or cell.verdict not in RIGHT):
            yield Note(cell.question, cell.arm, f"{cell.verdict}: {cell.reason}")
        if routes and len(cell.routes) > 1:
            yield Note(cell.question, cell.arm, shares(cell.routes))
