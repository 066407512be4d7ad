"""The table of what each engine supports: made of runs, and the README's is that of the runs kept here."""

import re
from pathlib import Path

import pytest

from harness.clock.findings import Run, spreads
from harness.clock.records import Header, Verdict
from harness.support import BEGIN, END, KINDS, kind, table, write
from harness.tables import milliseconds
from workloads import dataset
from workloads.errors import RequestError

ROOT = Path(__file__).parents[1]


def run(*lines: Verdict, of: str = "flights", started: str = "2026-01-01") -> Run:
    header = Header(
        dataset=of,
        rows=1,
        seed=1,
        profile="quick",
        machine={},
        versions={"duckdb": "9", "rollup-bench": "1"},
        budget={},
        scope=[],
        started=started,
    )
    return Run(header, lines)


def right(question: str, arm: str, where: str) -> Verdict:
    return Verdict(arm=arm, question=question, verdict="right", where=where)


def no(question: str, arm: str, reason: str) -> Verdict:
    return Verdict(arm=arm, question=question, verdict="unsupported", reason=reason)


def test_the_readme_has_the_table_of_the_runs_that_are_kept() -> None:
    kept = [Run.read(path) for path in sorted(ROOT.glob("results/*/*.jsonl"))]
    shown = (ROOT / "README.md").read_text("utf-8").partition(BEGIN)[2].partition(END)[0]
    assert shown.strip() == table(kept), "make readme"


def test_every_question_that_comes_along_is_of_a_kind_with_a_row() -> None:
    questions = [one.fill() for name in dataset.built_in() for one in dataset.read(name).questions.values()]
    assert {kind(question) for question in questions} == set(KINDS) - {"cohorts, estimated"}


def test_a_cell_says_where_all_run_and_else_how_many_where() -> None:
    found = table(
        [
            run(
                right("carriers", "duckdb/raw", "in process"),
                right("carriers", "duckdb/day", "at ingest"),
                right("flights-by-month", "duckdb/raw", "in process"),
                no("flights-by-month", "duckdb/day", "too coarse"),
                right("cancelled-by-day", "duckdb/raw", "in the client"),
                Verdict(
                    arm="duckdb/day", question="cancelled-by-day", verdict="wrong", where="at ingest", reason="off"
                ),
            )
        ]
    )
    assert found.splitlines() == [
        "| question | duckdb/raw | duckdb/roll-up |",
        "| --- | --- | --- |",
        "| counts and sums (3) | in process 2, in the client 1 | at ingest 1, wrong 1, no 1 [1] |",
        "",
        "1. flights-by-month on duckdb/day: too coarse",
        "",
        "Runs of flights by duckdb 9.",
    ]


def test_of_two_runs_the_later_counts_however_they_are_given() -> None:
    before = run(no("carriers", "duckdb/raw", "not yet"))
    after = run(right("carriers", "duckdb/raw", "in process"), started="2026-02-01")
    assert table([before, after]) == table([after, before])
    assert "| counts and sums (1) | in process |" in table([after, before])


def test_only_what_is_between_the_marks_is_written(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    write(page, [run(right("carriers", "duckdb/raw", "in process"))])
    assert page.read_text().startswith(f"before\n{BEGIN}\n| question | duckdb/raw |")
    assert page.read_text().endswith(f"by duckdb 9.\n{END}\nafter\n")
    page.write_text("no marks\n")
    with pytest.raises(RequestError, match=r"page\.md: no place for the table"):
        write(page, [])


def test_of_several_roll_ups_the_best_counts_and_an_engine_s_own_reason_before_the_rule_s() -> None:
    hour, day = (f"duckdb/{layout}" for layout in ("hour", "day"))
    estimated, daily = "daily-players-estimated", "revenue-by-hour"
    lines = [no(estimated, hour, "the rule"), no(estimated, day, "no sketch"), no(daily, day, "the rule")]
    found = table([run(*lines, right(daily, hour, "at ingest"), of="game")])
    assert "| counts and sums (1) | at ingest |" in found
    assert "| distinct, estimated (1) | no [1] |" in found
    assert f"1. {estimated} on {day}: no sketch" in found


def test_the_medians_in_the_readme_are_those_of_the_run_that_it_names() -> None:
    found = spreads(Run.read(ROOT / "results/vm/flights-standard.jsonl"))
    section = (ROOT / "README.md").read_text("utf-8").partition("## What one run says")[2].partition("\n## ")[0]
    header, _, *rows = (
        [cell.strip(" *") for cell in line.split("|")[1:-1]] for line in re.findall(r"^\|.*", section, re.M)
    )
    shown = {(row[0].split("`")[1], arm): cell for row in rows for arm, cell in zip(header[1:], row[1:], strict=True)}
    timed = {(cell.question, cell.arm): milliseconds(one.median) for cell, one in found.items() if cell.cache == "hot"}
    assert shown == timed
