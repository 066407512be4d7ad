"""The table of a mix: its figures, why some are missing, and that it is printed first."""

from collections.abc import Sequence
from io import StringIO

import msgspec
import pytest
from rich.console import Console

from rollup_bench.harness.records.findings import Run
from rollup_bench.harness.records.kinds import Kind
from rollup_bench.harness.records.lines import ClosedLoop, MixedQuestions, OpenLoop, Record, Verdict
from rollup_bench.harness.report import tables
from rollup_bench.harness.report.mixes import MixView, mixes
from rollup_bench.harness.report.under_load import under_load
from tests.support.mixed import SECOND, alone, closed, opened
from tests.support.timed import rounds, run

MIX = MixedQuestions(question="m", counts={"q": 3, "r": 1}, story="All day.", refused={"c": "r: unsupported"})
VERDICTS = [Verdict(arm=arm, question="q", verdict=Kind.RIGHT) for arm in "abc"]


def view(*lines: Record) -> MixView:
    """The view of arm `a`."""
    ((mix, views),) = mixes(run(MIX, *VERDICTS, *lines))
    assert mix == MIX
    assert [each.arm for each in views] == ["a", "b", "c"]
    assert views[1:] == [MixView("b"), MixView("c", refused="r: unsupported")]
    return views[0]


def test_a_rate_is_the_mean_of_launches_on_a_scale_of_ratios() -> None:
    """Blocks of four requests take 1 and 3 s in the first launch, so 2 a second, and 0.5 s in the second: 8."""
    shown = view(alone(0, [SECOND, 3 * SECOND]), alone(1, [SECOND // 2]))
    assert shown.alone is not None
    assert shown.alone.value == pytest.approx(4.0)
    assert shown.processor is not None
    assert shown.processor.value == pytest.approx((2.0 / 8 * 2.0 / 4) ** 0.5)
    assert shown.alone.interval is not None
    low, high = shown.alone.interval
    assert low < 0.01 < 100 < high  # two launches that differ fourfold tell next to nothing


def test_a_single_launch_has_no_interval() -> None:
    shown = view(alone(0, [SECOND] * 9, engine=None))
    assert shown.alone is not None
    assert shown.alone.interval is None
    assert shown.processor is not None
    assert shown.processor.value == pytest.approx(0.5 / 36)


def test_the_highest_rate_is_one_that_was_confirmed() -> None:
    lines = [opened("search 8", 8, 50_000), opened("confirm 8", 8, 150_000), opened("confirm 6.3", 6.3, 60_000)]
    load = view(closed(1, 40, 20), closed(8, 80, 90), *lines).load
    assert load is not None
    assert load.highest is not None
    assert load.highest.load == "confirm 6.3"
    assert [one.load for one in load.offered] == ["confirm 6.3", "search 8", "confirm 8"]
    assert (load.capacity, load.note) == (40.0, "")


@pytest.mark.parametrize(
    ("lines", "note"),
    [
        ([closed(1, 40, 101)], "slower than the objective when idle"),
        ([closed(1, 40, 99)], "no rate was offered"),
        ([closed(1, 40, 20, wrong=1)], "wrong or no answers under load"),
        (
            [closed(1, 40, 20), opened("search 8", 8, 150_000), opened("search 5", 5, 150_000)],
            "p95 above 100 ms, or unknown, at 5 a second",
        ),
        ([closed(1, 40, 20), opened("common", 8, 50_000)], "the highest rate was not searched"),
    ],
)
def test_a_note_says_why_no_rate_is_known(lines: Sequence[Record], note: str) -> None:
    load = view(*lines).load
    assert load is not None
    assert (load.highest, load.note) == (None, note)


def test_without_a_closed_loop_nothing_is_said_about_load() -> None:
    assert view(alone(0, [SECOND])).load is None


def printed(shown: Run) -> str:
    console = Console(width=200, record=True, file=StringIO())
    tables.run_table(shown, console)
    return console.export_text()


def test_the_mix_is_printed_before_all_questions() -> None:
    lines: list[Record] = [
        alone(0, [SECOND]),
        closed(1, 40, 20),
        opened("search 8", 8, 50_000),
        opened("confirm 8", 8, 60_000),
    ]
    text = printed(run(MIX, *VERDICTS, *lines, rounds("q", {"a": [100] * 4})))
    assert text.index("mix m: All day.") < text.index("of 4 requests: 3 q, 1 r") < text.index("median ms")
    (heading,) = [line.split() for line in text.splitlines() if "most/s" in line]
    row = next(line.split() for line in text.splitlines() if line.startswith(" a  "))
    assert " ".join(heading) == "engine/layout highest/s p50 ms p95 ms cores most/s alone/s CPU ms"
    assert row == ["a", "8", "0.01", "60.1", "0.75", "20", "4", "500"]
    assert "highest/s: requests a second, confirmed to have p95 within 100 ms" in text
    assert "c: not asked: r: unsupported (m)" in text


def test_shares_of_an_arm_s_own_capacity_are_left_out() -> None:
    lines: list[Record] = [closed(1, 40, 20), opened("80%", 16, 50_000), opened("common", 8, 50_000)]
    load = under_load(run(*lines), "m", "a")
    assert load is not None
    assert [one.load for one in load.offered] == ["common"]
    assert load.note == "the highest rate was not searched"


def test_a_question_under_load_has_one_line_for_each_arm() -> None:
    lines: list[ClosedLoop | OpenLoop] = [
        closed(1, 40, 20),
        opened("search 8", 8, 50_000),
        opened("confirm 8", 8, 60_000),
        closed(1, 4, 101, arm="b"),
    ]
    text = printed(run(*VERDICTS, *(msgspec.structs.replace(line, question="q") for line in lines)))
    table = text.partition("most/s")[2].partition("nothing was timed")[0]
    assert [" ".join(line.split()) for line in table.splitlines() if line.strip("─ ")] == [
        "q",
        "a 8 0.01 60.1 0.75 20",
        "b 2",
        "highest/s: requests a second, confirmed to have p95 within 100 ms",
        "b: slower than the objective when idle (q)",
    ]
