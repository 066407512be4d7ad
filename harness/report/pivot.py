"""Prints a pivot: a row for each mix and question, a column for each arm, and in each cell the median in ms with marks.

Numbers are never cut: names wrap at hyphens, and engines that do not fit beside each other get tables of their own.
"""

import math
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from rollup_bench.harness.records.lines import MixedQuestions, parts
from rollup_bench.harness.report.cell_table import WIDE, Cells
from rollup_bench.harness.report.columns import Widths, bar_width, headings, line, split, width
from rollup_bench.harness.report.drawings import eighths
from rollup_bench.harness.report.grid import milliseconds
from rollup_bench.harness.report.mixes import MixView

MARKS = {
    "right": ("✓", "right", "green"),
    "within bound": ("≈", "within the tolerated error", "green"),
    "wrong": ("✗", "wrong", "bold red"),
    "unsupported": ("–", "unsupported", "yellow"),
    "failed": ("!", "failed", "bold red"),
}
"""The mark of each verdict, its meaning and its style; the best verdict first."""
LOWEST = "▸"
_TITLES = ("median ms", "question")
_NAME = 20
"""The width, in characters, to which names may be wrapped so that columns fit."""

Mixed = Sequence[tuple[MixedQuestions, Sequence[MixView]]]


class _Entry(NamedTuple):
    """What the pivot says of a question or a mix on an arm; the seconds are None if it was not timed."""

    verdict: str
    seconds: float | None
    told_apart: bool = False

    @property
    def text(self) -> Text:
        figure = f"{LOWEST if self.told_apart else ''}{milliseconds(self.seconds)}"
        mark, _, style = MARKS[self.verdict]
        return Text.assemble((figure, "bold green" if self.told_apart else ""), (mark, style))


_Rows = Mapping[str, Mapping[str, _Entry]]
"""The entries of each arm, by the name of the row."""


class _Scale(NamedTuple):
    """A logarithmic scale of seconds: `low` has no bar, `high` has a bar of `width` characters."""

    low: float
    high: float
    width: int

    def bar(self, seconds: float | None) -> Text:
        if seconds is None or not self.width:
            return Text()
        share = math.log(seconds / self.low) / math.log(self.high / self.low)
        return Text(eighths(max(round(8 * self.width * share), 1)), style="blue")


def print_pivot(cells: Cells, mixed: Mixed, console: Console) -> None:
    """Prints the mixes and questions of a run by arm, in as many tables as the arms need, and what the marks mean."""
    rows = _rows(cells, mixed)
    if not rows:
        return
    widths, longest = _widths(rows), max(map(cell_len, (*_TITLES, *rows)))
    room = console.width - min(longest, _NAME)
    tables = split(widths, room)
    scale = _scale(rows, bar_width(tables, room) if console.width >= WIDE else 0)
    for table in tables:
        console.print()
        names = min(longest, max(_NAME, console.width - width(table, scale.width)))
        for one in _lines(rows, table, scale, names):
            console.print(one, no_wrap=True, overflow="ignore", crop=False)
    console.print()
    for meaning in _legend(rows, scale):
        console.print(meaning, style="dim", highlight=False)


def _rows(cells: Cells, mixed: Mixed) -> _Rows:
    rows = {f"mix {mix.question}": dict(_mix_entries(mix, views, cells)) for mix, views in mixed}
    for question, arms in cells.items():
        rows[question] = {
            cell.arm: _Entry(cell.verdict, cell.time.median if cell.time else None, cell.told_apart) for cell in arms
        }
    return rows


def _mix_entries(mix: MixedQuestions, views: Sequence[MixView], cells: Cells) -> Iterator[tuple[str, _Entry]]:
    """Yields, for each arm, its worst verdict on a question of the mix, and the mean seconds of a request alone."""
    for view in views:
        verdicts = [cell.verdict for name in mix.counts for cell in cells.get(name, ()) if cell.arm == view.arm]
        if verdicts:
            seconds = 1 / view.alone.value if view.alone else None
            yield view.arm, _Entry(max(verdicts, key=list(MARKS).index), seconds)


def _widths(rows: _Rows) -> Widths:
    """Returns the characters that the layout and the entries of each arm need."""
    arms = list(dict.fromkeys(arm for entries in rows.values() for arm in entries))
    engines = [parts(arm)[0] for arm in arms]
    texts = {arm: [entries[arm].text.cell_len for entries in rows.values() if arm in entries] for arm in arms}
    ordered = sorted(arms, key=lambda arm: engines.index(parts(arm)[0]))
    return {arm: max(cell_len(parts(arm)[1]), *texts[arm]) for arm in ordered}


def _entries(rows: _Rows) -> list[_Entry]:
    return [entry for entries in rows.values() for entry in entries.values()]


def _scale(rows: _Rows, width: int) -> _Scale:
    """Returns the scale from the power of ten below the shortest time to the longest, at least tenfold."""
    times = [entry.seconds for entry in _entries(rows) if entry.seconds]
    if not times:
        return _Scale(0, 0, 0)
    low = 10.0 ** math.floor(math.log10(min(times)))
    return _Scale(low, max(10 * low, *times), width)


def _lines(rows: _Rows, table: Widths, scale: _Scale, names: int) -> Iterator[Text]:
    """Yields the lines of a table whose names are at most `names` characters wide."""
    for title, heading in zip(_TITLES, headings(table, scale.width), strict=True):
        yield Text(f"{title.ljust(names)}{heading}".rstrip(), style="bold")
    yield Text("─" * (names + width(table, scale.width)))
    for name, entries in rows.items():
        first, *more = textwrap.wrap(name, names, subsequent_indent="  ")
        texts = {arm: (entry.text, scale.bar(entry.seconds)) for arm, entry in entries.items()}
        whole = Text(first.ljust(names)).append_text(line(table, scale.width, texts))
        whole.rstrip()
        yield whole
        yield from map(Text, more)


def _legend(rows: _Rows, scale: _Scale) -> Iterator[str]:
    """Yields what the marks mean that are in the pivot."""
    entries = _entries(rows)
    present = {entry.verdict for entry in entries}
    yield "   ".join(f"{mark} {meaning}" for verdict, (mark, meaning, _) in MARKS.items() if verdict in present)
    if any(entry.told_apart for entry in entries):
        yield f"{LOWEST} lowest median on its layout; all others there are claimed to be slower"
    if any(entry.seconds is None for entry in entries if entry.verdict in ("right", "within bound")):
        yield "✓ or ≈ without a number: not timed"
    if any(name.startswith("mix ") for name in rows):
        yield "mix: mean ms of a request, asked by one client alone"
    if scale.width:
        yield f"bars: one logarithmic scale, {milliseconds(scale.low)} to {milliseconds(scale.high)} ms"
