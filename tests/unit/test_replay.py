"""Replays: the same for the same seed, within the ranges that the events and the dataset file give."""

from datetime import UTC, date, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.dataset
import pytest

from rollup_bench.harness.conformance import strategies
from rollup_bench.harness.run.replay import SAMPLE, Accepts, domain, refusals, replay
from rollup_bench.workloads import dataset as datasets
from rollup_bench.workloads import draws, events
from rollup_bench.workloads.dataset import Dataset
from rollup_bench.workloads.draws import Domain, Step
from rollup_bench.workloads.events import Events, Statistics
from rollup_bench.workloads.questions import Aggregate, Cohort, Question, milliseconds
from rollup_bench.workloads.templates import Template, template

GAME = datasets.read("game").questions
LEAP_YEAR = (datetime(2020, 1, 1, tzinfo=UTC), datetime(2020, 12, 30, 20, tzinfo=UTC))
DOMAIN = Domain(milliseconds(LEAP_YEAR[0]), milliseconds(LEAP_YEAR[1]), lambda column: [f"{column} of the data"])
RAW: dict[str, Any] = {
    "name": "q",
    "kind": "aggregate",
    "measures": ["count()"],
    "by": ["item"],
    "top": "$n",
    "where": {"country": "$country"},
    "parameters": {"start": date(2020, 2, 1), "end": date(2020, 4, 1), "n": 3, "country": "FR"},
}


def drawn(draw: object, **parameters: object) -> Template:
    return template(RAW | {"parameters": RAW["parameters"] | parameters, "draw": draw}, "UTC")


def drawn_cohort(draw: object, until: date, **parameters: object) -> Template:
    """A question about births from February to March; `until` is a parameter."""
    raw = {"name": "q", "kind": "cohort", "grain": "month", "age": {"unit": "month", "count": 3}, "until": "$until"}
    dates = {"start": date(2020, 2, 1), "end": date(2020, 4, 1), "until": until}
    return template(raw | {"parameters": dates | parameters, "draw": draw}, "UTC")


def cohort(question: Template) -> list[Cohort]:
    return [one for one in islice(question.drawn(DOMAIN, 1), 3_000) if isinstance(one, Cohort)]


def spans(question: Template, seed: int = 1, step: Step = "day", number: int = 300) -> set[tuple[str, str]]:
    """The first and the last day of each of the drawn requests."""
    drawn_spans = [one.span for one in islice(question.drawn(DOMAIN, seed, step), number)]
    return {(f"{span.start:%Y-%m-%d}", f"{span.end:%Y-%m-%d}") for span in drawn_spans}


def lengths(of: set[tuple[str, str]]) -> set[int]:
    return {(date.fromisoformat(end) - date.fromisoformat(start)).days for start, end in of}


def test_the_same_seed_draws_the_same_and_another_one_draws_others() -> None:
    first, same, other = (list(islice(GAME["best-sellers"].drawn(DOMAIN, seed), 100)) for seed in (5, 5, 6))
    assert first == same
    assert first != other


def test_start_and_end_move_by_days_within_the_events_and_the_length_stays_similar() -> None:
    drawn_spans = spans(drawn({}), number=3_000)
    assert lengths(drawn_spans) == set(range(30, 91))  # the span of the defaults has 60 days
    assert min(drawn_spans)[0] == "2020-01-01"
    assert max(end for _, end in drawn_spans) == "2020-12-31"
    assert len({start for start, _ in drawn_spans}) > 300


def test_a_span_of_one_day_has_one_or_two() -> None:
    assert lengths(spans(drawn({}, start=date(2020, 2, 1), end=date(2020, 2, 2)))) == {1, 2}


def test_dates_stay_within_first_and_last() -> None:
    limits = {"first": "2020-02-01", "last": "2020-04-01"}
    drawn_spans = spans(drawn({"dates": limits}))
    assert min(drawn_spans)[0] == "2020-02-01"
    assert max(end for _, end in drawn_spans) == "2020-04-01"


def test_larger_steps_begin_on_mondays_or_first_days_of_months() -> None:
    weeks, months = spans(drawn({}), step="week"), spans(drawn({"dates": {"step": "month"}}))
    assert {date.fromisoformat(day).weekday() for span in weeks for day in span} == {0}
    assert {day[-2:] for span in months for day in span} == {"01"}
    assert lengths(months) <= set(range(30, 91))
    week = drawn({}, start=date(2020, 3, 2), end=date(2020, 3, 9))
    assert lengths(spans(week, step="month")) == {29, 30, 31}


def test_no_requests_are_drawn_if_no_dates_fit() -> None:
    limits = {"first": "2020-02-02", "last": "2020-03-20", "step": "month"}
    within = {"start": date(2020, 2, 3), "end": date(2020, 3, 2)}
    assert not spans(drawn({"dates": limits}, **within))


def test_until_stays_unless_it_follows_the_end_and_no_end_is_later() -> None:
    until = date(2020, 6, 1)
    stays = cohort(drawn_cohort({}, until))
    assert {one.until.date() for one in stays} == {until}
    assert max(one.span.end.date() for one in stays) == until
    follows = cohort(drawn_cohort({"dates": {"follow": ["until"]}}, until))
    assert {(one.until - one.span.end).days for one in follows} == {61}
    assert max(one.until.date() for one in follows) <= date(2020, 12, 31)
    assert len({one.until for one in follows}) > 50


def test_an_end_is_not_later_on_the_day_of_until() -> None:
    noon = drawn_cohort({}, date(2020, 6, 1), end=datetime(2020, 4, 1, 12))
    assert max(one.span.end for one in cohort(noon)) == datetime(2020, 5, 31, 12, tzinfo=UTC)


def test_days_are_those_of_the_zone_of_the_question() -> None:
    assert DOMAIN.days("UTC") == (date(2020, 1, 1), date(2020, 12, 31))
    assert DOMAIN.days("Asia/Tokyo") == (date(2020, 1, 1), date(2021, 1, 1))


def test_numbers_and_values_come_from_their_ranges_and_all_of_them_do() -> None:
    seen = set()
    for choices in (["FR", "DE"], {"column": "country"}):
        made = drawn({"n": {"least": 2, "most": 4}, "country": choices})
        for question in islice(made.drawn(DOMAIN, 1), 200):
            assert isinstance(question, Aggregate)
            assert question.top
            seen.add((question.top.n, question.where[0].value))
    assert seen == {(n, country) for n in (2, 3, 4) for country in ("FR", "DE", "country of the data")}


def test_values_of_a_column_are_distinct_sorted_and_without_null() -> None:
    table = pa.table({"when": [1, 2, 3, 4], "user": ["b", None, "a", "b"]})
    in_batches = pa.dataset.dataset(pa.concat_tables([table.slice(0, 3), table.slice(3)]))
    statistics = Statistics("f", 4, 1, 4, {"user": "string"}, {}, {})
    assert domain(Events(in_batches, strategies.COLUMNS, statistics)).values("user") == ["a", "b"]


@pytest.mark.parametrize("dataset", [datasets.read(name) for name in datasets.offline()], ids=lambda read: read.name)
def test_every_parameter_of_every_built_in_question_is_drawn(dataset: Dataset, home: Path) -> None:
    sized = dataset.sized(5_000, 1) if dataset.source.generator else dataset
    drawn_from = domain(events.prepare(sized, home))
    for name, question in sized.questions.items():
        requests = list(islice(replay(question, drawn_from, lambda _: True, np.random.default_rng(1)), 300))
        assert len(set(requests)) >= 100, name
        assert len({one.span.start for one in requests}) > 20
        assert len({one.span.end for one in requests}) > 20
        assert len({one.span.end - one.span.start for one in requests}) > 1
        constant = {p for p, value in question.parameters.items() if not isinstance(value, date)}
        assert constant == set(question.draw.others), name


def test_a_replay_draws_larger_steps_where_most_requests_are_refused_and_else_repeats_the_default() -> None:
    question = drawn({})

    def asked(accepts: Accepts, seed: int = 1) -> list[Question]:
        return list(islice(replay(question, DOMAIN, accepts, np.random.default_rng(seed)), 50))

    def monthly(one: Question) -> bool:
        return one.span.start.day == one.span.end.day == 1

    assert asked(lambda _: True) == asked(lambda _: True) != asked(lambda _: True, seed=2)
    assert asked(lambda _: True)[0] == question.fill()
    assert all(map(monthly, asked(monthly)))
    assert len(set(asked(monthly))) > 5
    assert set(asked(question.fill().__eq__)) == {question.fill()}


def test_a_replay_leaves_out_single_requests_that_are_refused() -> None:
    requests = list(islice(replay(drawn({}), DOMAIN, lambda one: one.span.start.day > 3, np.random.default_rng(1)), 90))
    assert {one.span.start.day for one in requests[1:]} == set(range(4, 32))


def test_refusals_are_counted_in_a_sample() -> None:
    late = refusals(drawn({}), DOMAIN, lambda one: "too late" if one.span.start.month > 6 else None)
    assert 20 < len(late) < SAMPLE
    assert set(late) == {"too late"}


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (3, "draw is `3`; write for each drawn parameter its values"),
        ({"dates": {"first": "2020-03-01"}}, "first must not be after 2020-02-01"),
        ({"dates": {"last": "2020-03-01"}}, "nor last before 2020-04-01"),
        ({"dates": {"follow": ["until"]}}, "draw.dates.follow: `until` is not a date"),
        ({"dates": {"follow": ["start"]}}, "draw.dates.follow: `start` is not a date"),
        ({"dates": {"first": "2020-01-01", "last": "2021-01-01", "step": "moon"}}, "moon"),
        ({"n": {"least": 4, "most": 3}}, "least is 4 and most is 3"),
        ({"n": 4}, "draw.n: write a list"),
        ({"n": []}, "draw.n: write a list"),
        ({"m": [1]}, "draw.m: no parameter has this name"),
        ({"start": ["2020-01-01"]}, "draw.start: start is a date"),
    ],
)
def test_a_range_that_is_wrong_is_refused(draw: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        drawn(draw)


def test_the_game_asks_every_kind_of_question_and_every_default_is_one_of_its_ranges() -> None:
    kinds = [type(question.fill()).__name__ for question in GAME.values()]
    assert kinds.count("Aggregate") >= 10
    assert kinds.count("Cohort") + kinds.count("Funnel") >= 10
    for question in GAME.values():
        for name, given in question.draw.others.items():
            default = question.parameters[name]
            if not isinstance(given, draws.Values):
                assert default in given if isinstance(given, list) else given.least <= default <= given.most
