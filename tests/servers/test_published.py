"""Answers that others have published: every engine, all the way from a file to an answer held against the truth."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support import ROOT
from tests.support.datasets import aggregate, span, write

SHARED = ROOT.parent / "shared" / "data"
WIKIPEDIA = SHARED / "wikipedia" / "wikiticker-2015-09-12-sampled.json.gz"
Rows = list[dict[str, Any]]
Ask = Callable[..., Rows]

MONTHS = [27004, 24951, 28834, 28330, 28796, 28243, 29425, 29327, 27574, 28889, 27268, 28135]
CARRIERS = {"UA": 58665, "B6": 54635, "EV": 54173, "DL": 48110, "AA": 32729}

ROLL_UP = """\
timestamp,srcIP,dstIP,packets,bytes
2018-01-01T01:01:35Z,1.1.1.1,2.2.2.2,20,9024
2018-01-01T01:01:51Z,1.1.1.1,2.2.2.2,255,21133
2018-01-01T01:01:59Z,1.1.1.1,2.2.2.2,11,5780
2018-01-01T01:02:14Z,1.1.1.1,2.2.2.2,38,6289
2018-01-01T01:02:29Z,1.1.1.1,2.2.2.2,377,359971
2018-01-01T01:03:29Z,1.1.1.1,2.2.2.2,49,10204
2018-01-02T21:33:14Z,7.7.7.7,8.8.8.8,38,6289
2018-01-02T21:33:45Z,7.7.7.7,8.8.8.8,123,93999
2018-01-02T21:35:45Z,7.7.7.7,8.8.8.8,12,2818
"""
ROLLED_UP = [
    ("2018-01-01T01:01", "1.1.1.1", 3, 286, 35937),
    ("2018-01-01T01:02", "1.1.1.1", 2, 415, 366260),
    ("2018-01-01T01:03", "1.1.1.1", 1, 49, 10204),
    ("2018-01-02T21:33", "7.7.7.7", 2, 161, 100288),
    ("2018-01-02T21:35", "7.7.7.7", 1, 12, 2818),
]
DELETED = [1761, 16208, 14543, 13101, 12040, 6399, 9036, 11409, 11616, 17509, 19406, 16284]
DELETED += [18672, 30520, 18025, 26399, 24759, 19634, 17345, 19305, 22265, 16394, 16379, 15289]
"""The characters deleted in each hour of the day, as Druid's tutorial has them."""
PAGES = [
    ("Wikipedia:Vandalismusmeldung", 33),
    ("User:Cyde/List of candidates for speedy deletion/Subpage", 28),
    ("Jeremy Corbyn", 27),
    ("Wikipedia:Administrators' noticeboard/Incidents", 21),
    ("Flavia Pennetta", 20),
]


def values(rows: Rows, *names: str) -> list[Any]:
    return [tuple(row[n] for n in names) if len(names) > 1 else row[names[0]] for row in rows]


def test_flights_by_month(ask: Ask) -> None:
    rows = ask("flights", "flights-by-month")
    assert values(rows, "count()") == MONTHS
    assert rows[0]["bucket"].isoformat() == "2013-01-01T05:00:00+00:00"


def test_flights_by_carrier(ask: Ask) -> None:
    counts: Mapping[str, int] = dict(values(ask("flights", "carriers"), "carrier", "count()"))
    assert sorted(counts.items(), key=lambda item: -item[1])[:5] == list(CARRIERS.items())
    assert sum(counts.values()) == sum(MONTHS) == 336_776


def test_roll_up_of_a_file_of_ones_own(ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text(ROLL_UP)
    measures = ("count()", "sum(packets)", "sum(bytes)")
    about = {"grain": "minute", "by": ["srcIP", "dstIP"], "parameters": span("2018-01-01", "2018-01-03")}
    columns = {"time": {"name": "timestamp"}, "subject": "srcIP", "dimensions": ["dstIP"]}
    file = write(
        tmp_path, aggregate("by-minute", *measures, **about), columns=columns | {"measures": ["packets", "bytes"]}
    )
    rows = ask(file, "by-minute")
    got = [(f"{row['bucket']:%Y-%m-%dT%H:%M}", *values([row], "srcIP", *measures)[0]) for row in rows]
    assert got == ROLLED_UP


@pytest.mark.skipif(not WIKIPEDIA.exists(), reason="the edits are not beside this repository")
def test_the_busiest_pages_of_wikipedia(ask: Ask, tmp_path: Path) -> None:
    day, ever = span("2015-09-12", "2015-09-13"), span("2000-01-01", "2020-01-01")
    toml = write(
        tmp_path,
        aggregate("busiest-pages", "count()", by=["page"], top=10, parameters=day),
        aggregate("everything", "count()", "distinct(user)", "distinct(page)", parameters=ever),
        source={"path": str(WIKIPEDIA)},
        columns={"time": {"name": "time"}, "subject": "user", "dimensions": ["channel", "page"]},
    )
    busiest = ask(toml, "busiest-pages")
    assert values(busiest, "page", "count()")[:5] == PAGES
    assert values(busiest, "count()")[5:] == [18, 18, 18, 17, 17]
    (everything,) = ask(toml, "everything")
    assert values([everything], "count()", "distinct(user)", "distinct(page)") == [(39_244, 10_531, 35_143)]


@pytest.mark.skipif(not WIKIPEDIA.exists(), reason="the edits are not beside this repository")
@pytest.mark.parametrize("layout", ["raw", "tuned"])
def test_deletions_by_hour_of_day(ask: Ask, tmp_path: Path, layout: str) -> None:
    toml = write(
        tmp_path,
        aggregate("deletions", "sum(deleted)", by=["hour_of_day"], parameters=span("2000-01-01", "2020-01-01")),
        source={"path": str(WIKIPEDIA)},
        columns={"time": {"name": "time"}, "subject": "user", "measures": ["deleted"]},
    )
    rows = ask(toml, "deletions", layout)
    assert values(rows, "hour_of_day", "sum(deleted)") == list(enumerate(DELETED))
