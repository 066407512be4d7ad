"""Recognises numbers and times among the texts of a file."""

import re
from collections.abc import Collection

from rollup_bench.workloads.numerals import FIRST, MINUS, grouped, signed

PLAIN = r"(\d+([.]\d*)?|[.]\d+)([eE][+-]?\d+)?"
POINT = re.compile(rf"[+-]?({PLAIN}|({grouped(',')}|{grouped(' ')}|{grouped(chr(39))})([.]\d*)?)")
"""A number with a decimal point, or without decimals, maybe with marks between groups of three digits."""
COMMA = re.compile(rf"[+-]?((\d+|{grouped('.')}|{grouped(' ')}|{grouped(chr(39))})(,\d+)?|,\d+)")
"""A number with a decimal comma, or without decimals, maybe with marks between groups of three digits."""
SIGN = re.compile(r"[A-Z]{0,2}[$]|[€£¥₹₩₽₺%‰]|EUR|USD|GBP|CHF|JPY|Fr[.]|kr[.]?|zł|Kč|kg|km|ms|[MG]B|°C")
"""The signs of money, of percent and of units that are looked for."""
SIGNED = re.compile(signed(f"(?:{SIGN.pattern})"))
"""A number with a sign before or after it."""
NUMBER = re.compile(rf"[+-]?{PLAIN}")
CODE = re.compile(r"[+-]?0\d+([.]\d*)?|\d+[eE]\d+|[+]\d{7,}")
"""Texts that numbers would change: postal codes with leading zeros, codes such as 12E3, telephone numbers."""
TELEPHONE = len("555 123 456")
"""Integers with blanks between their digits are taken for telephone numbers if all have one length, at least this."""
TIME = re.compile(
    r"\d{1,4}([-/.])\d{1,2}\1\d{1,4}([T ].*)?|\d{1,2}[-/ ][A-Za-z]{3}[-/ ,:]+\d{2,4}.*|\d{4}-\d\d-\d\dT.*"
    r"|\d{4}-\d\d|\d\d/\d{4}"
)


def unsigned(cell: str) -> tuple[str, str]:
    """The sign of money, percent or a unit in a text, or nothing, and the text without it.

    The minus sign of the text is in front.
    """
    if cell.isalpha() or (cell[:1].isdigit() and cell[-1:].isdigit()):
        return "", cell
    cell = re.sub(MINUS, FIRST, cell)
    found, sign = SIGNED.fullmatch(cell), SIGN.search(cell)
    return (sign[0], "".join(part or "" for part in found.groups())) if found and sign else ("", cell)


def is_number(cell: str) -> bool:
    """Whether a text is a number, however written."""
    digits = unsigned(cell)[1]
    return bool(POINT.fullmatch(digits) or COMMA.fullmatch(digits))


def are_numbers(cells: Collection[str]) -> bool:
    """Whether a column has texts and all are numbers, with or without signs and marks of thousands."""
    return bool(cells) and all(map(is_number, cells)) and not are_codes(cells)


def are_codes(cells: Collection[str]) -> bool:
    """Whether numbers are codes, which have digits that numbers would change, or telephone numbers."""
    return are_telephones(cells) or any(map(CODE.fullmatch, cells))


def are_telephones(cells: Collection[str]) -> bool:
    """Whether numbers are taken for telephone numbers."""
    lengths = {len(cell) for cell in cells}
    return len(lengths) == 1 and lengths.pop() >= TELEPHONE and all(re.fullmatch(r"[\d ]* [\d ]*", c) for c in cells)


def is_typed(cell: str) -> bool:
    """Whether a text is a number or looks like a time."""
    return is_number(cell) or bool(TIME.fullmatch(cell))
