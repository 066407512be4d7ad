"""Parts of the time that questions and layouts name without a derived column."""

from pathlib import Path
from typing import Any

import pytest

from rollup_bench.errors import RequestError
from rollup_bench.workloads import dataset as datasets
from rollup_bench.workloads import events, truth
from rollup_bench.workloads.dataset import Dataset
from rollup_bench.workloads.derived import Derived
from rollup_bench.workloads.parts import PARTS
from rollup_bench.workloads.rule import unsupported_reason
from tests.support.datasets import aggregate, cohort, write

ROWS = "at,who,hour\n2013-06-03T01:30:00Z,a,x\n2013-06-03T15:00:00Z,a,y\n2013-06-08T23:00:00Z,b,y\n"
"""In New York, an evening of Sunday 2 June, a morning of Monday and an evening of Saturday."""
ZONE = "America/New_York"
HEAT = aggregate("heat", "count()", by=["day_of_week", "hour_of_day"])


def parsed(folder: Path, *questions: dict[str, Any], **keys: Any) -> Dataset:
    (folder / "data.csv").write_text(ROWS, "utf-8")
    return datasets.read(str(write(folder, *questions, **({"zone": ZONE} | keys))))


def answered(mine: Dataset, question: str, home: Path) -> list[tuple[Any, ...]]:
    answer = truth.answer(mine.questions[question].fill(), events.prepare(mine, home))
    return [tuple(row.values())[1:] for row in answer.to_pylist()]


def test_a_question_groups_by_parts_of_the_dataset_s_local_time(tmp_path: Path) -> None:
    mine = parsed(tmp_path, HEAT)
    assert answered(mine, "heat", tmp_path) == [(1, 11, 1), (6, 19, 1), (7, 21, 1)]


def test_a_question_filters_by_a_part(tmp_path: Path) -> None:
    late = aggregate("late", "count()", by=["who"], where={"hour_of_day": {"ge": 19}})
    steps = {"name": "steps", "kind": "funnel", "steps": [{"day_of_week": 7}, {"month_of_year": 6}], "window": 10**6}
    mine = parsed(tmp_path, late, steps | {"parameters": late["parameters"]})
    assert answered(mine, "late", tmp_path) == [("a", 1), ("b", 1)]
    assert list(mine.derived) == ["hour_of_day", "day_of_week", "month_of_year"]


def test_a_cohort_is_named_by_a_part_of_its_birth(tmp_path: Path) -> None:
    by_day = {key: value for key, value in cohort("first", "day", 1, by="day_of_week").items() if key != "grain"}
    assert [row[:2] for row in answered(parsed(tmp_path, by_day), "first", tmp_path)] == [(1, 0), (1, 0)]


COUNTS = {
    "hour_of_day": [(11, 1), (19, 1), (21, 1)],
    "day_of_week": [(1, 1), (6, 1), (7, 1)],
    "day_of_month": [(2, 1), (3, 1), (8, 1)],
    "week_of_year": [(22, 1), (23, 2)],
    "month_of_year": [(6, 3)],
    "quarter_of_year": [(2, 3)],
}


@pytest.mark.parametrize("name", PARTS)
def test_each_name_is_a_part_of_local_time(tmp_path: Path, name: str) -> None:
    assert answered(parsed(tmp_path, aggregate("q", "count()", by=[name])), "q", tmp_path) == COUNTS[name]


def test_a_column_of_one_s_own_is_no_part(tmp_path: Path) -> None:
    rows = ROWS.replace("at,who,hour", "at,who,hour_of_day")
    (tmp_path / "own.csv").write_text(rows, "utf-8")
    question = aggregate("q", "count()", by=["hour_of_day"])
    mine = datasets.read(
        str(write(tmp_path, question, source={"path": "own.csv"}, columns={"dimensions": ["hour_of_day"]}))
    )
    assert answered(mine, "q", tmp_path) == [("x", 1), ("y", 2)]


def test_a_layout_answers_the_parts_that_it_groups_by(tmp_path: Path) -> None:
    layouts = {
        "parts": {"grain": "day", "by": ["day_of_week", "hour_of_day"], "measures": ["count()"]},
        "days": {"grain": "day", "measures": ["count()"]},
    }
    mine = parsed(tmp_path, HEAT, layouts=layouts)
    question = mine.questions["heat"].fill()
    assert unsupported_reason(question, mine.layouts["parts"]) is None
    assert unsupported_reason(question, mine.layouts["days"]) == "layout days does not group by day_of_week"


def test_a_dataset_that_names_no_part_has_no_more_columns(tmp_path: Path) -> None:
    mine = parsed(tmp_path, aggregate("q", "count()", by=["who"], zone="UTC"))
    assert (mine.derived, mine.columns.dimensions) == ({}, [])


def test_a_declared_column_may_have_the_name_of_its_own_part(tmp_path: Path) -> None:
    tokyo = {"hour_of_day": {"of": "at", "part": "hour", "zone": "Asia/Tokyo"}}
    question = aggregate("q", "count()", by=["hour_of_day"])
    mine = parsed(tmp_path, question, derived=tokyo, columns={"dimensions": ["hour_of_day"]})
    assert mine.derived == {"hour_of_day": Derived(of="at", part="hour", zone="Asia/Tokyo")}


@pytest.mark.parametrize(
    ("keys", "zone", "said"),
    [
        (
            {},
            "Asia/Tokyo",
            "question q: `hour_of_day` is in the dataset's zone America/New_York, not in Asia/Tokyo; write { of = ",
        ),
        ({"source": {"generator": "game"}}, ZONE, "question q: `hour_of_day` is a part of the time, which generated"),
    ],
    ids=["another zone", "generated"],
)
def test_a_part_that_cannot_be_told_is_refused(tmp_path: Path, keys: dict[str, Any], zone: str, said: str) -> None:
    with pytest.raises(RequestError) as refused:
        parsed(tmp_path, aggregate("q", "count()", by=["hour_of_day"], zone=zone), **keys)
    assert said in str(refused.value)
