"""How numbers are written: found in files, said in drafts, and read in the same way."""

import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from rollup_bench.errors import RequestError
from rollup_bench.harness.describe.draft import draft
from rollup_bench.harness.describe.notation import notation
from rollup_bench.workloads import columns
from rollup_bench.workloads.source import Source

Described = Callable[..., str]


@pytest.fixture
def described(tmp_path: Path) -> Described:
    """The draft for a file of these amounts, or for a folder with a file of each list."""

    def drafted(*files: list[str]) -> str:
        for number, amounts in enumerate(files):
            rows = "".join(f"2020-01-0{n % 9 + 1};u{n % 3};{cell}\n" for n, cell in enumerate(amounts))
            (tmp_path / f"{number}.csv").write_text(f"at;who;paid\n{rows}")
        return draft(tmp_path if len(files) > 1 else tmp_path / "0.csv")

    return drafted


@pytest.mark.parametrize(
    ("cells", "decimal", "thousands", "sign"),
    [
        (["1,234.50", "7"], ".", ",", ""),
        (["1,234,567", "7"], ".", ",", ""),
        (["12,34,567.8", "7"], ".", ",", ""),
        (["1.234,50", "7"], ",", ".", ""),
        (["1.234.567", "7"], ",", ".", ""),
        (["1 234,5", "7"], ",", " ", ""),
        (["1\N{NARROW NO-BREAK SPACE}234", "7"], ".", " ", ""),
        (["1'234.50", "7"], ".", "'", ""),
        (["0.125", "7"], ".", "", ""),
        (["1234.500", "7"], ".", "", ""),
        (["-$1,234.50", "$7"], ".", ",", "$"),
        (["US$ 5", "US$ 7"], ".", "", "US$"),
        (["1.234,50 €", "7 €"], ",", ".", "€"),
        (["12 %", "7%"], ".", "", "%"),
        (["CHF 1'000.00", "CHF 7"], ".", "'", "CHF"),
        (["$1.50", "0"], ".", "", "$"),
    ],
)
def test_the_notation_of_a_column(cells: list[str], decimal: str, thousands: str, sign: str) -> None:
    found = notation([cells])
    assert (found.decimal, found.thousands, found.signs.get(0, ""), found.unsure) == (decimal, thousands, sign, {})


@pytest.mark.parametrize("cells", [["$5", "€6"], ["1,5", "1.5"], ["612 345 678", "699 999 999"], ["007", "1,5"], []])
def test_texts_that_are_no_numbers_of_one_notation(cells: list[str]) -> None:
    assert notation([cells]) == (".", "", {}, {}, False, "")


def test_another_column_tells_what_the_marks_of_a_column_mean() -> None:
    assert notation([["1.250"], ["2,5"]])[:2] == (",", ".")
    assert notation([["1,250"], ["2.5"]])[:2] == (".", ",")
    found = notation([["1,250"], ["2.5"], ["2,5"]])
    assert (found.decimal, [*found.unsure]) == (".", [2, 0])


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        (
            "1,250",
            '1.25 or 1250; write the column in `measures`, and under [source] `thousands = ","` if it is 1250, or',
        ),
        ("1.250", '1.25 or 1250; write the column in `measures`, and under [source] `decimal = ","` if it is 1250\n'),
    ],
)
def test_marks_that_may_be_of_decimals_or_of_thousands_are_not_guessed(
    described: Described, cell: str, said: str
) -> None:
    text = described([cell, "2", cell])
    assert tomllib.loads(text)["columns"]["measures"] == []
    assert f'#   "paid": `{cell}` may be {said}' in text


@pytest.mark.parametrize(
    ("files", "decimal", "thousands"),
    [((["1.250", "3.000"], ["2,5", "7"]), ",", "."), ((["1,250", "3,000"], ["2.5", "7"]), None, ",")],
)
def test_another_file_shows_what_the_marks_mean(
    described: Described, files: tuple[list[str], ...], decimal: str | None, thousands: str | None
) -> None:
    drafted = tomllib.loads(described(*files))
    source = drafted["source"]
    assert (source.get("decimal"), source.get("thousands")) == (decimal, thousands)
    assert drafted["columns"]["measures"] == ["paid"]


def test_files_with_different_decimal_marks_are_refused(described: Described) -> None:
    with pytest.raises(RequestError, match=r"0[.]csv has decimal '.', and .*1[.]csv ','; write both in the same way"):
        described(["2.5", "1.100"], ["2,5", "1.100"])


def test_a_column_with_several_signs_is_left_out(described: Described) -> None:
    text = described(["$5", "$6"], ["€5", "€6"])
    assert "signs" not in tomllib.loads(text)["source"]
    assert '#   "paid": its numbers have the sign `$` in ' in text
    text = described(["$5", "€6"])
    assert '#   "paid": its numbers are not read, as in `$5`; write plain numbers, or correct `decimal`, `thou' in text


def test_the_draft_says_that_signs_are_left_out(described: Described) -> None:
    text = described(["1,250 %", "2.5 %", "n/a"])
    assert 'thousands = ","   # the mark between groups of three digits\n' in text
    assert 'signs = { "paid" = "%" }   # left out before and after numbers, so 5 % is 5\n' in text
    assert tomllib.loads(text)["source"]["null"] == ["", "n/a"]


@pytest.mark.parametrize(
    ("way", "cells", "numbers"),
    [
        ({"thousands": ","}, ["-1,234.5", "12,34,567", "5", ""], ["-1234.5", "1234567", "5", None]),
        ({"thousands": ","}, ["1,23", "0,123", "1,2345"], ["1,23", "0,123", "1,2345"]),
        ({"decimal": ","}, ["1.234,5", "1 234"], ["1234.5", "1 234"]),
        ({"decimal": ",", "thousands": " "}, ["1 234,5", "1\N{NO-BREAK SPACE}234"], ["1234.5", "1234"]),
        (
            {"signs": {"n": "$"}},
            ["$ 5", "-$5", "$-5", "5.5$", "7", "€5", "$"],
            ["5", "-5", "-5", "5.5", "7", "€5", "$"],
        ),
        (
            {},
            ["(5)", "( 5 )", "5.5-", "\N{MINUS SIGN}5", "(a)", " 5 ", "-", "(room 2)", "2-3-", None],
            ["-5", "-5", "-5.5", "-5", "(a)", "5", "-", "(room 2)", "2-3-", None],
        ),
        (
            {"thousands": ",", "signs": {"n": "$"}},
            ["($1,234.50)", "$(1,234.50)", "$1,234-"],
            ["-1234.50", "-1234.50", "-1234"],
        ),
        ({"signs": {"other": "$"}}, ["$5"], ["$5"]),
        ({"signs": {"n": "$"}}, ["$1,234.50", "(1,5)"], ["$1,234.50", "(1,5)"]),
        ({"decimal": ","}, ["abc,d", "(1,5)", ",5"], ["abc,d", "-1.5", ".5"]),
        ({"null": ("", " n/a")}, [" n/a", "5"], [None, "5"]),
    ],
)
def test_numbers_are_read_as_the_source_says(way: dict[str, Any], cells: list[str], numbers: list[str | None]) -> None:
    batch = pa.RecordBatch.from_pydict({"n": cells})
    assert columns.measure(batch, "n", Source(path="x", **way)).to_pylist() == numbers


@pytest.mark.parametrize(
    ("way", "said"),
    [
        ({"thousands": "."}, 'decimal and thousands are both `.`; write decimal = "," or remove thousands'),
        ({"decimal": ",", "thousands": ","}, 'decimal and thousands are both `,`; write decimal = "." or remove'),
        ({"signs": {"n": " "}}, 'signs.n is empty; write the sign, as in signs = { price = "$" }'),
    ],
)
def test_keys_that_contradict_are_refused(way: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        Source(path="x", **way)
