"""Recognises numbers and times among the texts of a file."""

import re

NUMBER = re.compile(r"[+-]?(\d+([.]\d*)?|[.]\d+)([eE][+-]?\d+)?")
COMMA = re.compile(r"[+-]?(\d{1,3}([.]\d{3})+|\d+)(,\d+)?")
"""A number with a decimal comma, and with points between groups of three digits."""
CODE = re.compile(r"[+-]?0\d+([.]\d*)?|\d+[eE]\d+|[+]\d{7,}")
"""Texts that numbers would change: postal codes with leading zeros, codes such as 12E3, telephone numbers."""
GROUP = re.compile(r"[+-]?\d{1,3}(,\d{3})+")
"""A number whose commas may separate groups of three digits."""
TIME = re.compile(
    r"\d{1,4}([-/.])\d{1,2}\1\d{1,4}([T ].*)?|\d{1,2}[-/ ][A-Za-z]{3}[-/ ,:]+\d{2,4}.*|\d{4}-\d\d-\d\dT.*"
)


def is_typed(cell: str) -> bool:
    """Whether a text is a number or looks like a time."""
    return any(kind.fullmatch(cell) for kind in (NUMBER, COMMA, TIME))


def decimal_comma(columns: list[list[str]]) -> tuple[bool, list[int]]:
    """Whether numbers have a decimal comma, and the places of columns whose commas may be of that or another kind.

    `columns` are the texts of each column, without NULL.
    """
    numbers = [(place, cells) for place, cells in enumerate(columns) if cells and all(map(COMMA.fullmatch, cells))]
    commas = [(place, [cell for cell in cells if "," in cell]) for place, cells in numbers]
    unsure = [place for place, cells in commas if cells and all(map(GROUP.fullmatch, cells))]
    sure = [place for place, cells in commas if cells and place not in unsure]
    points = any("." in "".join(cells) and all(map(NUMBER.fullmatch, cells)) for cells in columns)
    return bool(sure) and not points, [] if sure and not points else unsure + (sure if points else [])
