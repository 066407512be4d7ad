"""Finds how a text file of rows is written: separator, quotes, title, header and numbers."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

from msgspec.structs import replace

from rollup_bench.harness.describe.cells import is_typed
from rollup_bench.harness.describe.notation import notation
from rollup_bench.harness.describe.nulls import is_null, words
from rollup_bench.workloads.readers import dialect
from rollup_bench.workloads.source import Source

SAMPLE = 1 << 18
"""How many characters of a file are parsed for each way to write files."""
SEPARATORS = (",", ";", "\t", "|")
SINGLE = re.compile(r"(^|[,;\t|])'.*?'\s*($|[,;\t|])", re.M)
QUOTES = ('"', "'")
EXCEL = re.compile(r'"?sep=(.)"?\r?\n')
"""The first line of a file that names its separator for Excel."""
Row = tuple[int, list[str]]
"""A row with the number of lines before it."""


class Table(NamedTuple):
    """How a file is written, and how many columns it has.

    `either` is a mark in numbers that separates decimals or thousands, if the file does not tell; it may be empty.
    `unsure` says of columns of numbers why it is not known how they are written. `decimal_known` says whether the file
    shows its decimal mark.
    """

    source: Source
    width: int
    unsure: dict[str, str]
    decimal_known: bool
    either: str


def table(text: str, source: Source, separator: str | None) -> Table:
    """How a file is written that begins with `text`; `source` has the encoding, and `separator` may be known."""
    sample = text[:SAMPLE]
    sample = sample if len(text) <= SAMPLE else sample[: sample.rfind("\n") + 1]
    if named := EXCEL.match(sample):
        separator = separator or named[1]
    blanks = replace(source, separator=" ")
    source = max(_ways(sample, source, separator), key=lambda way: _score(_rows(sample, way)))
    if not separator and not _score(_rows(sample, source)) and _score(_rows(sample, blanks)):
        source = blanks
    rows = _rows(sample, source)[1 if named else 0 :]
    if not rows:
        return Table(source, 0, {}, False, "")
    width = _width(rows)
    filled = (place for place, (_, row) in enumerate(rows) if len(row) == width and _is_filled(row))
    first = next(filled, next(place for place, (_, row) in enumerate(rows) if len(row) == width))
    header, rest = _header(rows, first, width)
    names = _unique(header or [f"column{place}" for place in range(1, width + 1)])
    is_named = names == rows[first][1]
    skip = rows[first][0] if is_named else rest[0][0] if rest else rows[-1][0] + 1
    data = [row for _, row in rest if len(row) == width]
    texts = [_values([row[place].strip() for row in data], name) for place, name in enumerate(names)]
    found = notation(texts)
    signs = {names[place]: sign for place, sign in found.signs.items()}
    changed = replace(source, decimal=found.decimal, thousands=found.thousands, signs=signs)
    changed = replace(changed, skip=skip, names=None if is_named else names)
    return Table(
        changed,
        width,
        {names[place]: reason for place, reason in found.unsure.items()},
        found.decimal_known,
        found.either,
    )


def _ways(sample: str, source: Source, separator: str | None) -> Iterator[Source]:
    """The ways in which the sample may be written, the most frequent one first."""
    separators = [separator] if separator else [mark for mark in SEPARATORS if mark in sample] or [","]
    quotes = ['"', *([""] if '"' in sample else []), *(["'"] if SINGLE.search(sample) else [])]
    for mark, quote in product(separators, quotes):
        if quote and f"\\{quote}" in sample:
            yield replace(source, separator=mark, quote=quote, escape="\\")
        yield replace(source, separator=mark, quote=quote)


def _rows(sample: str, source: Source) -> list[Row]:
    """The rows of a sample that are not empty."""
    if source.separator == " ":
        lines = (" ".join(line.split()) for line in sample.splitlines())
        return [
            (place, row) for place, line in enumerate(lines) for row in csv.reader([line], **dialect(source)) if row
        ]
    reader, before, rows = csv.reader(io.StringIO(sample, newline=""), **dialect(source)), 0, list[Row]()
    try:
        for row in reader:
            rows += [(before, row)] if row else []
            before = reader.line_num
    except csv.Error:
        return []
    return rows


def _is_filled(row: list[str]) -> bool:
    """Whether a row is more than a title, which spreadsheets write as one text and empty ones."""
    return len(row) < 3 or sum(map(bool, row)) > 1


def _width(rows: list[Row]) -> int:
    """The most frequent number of columns, the larger one of two that are equally frequent."""
    counts = Counter(len(row) for _, row in rows)
    return max(counts, key=lambda width: (counts[width], width), default=0)


def _score(rows: list[Row]) -> float:
    """How well a way to write rows explains a sample: many rows of the same width above 1, with few marks in texts."""
    width = _width(rows)
    cells = [cell for _, row in rows if len(row) == width for cell in row]
    if width < 2:
        return 0.0
    return len(cells) / width * (width - 1) / width * sum(map(_clean, cells)) / len(cells)


def _clean(cell: str) -> float:
    """How little a text looks as if it were several, or quoted."""
    text = cell.strip()
    if is_typed(text):
        return 1.0
    if text[:1] in QUOTES or text[-1:] in QUOTES or re.search("[;\t|]", text):
        return 0.2 if text else 1.0
    return 0.5 if re.search(r",\S", text) else 1.0


def _header(rows: list[Row], first: int, width: int) -> tuple[list[str] | None, list[Row]]:
    """The names that the file has for its columns, or None, and the rows after them."""
    before = rows[first - 1][1]
    if first == 1 and len(before) == width - 1 > 1 and not any(map(is_typed, before)):
        return ["row", *before], rows[first:]  # R writes no name for the names of rows
    data = [row for _, row in rows[first:] if len(row) == width]
    votes = [_vote([row[place].strip() for row in data]) for place in range(width)]
    if votes.count(False) > votes.count(True) or (False in votes and True not in votes):
        return None, rows[first:]
    return data[0], rows[first + 1 :]


def _vote(cells: list[str]) -> bool | None:
    """Whether the first text of a column is its name, judged by the others; None if they do not tell."""
    rest = _values(cells[1:], "")
    if not all(map(is_typed, rest)):
        return None
    if is_typed(cells[0]):
        return False
    return True if rest and cells[0] and not is_null(cells[0]) else None


def _values(cells: list[str], name: str) -> list[str]:
    """The texts of the column `name` that are not NULL."""
    found = words(name, cells)
    return [cell for cell in cells if cell and cell not in found.known | found.guessed]


def _unique(names: list[str]) -> list[str]:
    """The names, changed where one is empty or an earlier one differs at most in upper and lower case."""
    taken, unique = set[str](), list[str]()
    for place, name in enumerate(names, 1):
        new, number = name or f"column{place}", 1
        while new.casefold() in taken:
            number += 1
            new = f"{name or f'column{place}'}_{number}"
        taken.add(new.casefold())
        unique.append(new)
    return unique
