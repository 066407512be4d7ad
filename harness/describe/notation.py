"""Finds how the numbers of a file are written: decimal mark, marks between groups of digits, and signs."""

import re
from collections import Counter
from typing import Literal, NamedTuple

from rollup_bench.harness.describe.cells import COMMA, POINT, are_numbers, unsigned
from rollup_bench.workloads.numerals import MARKS

Decimal = Literal[".", ","]
Cells = list[str]


class Notation(NamedTuple):
    """How numbers are written, and by the places of their columns, signs and why columns cannot be read.

    `decimal_known` says whether a column shows the decimal mark. `either` is a mark that separates decimals or
    thousands, if no column shows which; it may be empty.
    """

    decimal: Decimal
    thousands: str
    signs: dict[int, str]
    unsure: dict[int, str]
    decimal_known: bool
    either: str


def notation(columns: list[Cells]) -> Notation:
    """The notation of the numbers of a file; `columns` are the texts of each column, without NULL.

    A column is unsure if the marks in it may separate decimals or thousands and no other column shows which, or if
    it has decimal commas and another one decimal points.
    """
    signs, numbers = _numbers(columns)
    points = [place for place, cells in numbers.items() if not all(map(COMMA.fullmatch, cells))]
    commas = [place for place, cells in numbers.items() if not all(map(POINT.fullmatch, cells))]
    decimal: Decimal = "," if commas and not points else "."
    unsure = {place: _mixed(numbers[place]) for place in commas if points}
    others = dict[int, str | None]()
    if bool(points) == bool(commas):
        others = {place: _example(cells) for place, cells in numbers.items() if place not in (*points, *commas)}
        unsure |= {place: _either(example) for place, example in others.items() if example}
    either = "" if points or commas else min((_mark(each) for each in others.values() if each), default="")
    sure = [cells for place, cells in numbers.items() if place not in unsure]
    marks = Counter(
        mark for cells in sure for mark in MARKS if mark != decimal and re.search(MARKS[mark], "".join(cells))
    )
    thousands = max(marks, key=lambda mark: marks[mark], default="")
    return Notation(decimal, thousands, signs, unsure, bool(points or commas), either)


def _numbers(columns: list[Cells]) -> tuple[dict[int, str], dict[int, Cells]]:
    """The signs of the columns of numbers, and their texts without them, by their places."""
    signs, numbers = dict[int, str](), dict[int, Cells]()
    for place, cells in enumerate(columns):
        pairs = [unsigned(cell) for cell in cells]
        digits, found = [text for _, text in pairs], {sign for sign, _ in pairs}
        is_one_way = all(map(POINT.fullmatch, digits)) or all(map(COMMA.fullmatch, digits))
        if len(found - {""}) <= 1 and is_one_way and are_numbers(cells):
            signs[place], numbers[place] = max(found), digits
    return {place: sign for place, sign in signs.items() if sign}, numbers


def _example(cells: Cells) -> str | None:
    """The first number with a mark that can be of decimals or of thousands, if there is one."""
    return next((cell for cell in cells if re.search("[.,]", cell)), None)


def _either(number: str) -> str:
    """Why a column is unsure whose numbers are written like this one, and what to write."""
    mark = _mark(number)
    short, long = f"{float(number.replace(mark, '.')):g}", number.replace(mark, "")
    whole = f'`thousands = ","` if it is {long}, or `decimal = ","` if it is {short}'
    how = whole if mark == "," else f'`decimal = ","` if it is {long}'
    return f"`{number}` may be {short} or {long}; write the column in `measures`, and under [source] {how}"


def _mark(number: str) -> str:
    return "," if "," in number else "."


def _mixed(cells: Cells) -> str:
    return f"`{_example(cells)}` has a decimal comma, but numbers of other columns have points; write all in one way"
