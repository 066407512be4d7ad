"""The columns of a pivot: the arms of each engine side by side, in as many tables as the width of a terminal needs.

A table is the width of each arm's column, in characters; the arms of an engine are adjacent in it.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby

from rich.cells import cell_len
from rich.text import Text

from rollup_bench.harness.records.lines import parts

Widths = dict[str, int]
_GAP, _BETWEEN_ENGINES = 2, 3  # spaces before a column, and before the columns of an engine
_BAR = range(3, 11)  # the widths that bars may have


def split(widths: Widths, room: int) -> list[Widths]:
    """Returns tables that are at most `room` characters wide; the arms of an engine stay together if they can."""
    tables: list[Widths] = []
    for piece in _pieces(widths, room):
        if tables and width(tables[-1] | piece) <= room:
            tables[-1] |= piece
        else:
            tables.append(piece)
    return tables


def width(table: Widths, bar: int = 0) -> int:
    """Returns the characters that the columns of a table need, each with a bar of this width; 0 for no bars."""
    return sum(_BETWEEN_ENGINES + _span(engine, arms, bar) for engine, arms in _by_engine(table))


def bar_width(tables: Iterable[Widths], room: int) -> int:
    """Returns the width of bars with which all tables still fit; 0 if they would be too short."""
    fitting = min((room - width(table)) // len(table) - 1 for table in tables)
    return min(fitting, _BAR[-1]) if fitting >= _BAR[0] else 0


def headings(table: Widths, bar: int) -> tuple[str, str]:
    """Returns two lines: the name of each engine, and the layout of each arm."""
    engines = [" " * _BETWEEN_ENGINES + engine.ljust(_span(engine, arms, bar)) for engine, arms in _by_engine(table)]
    layouts = line(table, bar, {arm: (Text(parts(arm)[1]), Text()) for arm in table})
    return "".join(engines), layouts.plain


def line(table: Widths, bar: int, cells: Mapping[str, tuple[Text, Text]]) -> Text:
    """Returns a line with a text and a bar for each arm; texts are aligned to the right, bars to the left."""
    whole = Text()
    for engine, arms in _by_engine(table):
        columns = Text(" " * _GAP).join(_column(arms[arm], bar, *cells.get(arm, (Text(), Text()))) for arm in arms)
        columns.pad_left(_BETWEEN_ENGINES + _span(engine, arms, bar) - columns.cell_len)
        whole.append_text(columns)
    return whole


def _column(width: int, bar: int, text: Text, drawn: Text) -> Text:
    column = text.copy()
    column.pad_left(width - text.cell_len)
    if bar:
        column.append_text(Text(" ")).append_text(drawn).append(" " * (bar - drawn.cell_len))
    return column


def _pieces(widths: Widths, room: int) -> Iterator[Widths]:
    """Yields the columns of each engine; one by one if those of an engine do not fit beside each other."""
    for _, arms in _by_engine(widths):
        if width(arms) <= room:
            yield arms
        else:
            yield from ({arm: size} for arm, size in arms.items())


def _by_engine(table: Widths) -> list[tuple[str, Widths]]:
    groups = groupby(table, key=lambda arm: parts(arm)[0])
    return [(engine, {arm: table[arm] for arm in arms}) for engine, arms in groups]


def _span(engine: str, arms: Widths, bar: int) -> int:
    """Returns the characters from the first to the last column of an engine."""
    needed = sum(size + (bar + 1 if bar else 0) for size in arms.values()) + _GAP * (len(arms) - 1)
    return max(cell_len(engine), needed)
