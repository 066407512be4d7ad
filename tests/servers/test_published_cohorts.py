"""Cohorts and funnels whose answers others have published: every engine that answers them."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support import ROOT

SHARED = ROOT.parent / "shared" / "data" / "ecommerce"
Ask = Callable[..., list[dict[str, Any]]]

PRODUCTS = f"""
title = "Products and the days on which they sold"
[source]
path = "{SHARED / "data.csv"}"
[columns]
time = {{ name = "Reported_Date" }}
subject = "Product_ID"
measures = ["Number_0f_Unit_Sold"]
[[questions]]
name = "retention"
kind = "cohort"
grain = "month"
age = {{ unit = "month", count = 12 }}
[questions.parameters]
start = 2021-01-01
end = 2022-01-01
"""

# ClickHouse, tests/queries/0_stateless/00688_aggregation_retention: users 0-79, 0-49 and 0-59 on three days
VISITS = """
title = "Visits"
[source]
path = "visits.csv"
[columns]
time = { name = "date" }
subject = "uid"
[[questions]]
name = "retention"
kind = "cohort"
grain = "day"
age = { unit = "day", count = 3 }
until = 2018-08-09
[questions.parameters]
start = 2018-08-06
end = 2018-08-07
"""
RETAINED = [80, 50, 60]

# ClickHouse, tests/queries/0_stateless/00632_aggregation_window_funnel: events 1000 to 1008, one a second
STEPS = """
title = "Steps"
[source]
path = "steps.csv"
[columns]
time = { name = "timestamp", format = "seconds" }
subject = "uid"
dimensions = ["event"]
"""
FUNNEL = """
[[questions]]
name = "{name}"
kind = "funnel"
steps = [{steps}]
window = {window}
[questions.parameters]
start = 1970-01-01
end = 1970-01-02
"""
LEVELS = [  # window, events in turn, how far it gets
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


@pytest.mark.skipif(not SHARED.exists(), reason="the products are not beside this repository")
def test_products_by_month_of_first_sale(ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "products.toml").write_text(PRODUCTS)
    rows = ask(tmp_path / "products.toml", "retention")
    with (SHARED / "Cohort.csv").open() as published:
        expected = [
            (r["cohort_month"][:7], int(r["count_user"]), float(r["month_number"]), float(r["retention_rate"]))
            for r in csv.DictReader(published)
        ]
    assert [(f"{r['cohort']:%Y-%m}", r["size"], r["age"], r["value"] / r["size"]) for r in rows] == expected


def test_cdnow_in_all(ask: Ask) -> None:
    months = ask("cdnow", "sales-by-month")
    assert sum(row["count()"] for row in months) == 69_659
    cohorts = ask("cdnow", "retention-by-month")
    born = {row["cohort"]: (row["size"], row["value"]) for row in cohorts if row["age"] == 0}
    assert sum(size for size, _ in born.values()) == 23_570
    assert all(size == value for size, value in born.values())


def test_retention_of_three_days(ask: Ask, tmp_path: Path) -> None:
    days = {"2018-08-06": 80, "2018-08-07": 50, "2018-08-08": 60}
    rows = [f"{day},{user}" for day, users in days.items() for user in range(users)]
    (tmp_path / "visits.csv").write_text("\n".join(["date,uid", *rows]))
    (tmp_path / "visits.toml").write_text(VISITS)
    assert [row["value"] for row in ask(tmp_path / "visits.toml", "retention")] == RETAINED


def test_how_far_a_funnel_gets(ask: Ask, tmp_path: Path) -> None:
    rows = [f"{second},1,{1000 + second}" for second in range(9)]
    (tmp_path / "steps.csv").write_text("\n".join(["timestamp,uid,event", *rows]))
    asked = [
        FUNNEL.format(name=f"f{i}", window=window, steps=", ".join(f"{{ event = {event} }}" for event in events))
        for i, (window, events, _) in enumerate(LEVELS)
    ]
    (tmp_path / "steps.toml").write_text(STEPS + "".join(asked))
    for i, (_, _, level) in enumerate(LEVELS):
        reached = ask(tmp_path / "steps.toml", f"f{i}")
        assert sum(row["subjects"] for row in reached) == level
