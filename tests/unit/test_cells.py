"""Times alone, processor time and drift of a cell, from lines that a test chooses to the printed table."""

import msgspec
import pytest
from rich.console import Console

from rollup_bench.harness.records.findings import Run
from rollup_bench.harness.records.kinds import Kind
from rollup_bench.harness.records.lines import Cost, Ended, LoadCost, Record, Rounds, Spent, Verdict, WarmUp, parse
from rollup_bench.harness.report.cell_table import print_cells
from rollup_bench.harness.report.cells import CellView, by_question, comparable
from rollup_bench.harness.report.tables import busy, lasted, loaded_once, run_table, unsettled
from rollup_bench.harness.stats.abba import AGAIN
from tests.support.timed import HEADER, rounds

MILLISECOND = 1_000_000
ARMS = ("duckdb/raw", "druid/raw")


def cost(arm: str, launch: int, milliseconds: int, client: float, engine: float | None) -> Cost:
    """Four requests to an arm alone: the milliseconds of each, and the processor milliseconds of all."""
    spent = Spent(seconds=1.0, client=client / 1000, engine=engine and engine / 1000)
    times = [milliseconds * MILLISECOND] * 4
    return Cost(arm=arm, question="q", cache="hot", launch=launch, questions=4, spent=spent, times=times)


def timed(launch: int, last: int = 20) -> Rounds:
    """Eight rounds of 10 ms on DuckDB and of 20 ms on Druid, whose last four rounds may take other milliseconds."""
    first, second = ARMS
    times = {first: [10] * 8, second: [20] * 4 + [last] * 4, first + AGAIN: [10] * 8}
    in_ns = {arm: [each * MILLISECOND for each in given] for arm, given in times.items()}
    return rounds("q", in_ns, launch, first)


def run(*lines: Record) -> Run:
    """A run in which both arms answer the question right."""
    return Run(HEADER, [*(Verdict(arm=arm, question="q", verdict=Kind.RIGHT) for arm in ARMS), *lines])


def views(*lines: Record) -> tuple[CellView, CellView]:
    """The cells of DuckDB and Druid."""
    first, second = by_question(run(*lines))["q"]
    return first, second


LAUNCHES = [
    line
    for launch in range(6)
    for line in (
        timed(launch),
        cost("duckdb/raw", launch, 8, client=32.0, engine=None),
        cost("druid/raw", launch, 16, client=16.0, engine=80.0 + launch),
    )
]


def test_a_cell_has_the_median_alone_and_processor_times() -> None:
    embedded, served = views(*LAUNCHES)
    assert embedded.alone
    assert served.alone
    assert [embedded.alone.median, served.alone.median] == pytest.approx([0.008, 0.016])
    assert embedded.client is None
    assert embedded.processor == pytest.approx(0.008)
    assert served.client == pytest.approx(0.004)
    assert served.processor == pytest.approx(0.0246, rel=0.01)
    assert served.processor_interval is not None
    assert served.processor_interval[0] < 0.0246 < served.processor_interval[1]
    assert embedded.lowest
    assert served.processor_against is not None
    assert served.processor_against.outcome == "slower"
    assert served.processor_against.ratio == pytest.approx(3.08, rel=0.01)
    assert not embedded.drifts


def test_a_cell_of_an_older_file_has_no_times_alone() -> None:
    assert [view.alone for view in views(timed(0))] == [None, None]
    assert [view.processor_interval for view in views(timed(0), cost("druid/raw", 0, 1, 1.0, 1.0))] == [None, None]


def test_a_cell_whose_times_still_fall_is_marked_and_supports_no_claim() -> None:
    embedded, served = views(*(timed(launch, last=15) for launch in range(6)))
    assert (embedded.drifts, served.drifts) == (False, True)
    assert served.against is not None
    assert served.against.outcome == "drifts"


def test_engines_are_compared_on_tuned_only_if_the_run_records_their_adapters() -> None:
    for adapters, compared in (({}, False), ({"duckdb": "1", "druid": "2"}, True)):
        older = Run(msgspec.structs.replace(HEADER, adapters=adapters), [])
        assert [comparable(older, "raw"), comparable(older, "tuned")] == [True, compared]
        lines = [line for line in run(*LAUNCHES).lines if not isinstance(line, Cost)]
        tuned = parse([msgspec.json.encode(line).replace(b"/raw", b"/tuned") for line in lines], "a run")
        cells = by_question(Run(older.header, list(tuned)))["q"]
        assert [cell.lowest for cell in cells] == [compared, False]


def printed(found: Run, width: int) -> list[str]:
    """The lines that are printed of a run's cells, with single spaces."""
    console = Console(record=True, width=width)
    print_cells(by_question(found), console)
    return [" ".join(line.split()) for line in console.export_text().splitlines()]


def test_a_wide_table_has_all_figures_of_the_cells_that_were_timed() -> None:
    unasked = Verdict(arm="druid/raw", question="r", verdict=Kind.RIGHT)
    wrong = Verdict(arm="duckdb/raw", question="r", verdict=Kind.WRONG, reason="2 rows")
    found = run(*LAUNCHES, unasked, wrong)
    assert [line for line in printed(found, 150) if line.strip("─ ")] == [
        "engine/layout median ms 99% interval detects against lowest outcome alone ms client CPU ms CPU against "
        "CPU outcome",
        "q",
        "duckdb/raw 10 10 to 10 0% lowest median 8 8",
        "druid/raw 20 20 to 20 0% 2.000 slower 16 25% 24.6 3.078 slower",
        "duckdb/raw: wrong: 2 rows (r)",
    ]
    assert [line for line in printed(found, 100) if line.strip("─ ")] == [
        "engine/layout median ms 99% interval against lowest outcome alone ms CPU ms",
        "q",
        "duckdb/raw 10 10 to 10 lowest median 8 8",
        "druid/raw 20 20 to 20 2.000 slower 16 24.6",
        "a wider terminal also shows client, CPU outcome, CPU against, detects",
        "duckdb/raw: wrong: 2 rows (r)",
    ]


def test_a_narrow_terminal_shows_no_table_and_says_from_which_width_on() -> None:
    assert printed(run(*LAUNCHES), 99) == [
        "from 100 columns, a terminal also shows intervals, ratios, routes and times alone"
    ]


def test_reasons_of_right_answers_are_printed_only_if_requests_are_refused() -> None:
    right = Verdict(arm="duckdb/raw", question="r", verdict=Kind.RIGHT, reason="a roll-up")
    less = msgspec.structs.replace(right, arm="druid/raw", refused=7, refusal="days")
    assert printed(run(right, less), 90) == [
        "druid/raw: right: not timed: of 100 drawn requests it refuses 7: days; a roll-up (r)"
    ]


@pytest.mark.parametrize(("others", "said"), [(0.2, ""), (1.5, "other programs used 1.5 of 2 cores"), (None, "")])
def test_a_busy_machine_is_said_before_the_figures(
    others: float | None, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = [
        msgspec.structs.replace(one, spent=_beside(one.spent, others)) for one in LAUNCHES if isinstance(one, Cost)
    ]
    found = Run(msgspec.structs.replace(HEADER, machine={"cores": 2}), run(*LAUNCHES[:1], *asked).lines)
    run_table(found, Console(width=100))
    shown = " ".join(capsys.readouterr().out.split())
    assert busy(found).startswith("The machine was busy: " if said else "")
    assert said in shown
    assert bool(busy(found)) == bool(said)
    assert not said or shown.index(said) < shown.index("median ms")


def _beside(spent: Spent, others: float | None) -> Spent:
    """What was used while other programs used so many cores."""
    return msgspec.structs.replace(spent, others=msgspec.UNSET if others is None else others * spent.seconds)


def test_arms_that_were_loaded_once_are_named() -> None:
    one = LoadCost(arm="druid/raw", seconds=1.0, rows=1, bytes=1)
    loads = [one, *(msgspec.structs.replace(one, arm="duckdb/raw", launch=launch) for launch in range(2))]
    said = "Loaded once, so that intervals do not include the variation between loads: druid/raw"
    assert loaded_once(run(*LAUNCHES, *loads)) == said
    assert loaded_once(run(*loads)) == loaded_once(run(*LAUNCHES, *loads[1:])) == ""


def test_a_run_says_how_long_it_took() -> None:
    header = msgspec.structs.replace(HEADER, started="2026-11-30T23:50:10+00:00")
    found = lasted(Run(header, [Ended(at="2026-12-01T02:20:10+00:00")]))
    assert found == "started 2026-11-30 23:50 UTC, ended 150 min later, interruptions included"
    assert lasted(Run(header, [Ended()])) == lasted(Run(header, [])) == ""


def test_warm_ups_that_had_not_settled_are_counted() -> None:
    def warmed(*steady: bool) -> Run:
        warm = {f"arm {place}": WarmUp(windows=[1], steady=one) for place, one in enumerate(steady)}
        return run(*(msgspec.structs.replace(one, warm=warm) for one in LAUNCHES[:1] if isinstance(one, Rounds)))

    assert unsettled(warmed(True, False, False)).startswith("In 2 of 3 warm-ups")
    assert unsettled(warmed(True)) == ""


def test_the_table_marks_a_cell_that_drifts() -> None:
    lines = printed(run(*(timed(launch, last=15) for launch in range(6))), 300)
    (line,) = [line for line in lines if "druid/raw" in line]
    assert "drifts" in line
