"""Finds how many lines at the end of files are no rows."""

import csv
from collections.abc import Callable, Sequence

from rollup_bench.harness.describe.encodings import Text
from rollup_bench.workloads.readers import dialect
from rollup_bench.workloads.source import Source

LONGEST = 5
"""The most lines of a footer."""


def footer(texts: Sequence[Text], source: Source, is_row: Callable[[list[str]], bool]) -> int:
    """How many lines at the end of each text are no row; 0 if the texts differ in it, or if it may be more lines."""
    lengths = {_length(text, source, is_row) for text in texts}
    return lengths.pop() if len(lengths) == 1 else 0


def _length(text: Text, source: Source, is_row: Callable[[list[str]], bool]) -> int:
    lines = [line for line in text.tail.splitlines() if line.strip()][-LONGEST - 1 :]
    if source.separator == " ":
        lines = [" ".join(line.split()) for line in lines]
    rows = [is_row(next(csv.reader([line], **dialect(source)), [])) for line in lines]
    return rows[::-1].index(True) if True in rows else 0
