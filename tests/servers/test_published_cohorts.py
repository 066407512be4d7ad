"""Cohorts and funnels whose answers others have published: every engine that answers them."""

import csv
import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tests.support import ROOT
from tests.support.datasets import cohort, span, write

SHARED = ROOT.parent / "shared" / "data" / "ecommerce"
COOL = ROOT.parent / "shared" / "data" / "cool"
LAYOUTS = pytest.mark.parametrize("layout", ["raw", "tuned"])
LOGIN = "bG9naW4="
Ask = Callable[..., list[dict[str, Any]]]

RETAINED = [80, 50, 60]
"""The users 0 to 79, 0 to 49 and 0 to 59 on three days, as in ClickHouse's test 00688_aggregation_retention."""
LEVELS = [
    (10_000, [1000], 1),
    (10_000, [1000, 1001], 2),
    (10_000, [1000, 1001, 1002], 3),
    (10_000, [1000, 1001, 1002, 1008], 4),
    (1, [1000], 1),
    (2, [1003, 1004, 1005, 1006, 1007], 3),
    (3, [1003, 1004, 1005, 1006, 1007], 4),
    (4, [1003, 1004, 1005, 1006, 1007], 5),
    (10_000, [1008, 1001], 1),
]
"""A window, the events of the steps, and how many steps are reached where the events 1000 to 1008 come one a second,
as in ClickHouse's test 00632_aggregation_window_funnel."""


@pytest.mark.skipif(not SHARED.exists(), reason="the products are not beside this repository")
def test_products_by_month_of_first_sale(ask: Ask, tmp_path: Path) -> None:
    file = write(
        *(tmp_path, cohort("retention", "month", 12, parameters=span("2021-01-01", "2022-01-01"))),
        source={"path": str(SHARED / "data.csv")},
        columns={"time": {"name": "Reported_Date"}, "subject": "Product_ID", "measures": ["Number_0f_Unit_Sold"]},
    )
    rows = ask(file, "retention")
    with (SHARED / "Cohort.csv").open() as published:
        expected = [
            (r["cohort_month"][:7], int(r["count_user"]), float(r["month_number"]), float(r["retention_rate"]))
            for r in csv.DictReader(published)
        ]
    assert [(f"{r['cohort']:%Y-%m}", r["size"], r["age"], r["value"] / r["size"]) for r in rows] == expected


@pytest.mark.skipif(not COOL.exists(), reason="the events are not beside this repository")
@LAYOUTS
def test_logins_since_a_changed_password(ask: Ask, tmp_path: Path, layout: str) -> None:
    """The times are days. Which events of a day are after the birth follows from their order in the file."""
    asked: dict[str, Any] = {
        "name": "logins",
        "kind": "cohort",
        "by": "group",
        "age": {"unit": "day", "count": 15},
        "measure": "count()",
    }
    asked |= {"birth": {"isBirth": 1}, "returns": {"actions": LOGIN}, "until": date(2020, 3, 1)}
    file = write(
        *(tmp_path, asked | {"parameters": span("2019-12-01", "2020-02-01")}),
        source={"path": str(COOL / "fraud_case-data.csv.gz"), "rename": {"group": "cohort"}, "row_number": "line"},
        columns={"time": {"name": "date"}, "subject": "userid", "action": "actions", "order": "line"}
        | {"dimensions": ["group", "isBirth"]},
    )
    logins: dict[str, list[int]] = {}
    for row in ask(file, "logins", layout):
        logins.setdefault(row["cohort"], []).append(row["value"])
    assert logins == json.loads((COOL / "fraud_case-sample_query_login_count-query_result.json").read_text())


@pytest.mark.skipif(not COOL.exists(), reason="the events are not beside this repository")
@LAYOUTS
@pytest.mark.parametrize(("order", "players"), [(True, [5, 5, 4, 4]), (False, [5, 5, 4, 3])])
def test_players_who_select_a_package(ask: Ask, tmp_path: Path, layout: str, order: bool, players: list[int]) -> None:
    """The published funnel follows the order of events of a day in the file; without it, one player is lost."""
    steps = [{"event": "launch"}, {"event": "fight"}, {"event": "dungeon", "money": {"ge": 4000, "le": 30_000}}]
    asked = {"name": "through", "kind": "funnel", "steps": [*steps, {"event": "selectdungeonspackage"}]}
    file = write(
        *(tmp_path, asked | {"window": 10**8, "parameters": span("2013-05-01", "2013-07-01")}),
        source={"path": str(COOL / "sogamo-data.csv.gz")} | ({"row_number": "line"} if order else {}),
        columns={"time": {"name": "eventDay"}, "subject": "playerId", "action": "event", "measures": ["money"]}
        | ({"order": "line"} if order else {}),
    )
    assert [row["subjects"] for row in ask(file, "through", layout)] == players


def test_cdnow_in_all(ask: Ask) -> None:
    months = ask("cdnow", "sales-by-month")
    assert sum(row["count()"] for row in months) == 69_659
    cohorts = ask("cdnow", "retention-by-month")
    born = {row["cohort"]: (row["size"], row["value"]) for row in cohorts if row["age"] == 0}
    assert sum(size for size, _ in born.values()) == 23_570
    assert all(size == value for size, value in born.values())


def test_retention_of_three_days(ask: Ask, tmp_path: Path) -> None:
    rows = [f"2018-08-0{day},{user}" for day, users in enumerate(RETAINED, 6) for user in range(users)]
    (tmp_path / "data.csv").write_text("\n".join(["at,who", *rows]))
    first = span("2018-08-06", "2018-08-07")
    file = write(tmp_path, cohort("retention", "day", 3, until=date(2018, 8, 9), parameters=first))
    assert [row["value"] for row in ask(file, "retention")] == RETAINED


def test_how_far_a_funnel_gets(ask: Ask, tmp_path: Path) -> None:
    rows = [f"{second},1,{1000 + second}" for second in range(9)]
    (tmp_path / "data.csv").write_text("\n".join(["at,who,event", *rows]))
    about = {"kind": "funnel", "parameters": span("1970-01-01", "1970-01-02")}
    asked = [
        {"name": f"f{i}", "window": window, "steps": [{"event": event} for event in events]} | about
        for i, (window, events, _) in enumerate(LEVELS)
    ]
    file = write(tmp_path, *asked, columns={"time": {"name": "at", "format": "seconds"}, "dimensions": ["event"]})
    for i, (_, _, level) in enumerate(LEVELS):
        reached = ask(file, f"f{i}")
        assert sum(row["subjects"] for row in reached) == level


SKIPPED = [f"2013-10-{day}T{hour}:00:00Z,{day}-{hour}" for day in (19, 20, 21) for hour in ("04", "20")]
REPEATED = ["2006-10-29T02:30:30Z,a", "2006-10-29T02:45:00Z,a", "2006-10-31T12:00:00Z,a", "2006-10-29T12:00:00Z,b"]
"""Clocks of Brazil skip the midnight of a day; those of Newfoundland go back from 00:01 to 23:01 of the day before."""


@pytest.mark.parametrize("layout", ["raw", "tuned"])
@pytest.mark.parametrize(
    ("zone", "rows", "start", "sizes"),
    [("America/Sao_Paulo", SKIPPED, "2013-10-20", [2, 2]), ("America/St_Johns", REPEATED, "2006-10-29", [2])],
)
def test_days_whose_midnight_clocks_skip_or_repeat(
    ask: Ask, tmp_path: Path, zone: str, rows: list[str], start: str, sizes: list[int], layout: str
) -> None:
    """Each answer is compared with the truth; `a` is born at the first midnight, and returns in the day before."""
    (tmp_path / "data.csv").write_text("\n".join(["at,who", *rows]))
    parameters = span(start, "2014-01-01") | {"until": date(2014, 2, 1)}
    back = cohort("back", "day", 3, until="$until", parameters=parameters)
    once = {**cohort("once", "day", 3, until="$until", parameters=parameters), "cumulative": True}
    file = write(tmp_path, back, once, zone=zone)
    for name in ("back", "once"):
        answer = ask(file, name, layout)
        assert [row["size"] for row in answer if row["age"] == 0] == sizes
        assert all(row["value"] == row["size"] for row in answer if row["age"] == 0)
