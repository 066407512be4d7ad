"""What a roll-up can answer, and the reasons in words."""

from datetime import UTC, datetime

import pytest

from rollup_bench.workloads import layouts, rule
from rollup_bench.workloads.filters import parse as where
from rollup_bench.workloads.layouts import Layout
from rollup_bench.workloads.measures import parse
from rollup_bench.workloads.questions import Age, Aggregate, Cohort, Funnel, Grain, Question, Span
from rollup_bench.workloads.rule import Part, State, unsupported_reason

YEAR = Span(datetime(2013, 1, 1, tzinfo=UTC), datetime(2014, 1, 1, tzinfo=UTC))
HOWE = Span(datetime(2012, 12, 31, 13, tzinfo=UTC), datetime(2013, 12, 31, 13, tzinfo=UTC))
UNCHANGED = Span(datetime(2013, 3, 1, tzinfo=UTC), datetime(2013, 4, 6, 15, tzinfo=UTC))
"""Up to the instant at which Lord Howe's clock goes back by half an hour."""
YORK = Span(datetime(2013, 1, 1, 5, tzinfo=UTC), datetime(2014, 1, 1, 5, tzinfo=UTC))


def layout(grain: str, *measures: str, by: tuple[str, ...] = (), zone: str = "UTC") -> Layout:
    return Layout("kept", Grain(grain), zone, by, tuple(map(parse, measures or ("count()",))))


def question(*measures: str, span: Span = YEAR, grain: str = "all", zone: str = "UTC", **more: object) -> Aggregate:
    return Aggregate(span, tuple(map(parse, measures or ("count()",))), Grain(grain), zone, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fine", "coarse"),
    [
        ("minute", "hour"),
        ("hour", "hour"),
        ("hour", "week"),
        ("day", "month"),
        ("month", "quarter"),
        ("quarter", "year"),
    ],
)
def test_a_finer_grain_divides_a_coarser_one(fine: str, coarse: str) -> None:
    assert unsupported_reason(question(grain=coarse), layout(fine)) is None
    if fine != coarse:
        assert unsupported_reason(question(grain=fine), layout(coarse)) == f"{coarse}s do not add up to {fine}s"


def test_weeks_do_not_divide_months() -> None:
    whole_weeks = Span(datetime(2013, 1, 7, tzinfo=UTC), datetime(2013, 1, 21, tzinfo=UTC))
    assert unsupported_reason(question(grain="week", span=whole_weeks), layout("week")) is None
    for grain in ("month", "quarter", "year"):
        assert unsupported_reason(question(grain=grain, span=whole_weeks), layout("week"))


@pytest.mark.parametrize(
    ("kept", "kept_in", "grain", "zone", "span", "can"),
    [
        ("hour", "UTC", "day", "America/New_York", YORK, True),
        ("day", "UTC", "day", "America/New_York", YORK, False),
        ("day", "UTC", "all", "America/New_York", YORK, False),
        ("day", "America/New_York", "month", "America/New_York", YORK, True),
        ("hour", "UTC", "day", "Asia/Kolkata", YEAR, False),
        ("hour", "Australia/Lord_Howe", "hour", "Australia/Lord_Howe", HOWE, False),  # its clock changes by half hours
        ("day", "Australia/Lord_Howe", "day", "Australia/Lord_Howe", HOWE, True),
        ("minute", "UTC", "day", "Asia/Kolkata", YEAR, True),
        ("hour", "UTC", "all", "Asia/Kolkata", YEAR, True),
        ("hour", "America/New_York", "hour", "America/New_York", YORK, True),
        ("hour", "UTC", "hour", "Australia/Lord_Howe", UNCHANGED, True),
        (
            "day",
            "Europe/Paris",
            "day",
            "Europe/Berlin",
            Span(*(datetime(y, 12, 31, 23, tzinfo=UTC) for y in (2012, 2013))),
            True,
        ),
        (
            "day",
            "UTC",
            "day",
            "Europe/London",
            Span(datetime(2013, 1, 1, tzinfo=UTC), datetime(2013, 3, 1, tzinfo=UTC)),
            True,
        ),
        ("day", "UTC", "day", "Europe/London", YEAR, False),
    ],
)
def test_the_grain_divides_in_that_zone(kept: str, kept_in: str, grain: str, zone: str, span: Span, can: bool) -> None:
    assert (unsupported_reason(question(grain=grain, zone=zone, span=span), layout(kept, zone=kept_in)) is None) is can


def test_the_span_begins_and_ends_with_a_bucket() -> None:
    cut = "falls inside a bucket of layout kept, which stores whole days in UTC"
    noon = Span(datetime(2013, 1, 1, 12, tzinfo=UTC), YEAR.end)
    assert unsupported_reason(question(span=noon), layout("day")) == f"start {cut}"
    assert unsupported_reason(question(span=noon), layout("hour")) is None
    early = Span(YEAR.start, noon.start)
    assert unsupported_reason(question(span=early), layout("day")) == f"end {cut}"


def test_dimensions_and_filters_are_kept_apart() -> None:
    kept = layout("day", by=("origin",))
    assert unsupported_reason(question(by=("origin",), where=where({"origin": "JFK"})), kept) is None
    assert unsupported_reason(question(by=("dest",)), kept) == "layout kept does not group by dest"
    assert (
        unsupported_reason(question(where=where({"dest": "LAX"})), kept)
        == "layout kept does not group by dest, so it cannot filter by it"
    )


@pytest.mark.parametrize(
    ("asked", "kept", "can"),
    [
        ("sum(x)", "sum(x)", True),
        ("sum(x)", "mean(x)", True),
        ("mean(x)", "mean(x)", True),
        ("mean(x)", "sum(x)", False),  # count() counts the rows whose x is NULL too
        ("max(x)", "min(x)", False),
        ("sum(y)", "sum(x)", False),
        ("distinct(origin)", "count()", True),  # the groups tell
        ("distinct(who)", "count()", False),
        ("distinct(who)", "distinct(who)", True),
        ("distinct(who)", "distinct(who, error=0.01)", False),
        ("distinct(who, error=0.02)", "distinct(who, error=0.01)", True),
        ("distinct(who, error=0.02)", "distinct(who)", True),
        ("distinct(who, error=0.01)", "distinct(who, error=0.02)", False),
        ("quantile(x, 0.9, error=0.01)", "quantile(x, 0.5, error=0.01)", True),  # one sketch has all ranks
        ("quantile(x, 0.9)", "quantile(x, 0.9, error=0.01)", False),
    ],
)
def test_each_measure_is_additive_or_its_state_is_kept(asked: str, kept: str, can: bool) -> None:
    reason = unsupported_reason(question(asked), layout("day", "count()", kept, by=("origin",)))
    assert (reason is None) is can


def test_reasons_say_what_to_declare() -> None:
    assert unsupported_reason(question("mean(x)"), layout("day", "sum(x)")) == (
        "layout kept stores no known(x): declare mean(x), which stores a sum and a count"
    )
    assert unsupported_reason(question("distinct(who)"), layout("day", "distinct(who, error=0.01)")) == (
        "layout kept stores distinct(who, error=0.01), which is not accurate enough for distinct(who)"
    )


def test_cohorts_and_funnels_need_raw() -> None:
    asked: list[Question] = [Cohort(YEAR, YEAR.end, Age(Grain.MONTH, 3), grain=Grain.MONTH), Funnel(YEAR, ((), ()), 60)]
    for one in asked:
        assert "needs layout raw" in str(unsupported_reason(one, layout("day", by=("who",))))
        assert unsupported_reason(one, layouts.raw) is None
    said = "layout kept stores no single events; a cohort needs layout raw"
    assert unsupported_reason(asked[0], layout("day", by=("who",))) == said


def test_states_are_kept_once_in_the_order_declared() -> None:
    kept = layout("day", "sum(x)", "mean(x)", "count()", "quantile(x, 0.5, error=0.1)", "quantile(x, 0.9, error=0.1)")
    assert [str(s) for s in rule.stored_states(kept)] == ["sum(x)", "known(x)", "rows", "quantile(x, error=0.1)"]


def test_the_most_accurate_state_serves() -> None:
    kept = layout("day", "distinct(who, error=0.02)", "distinct(who, error=0.01)")
    assert rule.serving_state(kept, State(Part.DISTINCT, "who", 0.05)) == State(Part.DISTINCT, "who", 0.01)
