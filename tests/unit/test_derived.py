"""Derived columns equal what Python's datetime, zoneinfo and str compute of the same values."""

import csv
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from rollup_bench.errors import RequestError
from rollup_bench.workloads import dataset as datasets
from rollup_bench.workloads import events
from tests.support.command import Command
from tests.support.datasets import aggregate, write

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ZONES = [
    "America/New_York",
    "Europe/Paris",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "America/Sao_Paulo",
]
ZONES += ["Africa/Casablanca", "America/St_Johns"]
EDGES = [-10, 0, 0.5, 10, 1000000]
LABELS = ["1: below -10", "2: -10 to 0", "3: 0 to 0.5", "4: 0.5 to 10", "5: 10 to 1000000", "6: 1000000 and more"]


def prepared(folder: Path, rows: list[dict[str, Any]], derived: dict[str, Any], **columns: Any) -> list[dict[str, Any]]:
    """The events of these rows; a column `other` has no role of its own."""
    with (folder / "data.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    mine = datasets.read(str(write(folder, derived=derived, columns=columns, zone="America/Lima")))
    return [row for batch in events.prepare(mine, folder / "home").batches() for row in batch.to_pylist()]


def instants(zone: str, rng: Random, count: int) -> list[datetime]:
    """Random instants in whole milliseconds from 1900 to 2150; half of them are within a day of a clock change."""
    hours = [datetime(1900, 1, 1, tzinfo=UTC) + timedelta(hours=rng.randrange(2_190_000)) for _ in range(40)]
    near, step = [], timedelta(days=90)
    for hour in hours:
        low, high = hour, hour + step
        if low.astimezone(ZoneInfo(zone)).utcoffset() == high.astimezone(ZoneInfo(zone)).utcoffset():
            continue
        while high - low > timedelta(hours=1):
            middle = low + (high - low) / 2
            same = middle.astimezone(ZoneInfo(zone)).utcoffset() == low.astimezone(ZoneInfo(zone)).utcoffset()
            low, high = (middle, high) if same else (low, middle)
        near.append(low)
    chosen = [
        rng.choice(near or hours) + timedelta(milliseconds=rng.randrange(-(9**8), 9**8)) for _ in range(count // 2)
    ]
    chosen += [EPOCH + timedelta(milliseconds=rng.randrange(-(2**41), 5 * 10**12)) for _ in range(count - len(chosen))]
    return [at.replace(microsecond=at.microsecond // 1000 * 1000) for at in chosen]


def parts(at: datetime, zone: str) -> dict[str, int]:
    local = at.astimezone(ZoneInfo(zone))
    clock = {"hour": local.hour, "day": local.day, "month": local.month, "quarter": (local.month - 1) // 3 + 1}
    return clock | {"weekday": local.isoweekday(), "week": local.isocalendar().week}


@pytest.mark.parametrize("zone", ZONES)
def test_parts_of_times_are_those_of_a_local_clock(tmp_path: Path, zone: str) -> None:
    moments = instants(zone, Random(zone), 1000)
    names = list(parts(EPOCH, zone))
    derived = {name: {"part": name, "of": "at", "zone": zone} for name in names}
    rows = [{"at": at.isoformat(), "who": "a"} for at in moments]
    got = prepared(tmp_path, rows, derived, dimensions=names)
    assert [{name: row[name] for name in names} for row in got] == [parts(at, zone) for at in moments]


def test_parts_are_in_the_zone_of_the_dataset_and_null_without_a_time(tmp_path: Path) -> None:
    rows = [{"at": "2024-01-01T03:00:00Z", "who": "a", "came": came} for came in ("2024-05-05T12:00:00Z", "")]
    derived = {"day": {"part": "day", "of": "at"}, "quarter": {"part": "quarter", "of": "came", "default": 0}}
    derived["hour"] = {"part": "hour", "of": "came"}
    got = prepared(tmp_path, rows, derived, received={"name": "came"}, dimensions=["day", "quarter", "hour"])
    assert [(row["day"], row["quarter"], row["hour"]) for row in got] == [(31, 2, 7), (31, 0, None)]


def test_buckets_of_numbers_lie_between_their_edges(tmp_path: Path) -> None:
    rng = Random(5)
    numbers = [*map(float, EDGES), *(rng.choice([1, 100, 10**7]) * rng.uniform(-1, 1) for _ in range(2000))]
    rows = [{"at": "2024-01-01", "who": "a", "other": number} for number in numbers] + [
        {"at": "2024-01-01", "who": "a"}
    ]
    got = prepared(tmp_path, rows, {"other": {"edges": EDGES, "of": "other"}}, dimensions=["other"])
    expected = [LABELS[sum(edge <= number for edge in EDGES)] for number in numbers]
    assert [row["other"] for row in got] == [*expected, None]


def test_a_number_that_a_sum_would_round_lies_between_edges(tmp_path: Path) -> None:
    rows = [{"at": "2013-06-01", "who": "a", "other": number} for number in (2**53 + 1, 0.5)]
    got = prepared(tmp_path, rows, {"other": {"edges": [10], "of": "other"}}, dimensions=["other"])
    assert [row["other"] for row in got] == ["2: 10 and more", "1: below 10"]


def test_more_than_nine_buckets_are_in_the_order_of_their_edges(tmp_path: Path) -> None:
    rows = [{"at": "2024-01-01", "who": "a", "n": n} for n in range(12)]
    got = prepared(tmp_path, rows, {"b": {"edges": list(range(1, 12)), "of": "n"}}, dimensions=["b"], measures=["n"])
    assert [row["b"] for row in got] == sorted(row["b"] for row in got)
    assert len({row["b"] for row in got}) == 12


@pytest.mark.parametrize("take", [None, 1, 2, 3, -1, -2])
def test_parts_of_texts_are_those_of_python(tmp_path: Path, take: int | None) -> None:
    rng = Random(take)
    texts = ["".join(rng.choice("ab/é🙂") for _ in range(rng.randrange(1, 12))) for _ in range(1000)]
    rows = [{"at": "2024-01-01", "who": "a", "other": text} for text in [*texts, ""]]
    split = {"split": "/", "of": "other"} | ({"take": take} if take else {})
    derived = {"part": split, "first": {"prefix": 3, "of": "other"}, "filled": split | {"default": "none"}}
    got = prepared(tmp_path, rows, derived, dimensions=list(derived))
    place = (take or 1) - ((take or 1) > 0)
    cut = [text.split("/")[place] if -len(text.split("/")) <= place < len(text.split("/")) else None for text in texts]
    assert [row["part"] for row in got] == [*cut, None]
    assert [row["filled"] for row in got] == ["none" if text is None else text for text in [*cut, None]]
    assert [row["first"] for row in got] == [*(text[:3] for text in texts), None]


@pytest.mark.parametrize(
    ("values", "default", "role", "wanted"),
    [
        (["x", ""], "none", "dimensions", ["x", "none"]),
        (["7", ""], 0, "dimensions", [7, 0]),
        (["7", ""], "none", "dimensions", ["7", "none"]),
        (["1.5", ""], 0, "measures", [1.5, 0.0]),
        (["", ""], 2.5, "measures", [2.5, 2.5]),
    ],
)
def test_a_default_stands_where_a_value_is_missing(
    tmp_path: Path, values: list[str], default: Any, role: str, wanted: list[Any]
) -> None:
    rows = [{"at": "2024-01-01", "who": "a", "n": value} for value in values]
    got = prepared(tmp_path, rows, {"n": {"of": "n", "default": default}}, **{role: ["n"]})
    assert [row["n"] for row in got] == wanted


def test_other_derived_columns_are_other_events(tmp_path: Path) -> None:
    rows = [{"at": "2024-01-01T10:00:00Z", "who": "a", "n": ""}]
    first = prepared(tmp_path, rows, {"n": {"of": "n", "default": 1}}, measures=["n"])
    second = prepared(tmp_path, rows, {"n": {"of": "n", "default": 2}}, measures=["n"])
    assert (first[0]["n"], second[0]["n"]) == (1, 2)


def test_a_default_of_another_type_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data.jsonl").write_text('{"at": "2024-01-01", "who": "a", "n": 1}\n')
    derived = {"n": {"of": "n", "default": "none"}}
    mine = datasets.read(
        str(write(tmp_path, source={"path": "data.jsonl"}, derived=derived, columns={"measures": ["n"]}))
    )
    with pytest.raises(RequestError, match="default is `none`, but the column contains integers"):
        events.prepare(mine, tmp_path / "home")


def test_a_heat_map_of_weekday_by_hour_is_one_question(command: Command, tmp_path: Path) -> None:
    start = datetime(2024, 3, 1, 6, tzinfo=UTC)
    times = [start + timedelta(hours=7 * n) for n in range(500)]
    (tmp_path / "data.csv").write_text("at,who\n" + "".join(f"{at:%Y-%m-%dT%H:%M:%SZ},u{at.day}\n" for at in times))
    zone = "America/New_York"
    derived = {name: {"part": name, "of": "at"} for name in ("weekday", "hour")}
    whole = {"start": start.date(), "end": datetime(2025, 1, 1, tzinfo=UTC).date()}
    asked = aggregate("heat", "count()", by=["weekday", "hour"], parameters=whole)
    layouts = {"day": {"grain": "day", "by": ["weekday", "hour"], "measures": ["count()"]}}
    path = str(
        write(tmp_path, asked, columns={"dimensions": list(derived)}, derived=derived, zone=zone, layouts=layouts)
    )
    counts: dict[tuple[int, int], int] = {}
    for at in times:
        local = at.astimezone(ZoneInfo(zone))
        counts[local.isoweekday(), local.hour] = counts.get((local.isoweekday(), local.hour), 0) + 1
    for layout in ("raw", "day"):
        answer = command.done("ask", "heat", "--dataset", path, "--layout", layout, "--format", "csv")
        rows = list(csv.DictReader(answer.splitlines()))
        assert {(int(row["weekday"]), int(row["hour"])): int(row["count()"]) for row in rows} == counts
