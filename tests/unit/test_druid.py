"""The Druid adapter: sketches, quantiles, wide sums, events as JSON, buckets in zones that Druid counts wrongly."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollup_bench.engines.druid import bitmap_retention, buckets, exact_quantiles, ingest, sketches, sql
from rollup_bench.engines.druid.datasource import Datasource, quoted
from rollup_bench.engines.druid.engine import Druid
from rollup_bench.engines.rollups import Rollup
from rollup_bench.errors import FailureError
from rollup_bench.servers.budget import Budget
from rollup_bench.workloads import layouts
from rollup_bench.workloads.columns import INSTANT
from rollup_bench.workloads.events import Statistics
from rollup_bench.workloads.filters import Filter, Op
from rollup_bench.workloads.layouts import Layout
from rollup_bench.workloads.measures import parse
from rollup_bench.workloads.questions import Age, Aggregate, Cohort, Grain, Span, Top
from rollup_bench.workloads.rule import Part

YEAR = 31_557_600_000


def statistics(rows: int = 1, years: float = 1, magnitude: float = 1.0) -> Statistics:
    types = {"when": "timestamp", "user": "string", "level": "int64", "gold": "int64", "score": "double"}
    return Statistics("f", rows, 0, int(years * YEAR), types, {"user": 1}, {"gold": magnitude, "score": magnitude})


@given(st.sampled_from([Part.DISTINCT, Part.QUANTILE]), st.floats(0.005, 0.5))
def test_size_is_of_the_smallest_sketch_whose_error_is_tolerated(part: Part, tolerated: float) -> None:
    size = sketches.size(part, tolerated)
    assert size is not None
    assert sketches.error(part, tolerated) <= tolerated
    smaller = [s for s in sketches.SIZES[part] if s < size]
    assert all(sketches.error(part, tolerated) < sketches._error(part, s) for s in smaller)
    assert all(sketches._error(part, s) > tolerated for s in smaller)


def test_no_sketch_is_exact() -> None:
    assert sketches.size(Part.DISTINCT, 0.0) is None
    assert sketches.size(Part.QUANTILE, 1e-6) is None


@given(st.lists(st.tuples(st.none() | st.text(), st.none() | st.floats(allow_nan=False, allow_infinity=False))))
def test_events_survive_a_round_trip_through_json(rows: list[tuple[str | None, float | None]]) -> None:
    schema = pa.schema([("when", INSTANT), ('a,"b', pa.string()), ("score", pa.float64())])
    table = pa.table(
        {"when": pa.array([7] * len(rows)).cast(INSTANT), 'a,"b': [r[0] for r in rows], "score": [r[1] for r in rows]},
        schema,
    )
    written = b"".join(bytes(ingest.lines(batch, "when")) for batch in table.to_batches())
    read = [json.loads(line) for line in written.decode().split("\n") if line]
    wanted = [{"__time": 7, 'a%2C"b': text, "score": number} for text, number in rows]
    assert read == [{k: v for k, v in row.items() if v is not None} for row in wanted]


@pytest.mark.parametrize(
    ("rows", "years", "granularity"),
    [(30_000_000, 1, "YEAR"), (30_000_001, 1, "MONTH"), (300_000_000, 10, "YEAR"), (10**9, 2, "DAY")],
)
def test_a_segment_interval_has_at_most_thirty_million_rows(rows: int, years: float, granularity: str) -> None:
    assert ingest.granularity(statistics(rows, years)) == granularity


def test_sums_that_may_overflow_are_stored_in_halves() -> None:
    layout = Layout("day", Grain.DAY, "UTC", ("user",), (parse("sum(gold)"), parse("sum(score)")))
    names = {
        magnitude: [
            m["name"]
            for m in ingest.schema(
                Datasource("rollup", Rollup(layout), statistics(magnitude=magnitude), "when", "user"), "d"
            )["metricsSpec"]
        ]
        for magnitude in (2.0**62, 2.0**63)
    }
    assert names[2.0**62] == ["rows", "sum(gold)", "sum(score)"]
    assert names[2.0**63] == ["rows", "sum(gold):high", "sum(gold):low", "sum(score)"]


def test_identifiers_escape_quotes_and_commas() -> None:
    assert quoted('a"b,c%') == '"a""b%2Cc%25"'


def test_each_event_is_floored_in_zones_in_which_druid_counts_buckets_wrongly() -> None:
    assert "TIME_SHIFT" not in buckets.bucket(Grain.DAY, "America/New_York", statistics(years=50))
    assert "TIME_SHIFT" in buckets.bucket(Grain.HOUR, "Australia/Lord_Howe", statistics(years=50))
    assert "TIME_SHIFT" in buckets.bucket(Grain.DAY, "America/Sao_Paulo", statistics(years=50))
    repeated = int(datetime(2013, 11, 3, 5, tzinfo=UTC).timestamp() * 1000)
    first_midnight = f"WHEN {repeated} THEN {repeated - 3_600_000}"
    assert first_midnight in buckets.bucket(Grain.DAY, "America/Havana", statistics(years=50))


def test_raw_stores_every_event() -> None:
    schema = ingest.schema(Datasource("rollup", Rollup(layouts.raw), statistics(), "when", "user"), "d")
    assert schema["granularitySpec"]["rollup"] is False
    assert schema["metricsSpec"] == []
    assert [d["type"] for d in schema["dimensionsSpec"]["dimensions"]] == ["string", "long", "long", "double"]


@pytest.mark.parametrize(("users", "cuts"), [(1_000, True), (1_001, False)])
def test_the_client_cuts_a_top_of_few_groups(users: int, cuts: bool) -> None:
    known = msgspec.structs.replace(statistics(), cardinality={"user": users})
    raw = Datasource("events", Rollup(layouts.raw), known, "when", "user")
    span = Span(datetime(2020, 1, 1, tzinfo=UTC), datetime(2020, 2, 1, tzinfo=UTC))
    question = Aggregate(span, (parse("count()"),), by=("user",), top=Top(3, parse("count()")))
    assert sql.client_cuts(question, raw) is cuts
    assert ("LIMIT" in sql.aggregate(question, raw, "d").text) is not cuts


QUANTILES = Aggregate(
    Span(datetime(2020, 1, 1, tzinfo=UTC), datetime(2020, 2, 1, tzinfo=UTC)),
    (parse("quantile(score, 0.5)"), parse("mean(score)"), parse("count()")),
    by=("user",),
)
RAW = Datasource("events", Rollup(layouts.raw), statistics(), "when", "user")


def test_exact_quantiles_rank_values_by_their_counts() -> None:
    prepared = exact_quantiles.prepare(QUANTILES, RAW, "d")
    assert 'GROUP BY "user", "score"' in prepared.statement.text
    rows: list[tuple[Any, ...]] = [
        ("u", 2.0, 1, 1, 2.0),
        ("u", -1.0, 2, 2, -2.0),
        ("u", -0.0, 1, 1, -0.0),
        ("u", None, 9, 0, None),
    ]
    rows += [("v", None, 3, 0, None), (None, 7.5, 1, 1, 7.5)]
    found = exact_quantiles.answer(QUANTILES, RAW, prepared, rows).drop_columns(["bucket"]).to_pylist()
    assert [tuple(row.values()) for row in found] == [("u", -1.0, 0.0, 13), ("v", None, None, 3), (None, 7.5, 7.5, 1)]


def test_exact_quantiles_of_too_many_groups_fail_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exact_quantiles, "MAX_GROUPS", 1)
    prepared = exact_quantiles.prepare(QUANTILES, RAW, "d")
    assert prepared.statement.values[-1] == 2
    with pytest.raises(FailureError, match="more than 1 values of score in groups"):
        exact_quantiles.answer(QUANTILES, RAW, prepared, [("u", 1.0, 1, 1, 1.0), ("u", 2.0, 1, 1, 2.0)])


def test_rows_become_a_sorted_answer_in_which_the_halves_of_wide_sums_are_put_together() -> None:
    wide = Datasource("events", Rollup(layouts.raw), statistics(magnitude=2.0**64), "when", "user")
    question = Aggregate(QUANTILES.span, (parse("sum(gold)"), parse("count()")), by=("user",))
    prepared = sql.prepare(question, wide, "d")
    found = sql.answer(question, wide, prepared, [("v", 1, 5, 2), ("u", None, None, 1)])
    assert [tuple(row.values())[1:] for row in found.to_pylist()] == [("u", None, 1), ("v", 2**32 + 5, 2)]
    assert sql.answer(question, wide, prepared, []).schema == found.schema == prepared.schema
    with pytest.raises(OverflowError, match=r"sum\(gold\)"):
        sql.answer(question, wide, prepared, [("v", 2**31, 0, 2)])


@pytest.mark.parametrize(
    ("measure", "magnitude", "ranks"),
    [
        ("quantile(score, 0.5)", 1.0, True),
        ("quantile(score, 0.5, error=0.01)", 1.0, False),
        ("quantile(score, 0.5, error=0.000001)", 1.0, True),
        ("quantile(gold, 0.5, error=0.01)", 2.0**53, True),
        ("distinct(user)", 1.0, False),
    ],
)
def test_values_are_ranked_if_no_sketch_is_accurate_enough(measure: str, magnitude: float, ranks: bool) -> None:
    raw = Datasource("events", Rollup(layouts.raw), statistics(magnitude=magnitude), "when", "user")
    assert raw.ranks(parse(measure)) is ranks


def retention(until: datetime, unit: Grain = Grain.MONTH, **more: Any) -> Cohort:
    span = Span(datetime(2020, 1, 1, tzinfo=UTC), datetime(2020, 2, 1, tzinfo=UTC))
    return Cohort(span, until, Age(unit, 3), grain=Grain.MONTH, **more)


def test_bitmaps_apply_to_63_periods_at_most() -> None:
    assert bitmap_retention.applies(retention(datetime(2025, 3, 31, tzinfo=UTC)))
    assert not bitmap_retention.applies(retention(datetime(2025, 4, 1, tzinfo=UTC)))
    assert not bitmap_retention.applies(retention(datetime(2020, 4, 1, tzinfo=UTC), Grain.DAY))


def test_bitmaps_apply_only_if_no_return_can_precede_the_birth() -> None:
    bought = (Filter("action", Op.EQ, ("buy",)),)
    until = datetime(2020, 6, 1, tzinfo=UTC)
    assert bitmap_retention.applies(retention(until, birth=bought, returns=bought))
    assert bitmap_retention.applies(retention(until, returns=bought))
    assert not bitmap_retention.applies(retention(until, birth=bought))
    assert not bitmap_retention.applies(retention(until, repeat=True))
    assert not bitmap_retention.applies(retention(until, measure=parse("count()")))


def test_tables_are_listed_again_if_one_was_dropped_meanwhile(tmp_path: Path) -> None:
    messages = ['druid: 500: Cannot invoke "Table.getJdbcTableType()" because "table" is null', "druid: 500: no memory"]

    class Stumbling:
        def rows(self, _text: str, _values: list[str]) -> list[list[int]]:
            if messages:
                raise FailureError(messages.pop(0))
            return [[1]]

    druid = Druid(None, tmp_path, Budget(1, 1 << 30))
    druid.__dict__["_connection"] = Stumbling()
    with pytest.raises(FailureError, match="no memory"):
        druid._is_served("rb_1")
    assert druid._is_served("rb_1")


@pytest.mark.parametrize(("value", "keyed"), [("日本", None), ("", None), ("～", "～"), ("a🙂", "a\uffff\uffff🙂")])
def test_texts_are_compared_by_code_point(value: str, keyed: str | None) -> None:
    parameters = sql.Parameters()
    (condition,) = sql.conditions((Filter("country", Op.LT, (value,)),), parameters)
    assert condition.startswith('"country" <' if keyed is None else 'REGEXP_REPLACE("country", ')
    assert parameters.values[-1] == (value if keyed is None else keyed)
