"""The glossary explains every word that the command line takes or prints and every label of the pages."""

import re
from typing import Any, get_args

import click
import msgspec
import pytest
from rich.console import Console
from rich.table import Table

from rollup_bench.engines.contract import Where
from rollup_bench.engines.registry import names
from rollup_bench.harness.choose.evidence import evidence
from rollup_bench.harness.choose.needs import Needs, Prices
from rollup_bench.harness.choose.rule import Rule
from rollup_bench.harness.conformance.report import End, Report
from rollup_bench.harness.conformance.support import KINDS
from rollup_bench.harness.records.findings import Run
from rollup_bench.harness.records.kinds import Kind
from rollup_bench.harness.records.lines import Cache, Operations, Rounds
from rollup_bench.harness.report import decisions, kit, tables
from rollup_bench.harness.report.comparisons import comparison
from rollup_bench.harness.run import loops
from rollup_bench.harness.run.profiles import PROFILES
from rollup_bench.harness.stats import claims
from rollup_bench.workloads.dataset import RESERVED
from tests.support import ROOT
from tests.support.command import Command, commands

SECTIONS = dict(
    section.split("\n", 1) for section in (ROOT / "docs" / "glossary.md").read_text("utf-8").split("\n## ")[1:]
)
"""The text under each heading of the glossary."""


def explained(*sections: str) -> set[str]:
    """The terms of these sections, or of all."""
    text = "\n".join(SECTIONS[name] for name in sections or SECTIONS)
    terms = [term for line in re.findall(r"^- (\*\*.*?\*\*)(?::|$)", text, re.M) for term in line.split(", **")]
    return {term.strip("*") for term in terms}


@pytest.mark.parametrize(
    ("section", "terms"),
    [
        ("Events and questions", KINDS),
        ("Engines and layouts", tuple(Where)),
        ("Profiles", tuple(PROFILES)),
        ("Verdicts", tuple(Kind)),
        ("Cache states", get_args(Cache)),
        ("Outcomes", (*get_args(claims.Outcome), *get_args(loops.Outcome))),
        ("The report of verify", get_args(End)),
        ("Columns of answers", RESERVED),
    ],
)
def test_a_section_explains_the_terms_of_the_code(section: str, terms: tuple[str, ...]) -> None:
    assert set(terms) - explained(section) == set()


def _words(parameter: click.Parameter) -> list[str]:
    """The option as it is written, or the argument's name, then the values to choose from."""
    choices = parameter.type.choices if isinstance(parameter.type, click.Choice) else ()
    is_server = parameter.name == "servers" and isinstance(parameter, click.Argument)
    name = "SERVER" if is_server else str(parameter.name).upper()
    return [parameter.opts[0] if isinstance(parameter, click.Option) else name, *choices]


def test_commands_arguments_options_and_their_values() -> None:
    words = {word for name, _ in commands() for word in name.split()}
    words.update(word for _, command in commands() for parameter in command.params for word in _words(parameter))
    assert words - explained() == set()


@pytest.fixture
def headings(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The headings of all tables that are filled during a test."""
    seen: set[str] = set()
    add_row = Table.add_row

    def noted(table: Table, *cells: Any, **options: Any) -> None:
        seen.update(str(column.header).replace("\n", " ") for column in table.columns)
        add_row(table, *cells, **options)

    monkeypatch.setattr(Table, "add_row", noted)
    return seen


def test_headings_of_tables(headings: set[str], command: Command) -> None:
    run = Run.read(ROOT / "results" / "vm" / "flights-standard.jsonl")
    report = msgspec.json.decode((ROOT / "engines" / "duckdb" / "verified.json").read_bytes(), type=Report)
    console = Console(quiet=True, width=1000)
    tables.run_table(run, console)
    faster = [
        msgspec.structs.replace(line, times=line.times | {"duckdb/raw": [(1, 1)] * 9})
        if isinstance(line, Rounds)
        else line
        for line in run.lines
    ]
    elsewhere = Run(msgspec.structs.replace(run.header, machine={}), faster)
    demands = Operations(engine="e", settings=[], steps=[], tables={"raw": []}, memory={}, recovery=None)
    tables.run_table(Run(run.header, [demands]), console)
    comparison(run, run, console)
    comparison(run, elsewhere, console)
    kit.show(report, console)
    rule = Rule(evidence(run, "run"), Needs(prices=Prices(system_month=1.0)))
    decisions.decision(rule, rule.choose(), [], console)
    command.done("status")
    arms = {heading for heading in headings if heading.partition("/")[0] in names()}
    some = {"median ms", "pays after", "p95 ms", "before ms", "first ratio", "right again s", "what it demands"}
    assert some | {"started in"} < headings
    assert headings - arms - {""} - explained() == set()


def test_labels_of_the_pages() -> None:
    page = ROOT / "harness" / "report" / "site" / "page"
    scripts = "".join(path.read_text("utf-8") for path in page.glob("*.js"))
    labels = re.findall(r"(?:\['(?:[a-z0-9-]+', ')?|(?:line|select|checkboxes|part)\(')([A-Z][a-z].*?)',", scripts)
    assert {"Layout", "Noise", "Break-even", "On disk", "Highest rate", "Good at", "Years kept"} < set(labels)
    assert set(labels) - explained("The pages") == set()
