"""What a roll-up costs and saves, on figures that can be worked out by hand."""

import msgspec
import pytest
from rich.console import Console

from rollup_bench.engines.contract import Built
from rollup_bench.harness.records.findings import Run, medians
from rollup_bench.harness.records.lines import LoadCost
from rollup_bench.harness.records.loads import mean_loads
from rollup_bench.harness.report.break_even import BreakEven, break_even, questions_to_repay
from rollup_bench.harness.report.load_table import print_loads
from tests.support.timed import HEADER, rounds

EVENTS = 1000
HEAD = msgspec.structs.replace(HEADER, rows=EVENTS)
RAW, DAILY = "duckdb/raw", "duckdb/day"
LOAD = LoadCost(arm=DAILY, rows=EVENTS // 4, seconds=3.0, bytes=0)


def found(raw: dict[str, float], own: dict[str, float], load: LoadCost = LOAD) -> BreakEven | None:
    """The break-even of a load, by the seconds that each question takes on raw and on the layout itself."""
    times: dict[str, dict[str, list[int]]] = {}
    for arm, seconds in ((RAW, raw), (DAILY, own)):
        for question, each in seconds.items():
            times.setdefault(question, {})[arm] = [round(each * 1e9)]
    run = Run(HEAD, [rounds(question, arms, control=next(iter(arms))) for question, arms in times.items()])
    return break_even(run, load, medians(run))


def test_a_roll_up_pays_when_what_it_saves_has_made_up_for_its_load() -> None:
    paid = found({"a": 0.4, "b": 0.8, "c": 9.0}, {"a": 0.1, "b": 0.2})
    assert paid is not None
    assert paid.events_per_row == 4
    assert paid.questions == 2
    assert round(paid.speedup, 9) == 4
    assert paid.after == 7  # 3 s of load against 0.45 s saved by a question


def test_what_a_layout_builds_in_addition_to_the_events_is_repaid_alone() -> None:
    load = msgspec.structs.replace(LOAD, rows=EVENTS + 100, seconds=30.0, built=Built(100, 3.0, None))
    paid = found({"a": 0.4, "b": 0.8}, {"a": 0.1, "b": 0.2}, load)
    assert paid is not None
    assert (paid.events_per_row, paid.after) == (10, 7)


def test_a_roll_up_that_saves_nothing_never_pays() -> None:
    paid = found({"a": 0.1}, {"a": 0.2})
    assert paid is not None
    assert paid.after is None
    assert round(paid.speedup, 9) == 0.5


@pytest.mark.parametrize(
    ("seconds", "close"), [((0.1, 0.1), True), ((0.13, 0.08), True), ((0.14, 0.1), False), ((0.01, 0.8), False)]
)
def test_it_is_close_where_no_question_tells_them_apart(seconds: tuple[float, float], close: bool) -> None:
    paid = found({"a": 0.1, "b": 0.1}, dict(zip("ab", seconds, strict=True)))
    assert paid is not None
    assert paid.too_close is close


def test_raw_and_questions_that_raw_was_not_asked_have_no_break_even() -> None:
    assert found({"a": 0.1}, {}, msgspec.structs.replace(LOAD, arm=RAW)) is None
    assert found({"a": 0.1}, {"b": 0.2}) is None


def test_a_load_is_repaid_by_what_each_question_saves() -> None:
    assert questions_to_repay(LOAD, 0.06) == pytest.approx(50)
    assert questions_to_repay(LOAD, 0.0) is None


def printed(*lines: LoadCost) -> list[list[str]]:
    """The words of each line of the table of loads; every load is of 1000 events."""
    console = Console(record=True, width=200)
    print_loads(Run(HEAD, lines), console)
    return [line.split() for line in console.export_text().splitlines() if line.strip(" ─")]


def test_the_table_of_loads_has_a_line_for_each_arm() -> None:
    raw = msgspec.structs.replace(LOAD, arm=RAW, bytes=3 * 2**20, processor=4.25)
    tuned = LoadCost(arm="duckdb/tuned", rows=1100, seconds=2.5, bytes=None, built=Built(100, 0.25, 4096), reused=True)
    heading, *rows, reused = printed(raw, tuned)
    assert " ".join(heading) == "engine/layout load s built s CPU s events/s MiB"
    assert rows == [[RAW, "3", "4.25", "333", "3"], ["duckdb/tuned", "2.5", "0.25", "400", "unknown"]]
    assert reused == ["loads", "reused", "from", "earlier:", "duckdb/tuned"]


def test_a_load_by_tasks_of_another_engine_says_so() -> None:
    *_, note = printed(LoadCost(arm=RAW, rows=EVENTS, seconds=3.0, bytes=7, loaded_by="spark"))
    assert " ".join(note) == f"loaded in parts: {RAW} by tasks of spark"


def test_a_load_without_seconds_has_no_rate() -> None:
    heading, row = printed(LoadCost(arm="truth/raw", rows=EVENTS, seconds=0.0, bytes=0))
    assert " ".join(heading) == "engine/layout load s MiB"
    assert row == ["truth/raw", "0", "0"]


def test_the_loads_of_a_layout_count_with_their_mean_and_its_interval() -> None:
    """The deviation is 0.1 and Student's t 9.92, so that the mean is known to 9.92 * 0.1 / sqrt(3)."""
    arm, built = "duckdb/tuned", [Built(1, seconds, None) for seconds in (1.0, 2.0, 3.0)]
    lines = [
        LoadCost(arm=arm, rows=1, seconds=seconds, bytes=7, built=part, launch=launch)
        for launch, (seconds, part) in enumerate(zip((2.9, 3.0, 3.1), built, strict=True))
    ]
    once, often = mean_loads(Run(HEAD, [LOAD, *lines]))
    assert (once.cost, once.loads, once.interval) == (LOAD, 1, None)
    assert often.cost.seconds == pytest.approx(3.0)
    assert (often.cost.built, often.loads) == (Built(1, 2.0, None), 3)
    assert often.interval == pytest.approx((3 - 0.573, 3 + 0.573), abs=1e-3)
    heading, row = printed(*lines)
    assert " ".join(heading) == "engine/layout load s load s 99% built s events/s MiB"
    assert row == [arm, "3", "2.43", "to", "3.57", "2", "333", "6.68e-06"]


def test_a_load_that_was_reused_from_another_run_is_left_out_of_the_mean() -> None:
    reused = msgspec.structs.replace(LOAD, seconds=90.0, reused=True)
    lines = [reused, *(msgspec.structs.replace(LOAD, seconds=each, launch=n) for n, each in ((1, 3.0), (2, 5.0)))]
    (mean,) = mean_loads(Run(HEAD, lines))
    assert (mean.cost.seconds, mean.loads) == (4.0, 2)
    (only,) = mean_loads(Run(HEAD, [reused]))
    assert (only.cost.seconds, only.loads) == (90.0, 1)
