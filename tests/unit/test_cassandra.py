"""The Cassandra adapter: sizes of partitions, NULL in keys, encoding of values, statements."""

from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollup_bench.engines.cassandra import codec, partitioning, planning, tables
from rollup_bench.engines.cassandra.driver import Settings, page_rows
from rollup_bench.engines.cassandra.engine import access_path
from rollup_bench.engines.cassandra.event_slices import SlicesTable, StoredSlices
from rollup_bench.engines.cassandra.following import check_consistency
from rollup_bench.engines.cassandra.rollup_tables import split
from rollup_bench.engines.cassandra.server_filters import condition
from rollup_bench.engines.cassandra.tables import Table
from rollup_bench.engines.partials import matching
from rollup_bench.errors import RequestError
from rollup_bench.harness.conformance.tested_engine import RANDOM
from rollup_bench.workloads import dataset, filters
from rollup_bench.workloads.events import Statistics
from rollup_bench.workloads.filters import Filter, Op
from rollup_bench.workloads.measures import parse
from rollup_bench.workloads.questions import EPOCH, Aggregate, Funnel, Grain, Span, milliseconds

COLUMNS = {"time": "timestamp", "event": "bigint", "user": "text"}
SEEN = {"carrier": 16, "origin": 3, "dest": 105, "tailnum": 4044}
KINDS = {
    "time_hour": "timestamp",
    **dict.fromkeys(SEEN, "string"),
    **dict.fromkeys(("distance", "dep_delay", "arr_delay", "air_time"), "int64"),
}
YEAR = 365 * 24 * tables.HOUR
NEW_YORK = ZoneInfo("America/New_York")
SCORES = Statistics("", 9, 0, YEAR, {"when": "timestamp", "score": "double"}, {}, {})
FLIGHTS = Statistics("", 336_776, 1_357_034_400_000, 1_388_548_800_000, KINDS, SEEN, {})


def events_table(rows: int, milliseconds: int) -> Table:
    return Table.of_events("events", COLUMNS, ("time", "event"), rows, milliseconds, "")


@given(st.integers(1, 10**10), st.integers(0, 20 * YEAR))
def test_evenly_spread_events_fill_a_quarter_to_half_of_a_partition(rows: int, milliseconds: int) -> None:
    table = events_table(rows, milliseconds)
    expected = rows * table.bucket_width / max(milliseconds, 1) / table.shards
    assert expected <= table.max_rows / 2 or table.bucket_width == 1
    assert (
        expected > table.max_rows / 4.01 or table.bucket_width < 128
    )  # widths below a second are not powers of two any more


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 70_000)), min_size=1, max_size=8))
def test_no_partition_exceeds_its_maximum_of_rows_if_events_are_skewed(bursts: list[tuple[int, int]]) -> None:
    table = events_table(sum(rows for _, rows in bursts), YEAR)
    before: dict[int, int] = {}
    partitions: dict[tuple[int, int], int] = {}
    for day, rows in bursts:
        times = pa.array(np.full(rows, -YEAR // 2 + day * 24 * tables.HOUR), pa.timestamp("ms", "UTC"))
        written = pa.table({"time": times, "event": np.arange(rows), "user": [None] * rows})
        for place in zip(*partitioning.assign_partitions(table, written, before), strict=True):
            partitions[place] = partitions.get(place, 0) + 1
    assert max(partitions.values()) <= table.max_rows <= tables.MAX_ROWS
    assert sum(partitions.values()) == sum(before.values()) == sum(rows for _, rows in bursts)
    shards = {bucket: max(s for b, s in partitions if b == bucket) + 1 for bucket, _ in partitions}
    assert all(shards[bucket] <= table.shard_count(rows) for bucket, rows in before.items())


def rows_of(users: list[int]) -> pa.Table:
    """Rows for a table by user and time: user `i` has `users[i]` rows, one for each hour from 1960 on."""
    hours = np.concatenate([np.arange(rows) for rows in users])
    names = np.repeat(np.arange(len(users)), users).astype(str)
    return pa.table({"user": names, "time": pa.array(hours * tables.HOUR - 10 * YEAR, pa.timestamp("ms", "UTC"))})


USERS = st.lists(st.integers(1, 3_000), min_size=1, max_size=300)


@given(USERS)
def test_each_combination_of_leading_values_is_in_one_partition_and_partitions_are_few(users: list[int]) -> None:
    table, rows = Table("totals", {"user": "text", "time": "timestamp"}, ("user", "time"), ""), rows_of(users)
    bucket_rows: dict[int, int] = {}
    buckets, shards = partitioning.assign_partitions(partitioning.fitted(table, rows), rows, bucket_rows)
    assert len(set(zip(rows["user"].to_pylist(), buckets.tolist(), shards.tolist(), strict=True))) == len(users)
    assert max(bucket_rows.values()) <= tables.MAX_ROWS
    assert len(bucket_rows) <= 1 + partitioning.MOST_BUCKETS * rows.num_rows / tables.MAX_ROWS


@given(USERS)
def test_periods_of_computed_rows_are_as_long_as_the_rows_of_a_partition_permit(users: list[int]) -> None:
    table, rows = Table("totals", {"time": "timestamp", "user": "text"}, ("time", "user"), ""), rows_of(users)
    sized, bucket_rows = partitioning.fitted(table, rows), dict[int, int]()
    _, shards = partitioning.assign_partitions(sized, rows, bucket_rows)
    assert set(shards) == {0}
    assert max(bucket_rows.values()) <= tables.MAX_ROWS
    wider = np.asarray(rows["time"].cast(pa.int64())) // (2 * sized.bucket_width or YEAR)
    most = np.unique(wider, return_counts=True)[1].max()
    assert most > tables.MAX_ROWS or len(bucket_rows) <= 2


def test_the_rows_of_one_moment_are_spread_over_four_partitions() -> None:
    table = events_table(10**6, YEAR)
    written = pa.table({"time": pa.array(np.zeros(8_000, np.int64), pa.timestamp("ms")), "event": np.arange(8_000)})
    buckets, shards = partitioning.assign_partitions(table, written, {})
    assert set(buckets) == {0}
    assert np.bincount(shards).min() > 1_800


@given(st.lists(st.one_of(st.none(), st.text(alphabet="\\aé\x00 ", max_size=4))))
def test_text_keys_distinguish_null_from_every_text(values: list[str | None]) -> None:
    keys = codec.key(pa.array(values, pa.string()))
    assert keys.null_count == 0
    assert len(set(keys.to_pylist())) == len(set(values))
    assert codec.unkeyed(keys, pa.string()).to_pylist() == values


@given(st.lists(st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1))))
def test_integer_keys_survive_a_round_trip(values: list[int | None]) -> None:
    assert codec.unkeyed(codec.key(pa.array(values, pa.int64())), pa.int64()).to_pylist() == values


@pytest.mark.parametrize("value", [0, 1, -1, 127, 128, -128, -129, 2**63, -(2**63), 10**30])
def test_varints_are_encoded_as_the_driver_decodes_them(value: int) -> None:
    from cassandra.cqltypes import IntegerType

    (cell,) = codec.encoded(pa.array([value], pa.decimal128(38, 0)), "varint")
    assert IntegerType.deserialize(cell, 5) == value


@pytest.mark.parametrize("divided", [False, True])
def test_a_sum_of_no_values_is_null(divided: bool) -> None:
    schema = pa.schema({"user": pa.string(), "count(gold)": pa.int64(), "sum(gold)": pa.int64()})
    rows = [("a", 2, 0), ("b", 0, 0), ("c", 1, 7)]
    parts = [rows[:1], rows[1:]] if divided else [rows]
    pages = [
        {
            "u": np.array([u for u, _, _ in part], object),
            "n": pa.array([n for _, n, _ in part]),
            "s": pa.array([s for _, _, s in part]),
        }
        for part in parts
    ]
    assert pa.table(codec.partials(pages, schema), schema)["sum(gold)"].to_pylist() == [0, None, 7]


def test_names_are_quoted_and_never_collide() -> None:
    table = Table("events", {"shard": "text", 'a"b': "text"}, ('a"b',), "it's")
    assert table.create("k").splitlines() == [
        'CREATE TABLE "k"."events" (',
        '  "bucket" bigint,',
        '  "shard_" int,',
        '  "shard" text,',
        '  "a""b" text,',
        '  PRIMARY KEY (("bucket", "shard_"), "a""b")',
        ") WITH comment = 'it''s'",
        *f"  AND {tables.OPTIONS}".splitlines(),
    ]


def test_partitions_of_the_flights_have_at_most_fifty_thousand_rows() -> None:
    flights = dataset.read("flights")
    kinds = {"time_hour": "timestamp", "tailnum": "string", "distance": "int64"}
    statistics = Statistics("", 336_776, 1_357_034_400_000, 1_388_548_800_000, kinds, {}, {})
    table = planning.events_table(flights, statistics)
    assert (table.bucket_width // tables.HOUR, table.shards, table.max_rows) == (2048, 4, 50_000)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, 'max("max(dep_delay)") FROM'),
        ({"grain": Grain.DAY}, 'GROUP BY "bucket", "shard", "time_hour"'),
        ({"by": ("carrier",)}, 'GROUP BY "bucket", "shard", "time_hour", "carrier"'),
        ({"grain": Grain.DAY, "by": ("carrier", "origin", "dest")}, '"max(dep_delay)" FROM'),
    ],
)
def test_the_server_merges_rows_that_are_adjacent_in_the_key(changes: dict[str, Any], expected: str) -> None:
    flights = dataset.read("flights")
    plan = planning.plan("cassandra", flights, flights.layout("day"), FLIGHTS, 1)
    span = Span(datetime(2013, 7, 1, 4, tzinfo=UTC), datetime(2013, 8, 1, 4, tzinfo=UTC))
    question = Aggregate(span, (parse("max(dep_delay)"),), zone="America/New_York", **changes)
    statement = access_path(question, plan).explain().splitlines()[0]
    assert expected in statement
    assert ("GROUP BY" in statement) == ("GROUP BY" in expected)


@pytest.mark.parametrize(
    ("start", "end", "whole", "edges"),
    [
        ("2013-02-01", "2013-05-01", ("2013-02-01", "2013-05-01"), []),
        (
            "2013-02-10",
            "2013-05-03",
            ("2013-03-01", "2013-05-01"),
            [("2013-02-10", "2013-03-01"), ("2013-05-01", "2013-05-03")],
        ),
        ("2013-02-10", "2013-03-20", None, [("2013-02-10", "2013-03-20")]),
        ("2012-06-15", "2013-02-01", ("2013-01-01", "2013-02-01"), []),
    ],
)
def test_a_span_is_split_into_whole_months_and_the_days_around_them(
    start: str, end: str, whole: tuple[str, str] | None, edges: list[tuple[str, str]]
) -> None:
    def limits(days: tuple[str, str]) -> tuple[int, int]:
        first, last = (milliseconds(datetime.fromisoformat(day).replace(tzinfo=NEW_YORK)) for day in days)
        return first, last

    found = split(limits((start, end)), Grain.MONTH, NEW_YORK.key, FLIGHTS)
    assert found == (whole and limits(whole), list(map(limits, edges)))


COMPARED = st.sampled_from([Op.EQ, Op.LT, Op.LE, Op.GT, Op.GE])
LIMITS = st.sampled_from([-2.5, -0.0, 0.0, 1.0, 1e308])


@given(st.lists(st.lists(st.tuples(COMPARED, LIMITS), min_size=1, max_size=2), min_size=1, max_size=3), LIMITS)
def test_the_ranges_that_are_read_hold_exactly_the_numbers_that_match(
    steps: list[list[tuple[Op, float]]], number: float
) -> None:
    conditions = tuple(tuple(Filter("score", op, (value,)) for op, value in step) for step in steps)
    question = Funnel(Span(EPOCH, EPOCH + timedelta(days=1)), conditions, 60)
    table = StoredSlices("score", ()).table("slices", RANDOM.columns, SCORES)
    ranges = SlicesTable(StoredSlices("score", ()), table).ranges(question)
    rows = pa.table({"score": [number]})
    matched = any(matching(rows, step).num_rows for step in conditions)
    assert sum(low <= number <= high for low, high in ranges) == matched
    assert all(high < low for (_, high), (low, _) in pairwise(ranges))


@pytest.mark.parametrize(
    ("where", "text", "values"),
    [
        ({}, "", ()),
        ({"user": {"ne": "a"}, "score": {"null": True}}, "", ()),
        ({"user": "a"}, ' AND "user" = ? ALLOW FILTERING', ("a",)),
        ({"user": ["a", "b"]}, ' AND "user" IN (?, ?) ALLOW FILTERING', ("a", "b")),
        ({"gold": {"ge": 0, "lt": 9}}, ' AND "gold" >= ? AND "gold" < ? ALLOW FILTERING', (0, 9)),
        ({"gold": {"ge": 0, "gt": 3}}, ' AND "gold" >= ? ALLOW FILTERING', (0,)),
        ({"gold": {"ge": 0, "eq": 3}}, ' AND "gold" = ? ALLOW FILTERING', (3,)),
        ({"score": 0}, ' AND "score" IN (?, ?) ALLOW FILTERING', (0.0, -0.0)),
        ({"score": {"gt": 0.0, "le": -0.0}}, ' AND "score" > ? AND "score" <= ? ALLOW FILTERING', (-0.0, 0.0)),
        ({"score": {"ge": 0, "lt": 2}}, ' AND "score" >= ? AND "score" < ? ALLOW FILTERING', (-0.0, 2.0)),
    ],
)
def test_the_server_filters_what_cql_can_compare(where: dict[str, Any], text: str, values: tuple[Any, ...]) -> None:
    found = condition(filters.parse(where), frozenset({"score"}))
    assert found.text == text
    assert repr(found.values) == repr(values)  # -0.0 == 0.0


def test_a_page_is_bounded_by_its_bytes() -> None:
    assert page_rows(["bigint"] * 8) == (2 << 20) // 96
    assert page_rows(["varchar"]) == (2 << 20) // 20


@pytest.mark.parametrize(
    ("layout", "copies", "level", "allowed"),
    [("day", 3, "ONE", False), ("day", 3, "LOCAL_QUORUM", True), ("day", 1, "ONE", True), ("raw", 3, "ONE", True)],
)
def test_a_stream_of_a_rollup_reads_what_it_has_written(layout: str, copies: int, level: str, allowed: bool) -> None:
    flights = dataset.read("flights")
    plan = planning.plan("cassandra", flights, flights.layout(layout), FLIGHTS, copies)
    with nullcontext() if allowed else pytest.raises(RequestError, match=f"at {level}, .*; give one of QUORUM"):
        check_consistency(plan, Settings(copies, level))
