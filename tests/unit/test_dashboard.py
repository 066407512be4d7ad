"""A dashboard on DuckDB: checked first, then all at once."""

from pathlib import Path

import pytest

from rollup_bench.engines.duckdb.engine import DuckDB
from rollup_bench.errors import RequestError
from rollup_bench.harness.records.kinds import RIGHT
from rollup_bench.harness.records.lines import Rounds, Verdict, of_type
from rollup_bench.harness.run import arms, dashboard
from rollup_bench.servers.budget import budget
from rollup_bench.workloads import dataset as datasets
from rollup_bench.workloads import events
from tests.support.datasets import aggregate, write

GAME = datasets.read("game").sized(5000, 2)


def shown(folder: Path, layout: str) -> tuple[list[Verdict], list[Rounds], list[float]]:
    """The verdicts, the rounds and the seconds of the whole."""
    prepared = events.prepare(GAME, folder)
    engine = DuckDB(None, folder, budget())
    arm = arms.arm(engine, GAME.layout(layout), GAME, prepared, folder, lambda _: None)
    records, seconds = dashboard.measure(arm, GAME.dashboard("morning"), prepared, 1, lambda _: None)
    return of_type(records, Verdict), of_type(records, Rounds), seconds


def test_ten_questions_are_right_and_the_whole_is_complete_with_the_last(tmp_path: Path) -> None:
    verdicts, rounds, seconds = shown(tmp_path, "raw")
    assert [line.question for line in verdicts] == [line.question for line in rounds] == list(GAME.dashboard("morning"))
    assert all(line.verdict in RIGHT for line in verdicts)
    times = [[time / 1e9 for pair in line.times["duckdb/raw"] if pair for time in pair] for line in rounds]
    assert seconds == pytest.approx([max(each) for each in zip(*times, strict=True)], abs=1e-9)
    assert len(seconds) == dashboard.ROUNDS


def test_a_dashboard_with_a_question_that_is_not_answered_is_not_timed(tmp_path: Path) -> None:
    verdicts, rounds, seconds = shown(tmp_path, "month")
    assert any(line.verdict == "unsupported" for line in verdicts)
    assert (rounds, seconds) == ([], [])


def test_a_dashboard_that_there_is_not_is_refused() -> None:
    with pytest.raises(RequestError, match=r"^game has no dashboard `evening`; it has morning$"):
        GAME.dashboard("evening")


@pytest.mark.parametrize("wall", [["best"], ["flown", "flown"], [], "flown"])
def test_a_dashboard_of_questions_that_there_are_not_is_refused(tmp_path: Path, wall: object) -> None:
    file = write(tmp_path, aggregate("flown", "count()"), dashboards={"wall": wall})
    with pytest.raises(RequestError, match=r"dashboards\.wall: "):
        datasets.read(str(file))
