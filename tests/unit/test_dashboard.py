"""A dashboard on DuckDB: checked first, then all at once."""

from pathlib import Path

import pytest

from rollup_bench.engines.duckdb.engine import DuckDB
from rollup_bench.errors import RequestError
from rollup_bench.harness.run import arms, dashboard
from rollup_bench.harness.run.verdicts import RIGHT, Kind
from rollup_bench.workloads import dataset as datasets
from rollup_bench.workloads import events

GAME = datasets.read("game").sized(5000, 2)


def shown(folder: Path, layout: str) -> dashboard.Shown:
    made = events.prepare(GAME, folder)
    engine = DuckDB(None, folder, arms.budget())
    (arm,) = arms.arms([engine], [layout], made, GAME, folder, lambda _: None)
    return dashboard.shown(arm, GAME.dashboard("morning"), made, 1, lambda _: None)


def test_ten_questions_are_right_and_the_whole_is_there_when_the_last_is(tmp_path: Path) -> None:
    found = shown(tmp_path, "raw")
    assert len(found.cells) == 10
    assert all(cell.verdict.kind in RIGHT for cell in found.cells)
    assert found.seconds == [max(each) for each in zip(*(cell.seconds for cell in found.cells), strict=True)]
    assert len(found.seconds) == dashboard.ROUNDS


def test_a_dashboard_with_a_question_that_is_not_answered_is_not_timed(tmp_path: Path) -> None:
    found = shown(tmp_path, "month")
    assert any(cell.verdict.kind is Kind.UNSUPPORTED for cell in found.cells)
    assert found.seconds == []


def test_a_dashboard_that_there_is_not_is_refused() -> None:
    with pytest.raises(RequestError, match=r"^game has no dashboard `evening`; it has morning$"):
        GAME.dashboard("evening")


@pytest.mark.parametrize("written", ['["best"]', '["flown", "flown"]', "[]", '"flown"'])
def test_a_dashboard_of_questions_that_there_are_not_is_refused(tmp_path: Path, written: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(
        f'title = "t"\n[source]\npath = "x.csv"\n[columns]\ntime = {{ name = "when" }}\nsubject = "who"\n'
        f"[dashboards]\nwall = {written}\n"
        '[[questions]]\nname = "flown"\nkind = "aggregate"\nmeasures = ["count()"]\n'
        "[questions.parameters]\nstart = 2013-01-01\nend = 2014-01-01\n"
    )
    with pytest.raises(RequestError, match=r"dashboards\.wall: "):
        datasets.read(str(file))
