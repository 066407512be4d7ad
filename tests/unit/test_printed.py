"""The figures in the READMEs of engines are those that stored commands printed."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import ROOT

READMES = sorted(ROOT.glob("engines/*/README.md"))
SECTIONS = ("Good at", "Bad at", "What its committers would object to", "Figures")
"""The sections whose figures are measured. Those of others are chosen, or written from a run by `make readme`."""
NUMBER = r"\d[\d,]*(?:\.\d+)?"
UNIT = r" (?:processor )?(?:ms|µs|s|minutes|MB|MiB|times|rows|a second)\b"
FIGURE = re.compile(rf"(?<![\w.,])({NUMBER})(?={UNIT}| to {NUMBER}{UNIT})")
CODE = re.compile(r"`([^`]+)`")


def printed(folder: Path) -> dict[str, list[float]]:
    """The numbers that each stored command printed; its file has the command after `$` in the first line."""
    texts = (path.read_text("utf-8").partition("\n") for path in folder.glob("*/printed/*.txt"))
    return {command.removeprefix("$ "): list(map(number, re.findall(NUMBER, output))) for command, _, output in texts}


def number(text: str) -> float:
    return float(text.replace(",", ""))


def measured(page: str) -> Iterator[str]:
    """The rows of tables, the items of lists and the paragraphs of the sections with measured figures."""
    for section in re.split(r"^## ", page, flags=re.MULTILINE)[1:]:
        if section.startswith(SECTIONS):
            yield from re.split(r"\n(?=\||- )|\n\n", section)


def unprinted(text: str, stored: dict[str, list[float]]) -> list[str]:
    """The figures of a text that no stored command which the text names has printed, rounded as they are."""
    known = [value for command in CODE.findall(" ".join(text.split())) for value in stored.get(command, [])]
    return [
        figure
        for figure in FIGURE.findall(CODE.sub("``", text))
        if not any(round(value, len(figure.partition(".")[2])) == number(figure) for value in known)
    ]


@pytest.mark.parametrize("page", READMES, ids=lambda page: page.parent.name)
def test_a_command_in_the_same_row_printed_each_figure(page: Path) -> None:
    stored = printed(ROOT / "results")
    assert [(text, figures) for text in measured(page.read_text("utf-8")) if (figures := unprinted(text, stored))] == []


def test_a_figure_that_no_command_printed_is_named() -> None:
    stored = {"some command": [1.44, 36_000_000.0]}
    row = "| 1.4 times as long, and 2 minutes, for a rate of 36,000,000 a second: `some command` |"
    assert unprinted(row, stored) == ["2"]
    assert unprinted("1.4 times: `another command`", stored) == ["1.4"]
    assert unprinted("1.3 to 1.4 times: `some command`", stored) == ["1.3"]
