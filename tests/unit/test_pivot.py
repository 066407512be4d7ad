"""The pivot at the end of a run: its exact text, its marks, and that nothing is cut or missing on narrow terminals."""

import re
from collections.abc import Mapping, Sequence
from io import StringIO

import pytest
from rich.console import Console

from rollup_bench.harness.records.findings import Run
from rollup_bench.harness.records.kinds import Kind
from rollup_bench.harness.records.lines import LoadCost, MixedQuestions, Record, Verdict
from rollup_bench.harness.report.cells import by_question
from rollup_bench.harness.report.mixes import mixes
from rollup_bench.harness.report.pivot import MARKS, print_pivot
from rollup_bench.harness.report.tables import run_table
from rollup_bench.harness.stats.abba import AGAIN
from tests.support.mixed import SECOND, alone
from tests.support.timed import rounds, run

ARMS = [f"{engine}/{layout}" for engine in ("duckdb", "druid", "cassandra") for layout in ("raw", "tuned")]
LONG = "customers-who-came-back-in-their-second-month"


def timed(question: str, milliseconds: Mapping[str, float]) -> list[Record]:
    """Six launches of a question whose rounds all take the same time on an arm."""
    times = {arm: [round(each * 1e6)] * 4 for arm, each in milliseconds.items()}
    first = next(iter(times))
    loads = [LoadCost(arm=arm, seconds=1.0, rows=1, bytes=1) for arm in times]
    return [*loads, *(rounds(question, times | {first + AGAIN: times[first]}, launch, first) for launch in range(6))]


def verdicts(question: str, arms: Sequence[str], names: Sequence[str]) -> list[Record]:
    return [Verdict(arm=arm, question=question, verdict=Kind(name)) for arm, name in zip(arms, names, strict=True)]


def printed(found: Run, width: int) -> str:
    console = Console(width=width, file=StringIO(), record=True)
    print_pivot(by_question(found), mixes(found), console)
    return console.export_text()


SMALL = run(
    MixedQuestions(question="m", counts={"orders": 3, LONG: 1}),
    *verdicts("orders", ARMS, ["right", "right", "within bound", "within bound", "right", "right"]),
    *verdicts(LONG, ARMS, ["right", "right", "unsupported", "failed", "right", "wrong"]),
    *timed("orders", dict(zip(ARMS, [5, 2.5, 20, 10, 1234.5, 100], strict=True))),
    *timed(LONG, dict(zip([ARMS[0], ARMS[4]], [50, 500], strict=True))),
    alone(0, [SECOND], arm=ARMS[0]),
)

EXACT_80 = """
median ms                               duckdb        druid        cassandra
question                                 raw  tuned   raw  tuned      raw  tuned
────────────────────────────────────────────────────────────────────────────────
mix m                                   250✓      ✓     –      !        ✓      ✗
orders                                   ▸5✓   2.5✓   20≈    10≈   1,234✓   100✓
customers-who-came-back-in-their-       ▸50✓      ✓     –      !     500✓      ✗
  second-month

✓ right   ≈ within the tolerated error   ✗ wrong   – unsupported   ! failed
▸ lowest median on its layout; all others there are claimed to be slower
✓ or ≈ without a number: not timed
mix: mean ms of a request, asked by one client alone
"""

EXACT_100 = """
median ms               duckdb                    druid                    cassandra
question                 raw        tuned         raw        tuned            raw        tuned
────────────────────────────────────────────────────────────────────────────────────────────────────
mix m                   250✓ ███▉       ✓           –            !              ✓            ✗
orders                   ▸5✓ █▏      2.5✓ ▋       20≈ ██▏      10≈ █▋      1,234✓ █████   100✓ ███▎
customers-who-came-     ▸50✓ ██▊        ✓           –            !           500✓ ████▍      ✗
  back-in-their-
  second-month

✓ right   ≈ within the tolerated error   ✗ wrong   – unsupported   ! failed
▸ lowest median on its layout; all others there are claimed to be slower
✓ or ≈ without a number: not timed
mix: mean ms of a request, asked by one client alone
bars: one logarithmic scale, 1 to 1,234 ms
"""


def test_the_text_at_eighty_columns() -> None:
    assert printed(SMALL, 80) == EXACT_80


def test_the_text_at_a_hundred_columns() -> None:
    assert printed(SMALL, 100) == EXACT_100


def test_each_verdict_has_a_mark_of_its_own() -> None:
    found = run(*verdicts("q", [f"e{place}/raw" for place in range(len(MARKS))], list(MARKS)))
    rows = printed(found, 80).splitlines()
    assert rows[4].split() == ["q", "✓", "≈", "✗", "–", "!"]
    assert "✓ right   ≈ within the tolerated error   ✗ wrong   – unsupported   ! failed" in rows
    assert len({mark for mark, *_ in MARKS.values()}) == len(MARKS)


@pytest.mark.parametrize(
    ("milliseconds", "marked"), [((5, 20, 90), True), ((5, 5, 90), False), ((20, 5, 90), True), ((5,), False)]
)
def test_the_lowest_median_is_marked_if_all_others_on_its_layout_are_slower(
    milliseconds: Sequence[float], marked: bool
) -> None:
    arms = [f"{engine}/raw" for engine in ("duckdb", "druid", "cassandra")][: len(milliseconds)]
    times = dict(zip(arms, milliseconds, strict=True)) | {"duckdb/day": 1.0}
    found = run(*verdicts("q", list(times), ["right"] * len(times)), *timed("q", times))
    text = printed(found, 80)
    assert (f"▸{min(milliseconds):g}✓" in text) is marked
    assert text.count("▸") == 2 * marked
    told_apart = {cell.arm for cell in by_question(found)["q"] if cell.told_apart}
    assert told_apart == ({arms[milliseconds.index(min(milliseconds))]} if marked else set())


@pytest.mark.parametrize("width", [30, 40, 80, 99, 100, 140, 10_000])
def test_no_arm_is_missing_and_no_number_is_cut_on_any_width(width: int) -> None:
    arms = [f"{engine}/{layout}" for engine in ("duckdb", "duckdb-served", "druid", "cassandra") for layout in "abcd"]
    times = {arm: 1_000_000.0 + place for place, arm in enumerate(arms)}
    text = printed(run(*verdicts(LONG, arms, ["right"] * 16), *timed(LONG, times)), width)
    assert re.findall(r"[\d,]+(?=✓)", text) == [f"{round(time):,}" for time in times.values()]
    headings = [line for line in text.splitlines() if line.startswith("question")]
    assert " ".join(headings).replace("question", "").split() == list("abcd") * 4
    assert text.count("✓ right") == 1
    assert max(map(len, text.splitlines())) <= max(width, 80)


def test_engines_that_do_not_fit_beside_each_other_get_tables_of_their_own() -> None:
    arms = [f"{engine}/{layout}" for layout in ("raw", "tuned") for engine in ("one", "two", "three")]
    times = dict.fromkeys(arms, 123_456.0)
    text = printed(run(*verdicts("q", arms, ["right"] * 6), *timed("q", times)), 60)
    headings = [line.split() for line in text.splitlines() if line.startswith(("median ms", "question"))]
    assert headings == [
        ["median", "ms", "one", "two"],
        ["question", "raw", "tuned", "raw", "tuned"],
        ["median", "ms", "three"],
        ["question", "raw", "tuned"],
    ]


def test_a_run_ends_with_the_pivot_and_says_before_it_that_it_is_not_complete() -> None:
    console = Console(width=80, file=StringIO(), record=True)
    run_table(SMALL, console)
    text = console.export_text()
    assert text.endswith(printed(SMALL, 80))
    assert text.index("not complete") < text.index("median ms")


def test_a_run_without_verdicts_has_no_pivot() -> None:
    assert printed(run(), 80) == ""
