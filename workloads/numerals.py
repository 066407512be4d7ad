"""Numbers as people write them: with groups of three digits, and with signs of money, percent or units."""

import re

import pyarrow as pa
import pyarrow.compute as pc

from rollup_bench.workloads.source import Source

BLANK = "[ \N{NO-BREAK SPACE}\N{THIN SPACE}\N{NARROW NO-BREAK SPACE}]"
MARKS = {",": ",", ".": "[.]", " ": BLANK, "'": "['’]"}
"""The marks between groups of digits, with patterns of all ways to write them."""


MINUS = rf"^([^\d()]*)\({BLANK}*(.*\d.*?){BLANK}*\)$|^(.*\d.*?){BLANK}*-$|^−{BLANK}*(.*\d.*)$"
"""A pattern of numbers below zero: (5) and $(5) of accountants, 5- of SAP, and with the Unicode minus sign."""
FIRST = r"-\1\2\3\4"
"""The replacement of `MINUS`, with the minus sign in front."""


def number(decimal: str) -> str:
    """A pattern of numbers with this decimal mark, without groups and signs of money, percent or units."""
    return rf"^[+-]?(\d+({MARKS[decimal]}\d*)?|{MARKS[decimal]}\d+)([eE][+-]?\d+)?$"


def grouped(mark: str) -> str:
    """A pattern of integers, without a sign, whose groups of three digits the `mark` separates.

    Between commas, all groups but the last can have two digits, as in India.
    """
    usual = rf"[1-9]\d{{0,2}}({MARKS[mark]}\d{{3}})+"
    return rf"({usual}|[1-9]\d?(,\d\d)+,\d{{3}})" if mark == "," else usual


def signed(sign: str) -> str:
    """A pattern of numbers before or after which `sign`, itself a pattern, stands.

    Groups 1 and 2 are plus or minus, and groups 3 and 4 the digits after and before the sign.
    """
    return rf"{BLANK}*([+-]?)(?:{sign}{BLANK}*([+-]?)([.,]?\d.*?)|([.,]?\d.*?){BLANK}*{sign}){BLANK}*"


def plain(texts: pa.Array, name: str, source: Source) -> pa.Array:
    """The texts of the column `name` without the signs and marks of groups that the source names.

    The minus sign is in front of the number. Other texts are returned as they are.
    """
    bare = texts
    if pc.any(pc.match_substring_regex(bare, MINUS)).as_py():
        bare = pc.replace_substring_regex(bare, MINUS, FIRST)
    if sign := source.signs.get(name):
        bare = pc.replace_substring_regex(bare, f"^{signed(re.escape(sign))}$", r"\1\2\3\4")
    if source.groups:
        bare = _ungrouped(bare, source)
    return texts if bare is texts else pc.if_else(pc.match_substring_regex(bare, number(source.decimal)), bare, texts)


def _ungrouped(texts: pa.Array, source: Source) -> pa.Array:
    """The texts without marks between groups of digits."""
    mark, decimal = source.groups, MARKS[source.decimal]
    is_grouped = pc.match_substring_regex(texts, rf"^[+-]?{grouped(mark)}({decimal}\d*)?$")
    return pc.if_else(is_grouped, pc.replace_substring_regex(texts, MARKS[mark], ""), texts)
