"""Local time by offsets written as numbers agrees with zoneinfo, for every zone and year."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from rollup_bench.engines.duckdb.zones import LocalTime, local_time
from rollup_bench.workloads import calendar
from rollup_bench.workloads.events import Statistics
from rollup_bench.workloads.filters import parse
from rollup_bench.workloads.questions import EPOCH, Grain, milliseconds
from rollup_bench.workloads.truth import buckets

ZONES = sorted(available_timezones() - {"localtime", "Factory"})[::5]
TRICKY = ["America/New_York", "America/Sao_Paulo", "America/St_Johns", "Africa/Monrovia", "Asia/Kathmandu"]
TRICKY += ["Australia/Lord_Howe", "Europe/Amsterdam", "Antarctica/Troll", "Pacific/Apia", "Africa/Casablanca"]
FIRST, RECENT, LAST = (milliseconds(datetime(year, 1, 1, tzinfo=UTC)) for year in (1890, 2005, 2110))
DAY = timedelta(days=1)


def instants(zone: str, first: int = FIRST, last: int = LAST) -> list[int]:
    """Instants beside each clock change, and one in every month."""
    changes = [change for change, _ in calendar.clock_changes(zone, first, last)]
    near = [change + step for change in changes for step in (-3_600_000, -1, 0, 1, 1_800_000, 3_600_000)]
    return sorted(at for at in {*near, *range(first, last, 30 * 86_400_000 + 12_345_678)} if first <= at <= last)


def shown(instant: int, zone: str) -> datetime:
    """What zoneinfo says that a clock shows."""
    return (EPOCH + timedelta(milliseconds=instant)).astimezone(ZoneInfo(zone)).replace(tzinfo=None)


def evaluated(expression: str, column: str, values: Sequence[object]) -> list[object]:
    """An SQL expression over the values of a column."""
    kind = pa.timestamp("ms")
    table = pa.table({column: pa.array(values, kind)})
    with duckdb.connect() as connection:
        connection.register("rows", table)
        return [row[0] for row in connection.execute(f"SELECT {expression} FROM rows").fetchall()]


@pytest.mark.parametrize("zone", TRICKY)
def test_duckdb_shows_what_a_clock_in_the_zone_shows(zone: str) -> None:
    moments = instants(zone)
    expected = [shown(moment, zone) for moment in moments]
    assert evaluated(LocalTime(zone, FIRST, LAST).shown("t"), "t", moments) == expected


@pytest.mark.parametrize("zone", TRICKY)
@pytest.mark.parametrize("grain", [Grain.MINUTE, Grain.HOUR])
def test_duckdb_starts_minutes_and_hours_where_the_clock_does(zone: str, grain: Grain) -> None:
    moments = instants(zone)
    expected = buckets.bucket(np.array(moments), grain, zone, 0).tolist()
    assert evaluated(LocalTime(zone, FIRST, LAST).bucket("t", grain), "t", moments) == expected


@pytest.mark.parametrize("zone", TRICKY)
@pytest.mark.parametrize("grain", [Grain.WEEK, Grain.MONTH, Grain.QUARTER, Grain.YEAR])
def test_duckdb_compares_many_events_with_the_starts_of_buckets(zone: str, grain: Grain) -> None:
    first, last = RECENT, RECENT + 3 * 366 * 86_400_000
    moments = instants(zone, first, last)
    starts = LocalTime(zone, first, last, events=200 * 10_000).few_starts("t", grain)
    assert starts is not None
    assert LocalTime(zone, first, last, events=4_999).few_starts("t", grain) is None
    assert evaluated(starts, "t", moments) == buckets.bucket(np.array(moments), grain, zone, 0).tolist()


@pytest.mark.parametrize(
    ("where", "events"),
    [
        ({"player": 7}, 100),
        ({"player": [7, 8]}, 200),
        ({"player": 7, "country": "DE"}, 25),
        ({"country": ["DE", "FR", "GB", "PL", "US"]}, 1_000),
        ({"gold": 7}, 1_000),
        ({"player": {"ge": 7}}, 1_000),
    ],
)
def test_duckdb_expects_fewer_events_where_filters_demand_values(where: dict[str, object], events: int) -> None:
    last, types = 1_000_000, {"player": "int64", "country": "string", "gold": "int64"}
    statistics = Statistics("", 1_000, 0, last, types, {"player": 10, "country": 4}, {})
    assert local_time("UTC", (0, last), statistics, parse(where)).events == events


def test_duckdb_compares_events_around_1970_with_wide_numbers() -> None:
    starts = LocalTime("UTC", 0, 20 * calendar.DAY, events=1_000_000).few_starts("t", Grain.MONTH)
    assert evaluated(f"typeof({starts})", "t", [0]) == ["BIGINT"]


@pytest.mark.parametrize("zone", TRICKY)
def test_duckdb_and_the_calendar_start_days_where_the_truth_does(zone: str) -> None:
    days = sorted({shown(moment, zone).replace(hour=0, minute=0, second=0, microsecond=0) for moment in instants(zone)})
    expected = [buckets.midnight((day - datetime(1970, 1, 1)) // DAY, zone) for day in days]
    assert evaluated(LocalTime(zone, FIRST, LAST).start("t", Grain.DAY), "t", days) == expected
    assert np.asarray(calendar.starts(pa.array(expected), Grain.DAY, zone)).tolist() == expected


@pytest.mark.parametrize("grain", [Grain.DAY, Grain.WEEK, Grain.MONTH, Grain.QUARTER, Grain.YEAR])
@pytest.mark.parametrize("zone", TRICKY)
def test_the_calendar_lists_the_starts_of_buckets(zone: str, grain: Grain) -> None:
    moments = [moment for moment in instants(zone) if RECENT <= moment < RECENT + 3 * 365 * 86_400_000]
    expected = sorted(set(buckets.bucket(np.array(moments), grain, zone, 0).tolist()))
    starts = calendar.bucket_starts(zone, grain, moments[0], moments[-1])
    assert set(expected) <= set(starts)
    assert (starts[0], starts[-1]) == (expected[0], expected[-1])
    assert np.asarray(calendar.starts(pa.array(starts), grain, zone)).tolist() == starts


@pytest.mark.parametrize("zone", ZONES)
def test_the_calendar_and_the_truth_know_the_clock_changes_of_a_zone(zone: str) -> None:
    moments = instants(zone, RECENT, milliseconds(datetime(2040, 1, 1, tzinfo=UTC)))
    expected = [(shown(moment, zone) - datetime(1970, 1, 1)) // timedelta(milliseconds=1) for moment in moments]
    assert (np.array(moments) + calendar.offsets(np.array(moments), zone)).tolist() == expected
    assert buckets.to_local(np.array(moments), zone).tolist() == expected


def test_a_day_begins_twice_where_clocks_go_back_over_midnight() -> None:
    """Clocks of Newfoundland went back from 00:01 to 23:01 in 2006; those of Brazil from 24:00 to 23:00."""
    for zone, day, twice in (("America/St_Johns", "2006-10-29", True), ("America/Sao_Paulo", "2013-02-17", False)):
        midnight = datetime.fromisoformat(f"{day}T00:00").replace(tzinfo=ZoneInfo(zone))
        later = [milliseconds(midnight) + hours * 3_600_000 for hours in (2, 36)]
        start, following = calendar.starts(pa.array(later), Grain.DAY, zone).to_pylist()
        assert calendar.repeats_days(zone, start - 86_400_000, start + 86_400_000) is twice
        assert calendar.begins(start, Grain.DAY, zone) is not twice
        assert calendar.begins(following, Grain.DAY, zone)
