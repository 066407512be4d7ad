"""Tables in the terminal: columns that fit its width, and the texts of numbers, intervals and claims."""

import textwrap
from collections.abc import Iterable, Sequence

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from rollup_bench.harness.report.terminal import say_omitted
from rollup_bench.harness.stats.claims import Claim

_OMITTED_FIRST = (
    "cached ms",
    "first ms",
    "client",
    "CPU outcome",
    "CPU against",
    "detects",
    "CPU ms",
    "alone ms",
    "alone/s",
    "p95 s",
    "p50 s",
    "p50 ms",
    "p99 ms",
    "interval",
    "caches",
    "CPU before ms",
    "CPU after ms",
    "before ms",
    "after ms",
    "first ratio",
    "second ratio",
    "against lowest",
    "99% interval",
    "load s 99%",
    "faster than raw",
    "built s",
    "CPU s",
    "events/s",
    "for disk",
    "for systems",
    "for memory",
    "for loading",
    "for questions",
)
"""Headings of the columns that a terminal may be too narrow for, in the order in which they are omitted.

Caches are omitted only if they are the same in all rows.
"""
_NAME = 21
"""The characters of a question's name in a line."""
_WRAPPED = 20
"""The most characters that are reserved for a column whose texts may wrap."""
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


def add_question(table: Table, name: str) -> None:
    """Adds a row with the name of a question, which wraps at hyphens, above the rows of its arms."""
    if table.row_count:
        table.add_section()
    table.add_row(Text("\n".join(textwrap.wrap(name, _NAME)), style="bold"))


def print_table(table: Table, console: Console) -> None:
    """Prints a table without its empty columns; if the table is too wide, omits more columns and says which.

    Texts wrap between words, and not within one of at most 20 characters.
    """
    table.columns = [column for column in table.columns if any(map(str, column.cells))]
    headings = [c.header for c in table.columns if c.header != "caches" or len(set(map(str, c.cells))) == 1]
    omitted = fit(table, filter(headings.__contains__, _OMITTED_FIRST), console.width)
    console.print(table)
    if omitted:
        say_omitted(omitted, console)


def fit(table: Table, headings: Iterable[str], width: int) -> list[str]:
    """Removes the columns with these headings, in order, until a table fits `width`; returns the removed headings.

    Texts wrap between words, and not within one of at most 20 characters, or fewer if the table would not fit.
    """
    removed: list[str] = []
    for heading in headings:
        if needed(table) <= width:
            break
        table.columns = [column for column in table.columns if str(column.header) != heading]
        removed.append(heading)
    most = next((most for most in range(_WRAPPED, 1, -1) if needed(table, most) <= width), 1)
    for place, column in enumerate(table.columns):
        column._index = place  # Rich pads a column by its index
        words = (word for cell in (column.header, *column.cells) for word in str(cell).split())
        column.min_width = min(max(map(cell_len, words), default=0), most)
    return removed


def append(table: Table, heading: Text, cells: Iterable[Text]) -> None:
    """Adds a column with these cells to the rows of a table."""
    table.add_column(heading)
    table.columns[-1]._cells = list(cells)


def needed(table: Table, most: int = _WRAPPED) -> int:
    """Returns the characters that a table needs, of which each column of texts that may wrap has `most` at most."""
    _, right, _, left = table.padding
    return sum(1 + left + right + _longest(column, most) for column in table.columns)


def _longest(column: Column, most: int) -> int:
    texts = (str(cell) for cell in (column.header, *column.cells))
    longest = max(cell_len(line) for text in texts for line in text.split("\n"))
    return longest if column.no_wrap else min(longest, most)


def claim_cells(claim: Claim | None) -> tuple[str, str, str]:
    """Returns texts of a claim's ratio, interval and smallest detectable slowdown; three empty texts for None."""
    if claim is None:
        return "", "", ""
    interval = "unknown" if claim.low is None or claim.high is None else f"{claim.low:.3f} to {claim.high:.3f}"
    return f"{claim.ratio:.3f}", interval, "" if claim.detectable is None else f"{claim.detectable - 1:.1%}"


def milliseconds(seconds: float | None) -> str:
    """Returns seconds as the text of a number of ms; empty for None."""
    return "" if seconds is None else number(seconds * 1000)


def number(value: float) -> str:
    """Returns a number as a text: three significant digits below 100, else whole with thousands separators."""
    return f"{value:.3g}" if value < 100 else f"{value:,.0f}"


def interval(low: float, high: float, factor: float = 1.0) -> str:
    """Returns the text of an interval times `factor`; empty if its bounds differ a hundredfold, as if unknown."""
    return f"{number(low * factor)} to {number(high * factor)}" if high < 100 * low else ""
