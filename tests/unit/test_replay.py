"""Replays: the same for the same seed, within the ranges that the dataset file gives."""

from datetime import date
from itertools import islice
from typing import Any

import pytest

from rollup_bench.workloads import dataset as datasets
from rollup_bench.workloads import draws
from rollup_bench.workloads.questions import Aggregate, Cohort
from rollup_bench.workloads.templates import Template, template

GAME = datasets.read("game").questions
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


def test_the_same_seed_draws_the_same_and_another_one_draws_others() -> None:
    first, same, other = (list(islice(GAME["best-sellers"].drawn(seed), 100)) for seed in (5, 5, 6))
    assert first == same
    assert first != other


def test_dates_move_together_by_whole_months_and_reach_both_ends() -> None:
    dates = {"first": "2019-12-01", "last": "2020-08-01", "step": "month"}
    spans = {question.span for question in islice(drawn({"dates": dates}).drawn(1), 200)}
    assert {(f"{s.start:%Y-%m-%d}", f"{s.end:%Y-%m-%d}") for s in spans} == {
        ("2019-12-01", "2020-02-01"),
        ("2020-01-01", "2020-03-01"),
        ("2020-02-01", "2020-04-01"),
        ("2020-03-01", "2020-05-01"),
        ("2020-04-01", "2020-06-01"),
        ("2020-05-01", "2020-07-01"),
        ("2020-06-01", "2020-08-01"),
    }


def test_until_moves_with_the_span() -> None:
    for question in islice(GAME["retention-by-month"].drawn(1), 20):
        assert isinstance(question, Cohort)
        assert question.until.year == question.span.end.year + 1
        assert question.until.month == question.span.end.month


def test_numbers_and_values_come_from_their_ranges_and_all_of_them_do() -> None:
    made = drawn({"n": {"least": 2, "most": 4}, "country": ["FR", "DE"]})
    seen = set()
    for question in islice(made.drawn(1), 200):
        assert isinstance(question, Aggregate)
        assert question.top
        seen.add((question.top.n, question.where[0].value))
    assert seen == {(n, country) for n in (2, 3, 4) for country in ("FR", "DE")}


def test_a_question_without_ranges_is_asked_as_it_is() -> None:
    assert len(set(islice(GAME["ten-years"].drawn(1), 5))) == 1


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (3, "draw is `3`; write a table"),
        ({"dates": {"first": "2020-03-01", "last": "2021-01-01"}}, "first must not be after 2020-02-01"),
        ({"dates": {"first": "2020-01-01"}}, "last"),
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


def test_a_day_that_some_months_lack_moves_by_days() -> None:
    dates = {"first": "2020-01-01", "last": "2020-08-01", "step": "month"}
    with pytest.raises(ValueError, match="some months lack the day 31"):
        drawn({"dates": dates}, end=date(2020, 3, 31))


def test_the_game_asks_every_kind_of_question_and_every_default_is_one_of_its_ranges() -> None:
    kinds = [type(question.fill()).__name__ for question in GAME.values()]
    assert kinds.count("Aggregate") >= 10
    assert kinds.count("Cohort") + kinds.count("Funnel") >= 10
    for question in GAME.values():
        for name, given in (question.draw.others if question.draw else {}).items():
            default = question.parameters[name]
            assert default in given if isinstance(given, list) else given.least <= default <= given.most
            assert isinstance(given, list | draws.Numbers)
