"""Tables in the terminal: columns that fit its width, and the texts of times and claims."""

from collections.abc import Sequence

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Column, Table

from rollup_bench.harness.report.terminal import say_omitted
from rollup_bench.harness.stats.claims import Claim

_OMITTED_FIRST = (
    "cached ms",
    "first ms",
    "max ms",
    "client",
    "CPU 99%",
    "CPU against lowest",
    "CPU ms",
    "alone ms",
    "rate a second",
    "p50 ms",
    "p99 ms",
    "detects",
    "interval",
    "99% interval",
    "against lowest",
    "capacity",
    "bytes",
    "built rows",
    "built bytes",
    "events/row",
    "loads",
    "load s 99%",
    "faster than raw",
    "for disk",
    "for systems",
    "for memory",
    "for loading",
    "for questions",
)
"""Headings of the columns that a terminal may be too narrow for, in the order in which they are omitted."""
STYLES = {"faster": "green", "slower": "red"}
"""The colours of outcomes."""


def new_table(*left: str, right: Sequence[str]) -> Table:
    """Returns an empty table with columns that are aligned to the left, and then columns aligned to the right."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in left:
        table.add_column(heading, no_wrap=heading != "question", overflow="fold")
    for heading in right:
        table.add_column(heading, justify="right", no_wrap=True)
    return table


def print_table(table: Table, console: Console) -> None:
    """Prints a table without its empty columns; if the table is too wide, omits more columns and says which."""
    table.columns = [column for column in table.columns if any(map(str, column.cells))]
    headings = [column.header for column in table.columns]
    omitted: list[str] = []
    for heading in filter(headings.__contains__, _OMITTED_FIRST):
        if sum(map(_width, table.columns)) <= console.width:
            break
        table.columns = [column for column in table.columns if column.header != heading]
        omitted.append(heading)
    if omitted:
        for place, column in enumerate(table.columns):
            column._index = place  # Rich pads a column by its index
    console.print(table)
    if omitted:
        say_omitted(omitted, console)


def _width(column: Column) -> int:
    """Returns the characters that a column needs: 3 for its margin, and at most 20 for text that may wrap."""
    texts = (str(cell) for cell in (column.header, *column.cells))
    longest = max(cell_len(line) for text in texts for line in text.split("\n"))
    return 3 + (longest if column.no_wrap else min(longest, 20))


def claim_cells(claim: Claim | None) -> tuple[str, str, str]:
    """Returns texts of a claim's ratio, interval and smallest detectable slowdown; three empty texts for None."""
    if claim is None:
        return "", "", ""
    interval = "unknown" if claim.low is None or claim.high is None else f"{claim.low:.3f} to {claim.high:.3f}"
    return f"{claim.ratio:.3f}", interval, "" if claim.detectable is None else f"{claim.detectable - 1:.1%}"


def milliseconds(seconds: float | None) -> str:
    """Returns seconds as a text in ms, with three significant digits below 100 ms, else whole; empty for None."""
    return "" if seconds is None else f"{seconds * 1000:.3g}" if seconds < 0.1 else f"{seconds * 1000:,.0f}"
