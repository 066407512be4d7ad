"""Replays: the same for the same seed, within the ranges that the dataset file gives."""

from datetime import date
from itertools import islice
from typing import Any

import pytest

from rollup_bench.workloads import dataset as datasets
from rollup_bench.workloads import draws
from rollup_bench.workloads.questions import Aggregate, Cohort
from rollup_bench.workloads.replay import filled, replay
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


def test_the_same_seed_asks_the_same_and_another_one_others() -> None:
    one, same, other = (list(islice(replay(GAME.values(), seed), 100)) for seed in (5, 5, 6))
    assert one == same
    assert one != other


def test_each_round_asks_each_question_once() -> None:
    names = [name for name, _ in islice(replay(GAME.values(), 1), 3 * len(GAME))]
    rounds = [names[i : i + len(GAME)] for i in range(0, len(names), len(GAME))]
    assert all(sorted(one) == sorted(GAME) for one in rounds)
    assert rounds[0] != rounds[1]


def test_what_is_drawn_for_a_question_does_not_depend_on_the_others() -> None:
    alone = list(islice(filled(GAME["best-sellers"], 7), 5))
    among = [question for name, question in islice(replay(GAME.values(), 7), 5 * len(GAME)) if name == "best-sellers"]
    assert alone == among


def test_dates_move_together_by_whole_months_and_reach_both_ends() -> None:
    dates = {"first": "2019-12-01", "last": "2020-08-01", "step": "month"}
    spans = {question.span for question in islice(filled(drawn({"dates": dates}), 1), 200)}
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
    for question in islice(filled(GAME["retention-by-month"], 1), 20):
        assert isinstance(question, Cohort)
        assert question.until.year == question.span.end.year + 1
        assert question.until.month == question.span.end.month


def test_numbers_and_values_come_from_their_ranges_and_all_of_them_do() -> None:
    made = drawn({"n": {"least": 2, "most": 4}, "country": ["FR", "DE"]})
    seen = set()
    for question in islice(filled(made, 1), 200):
        assert isinstance(question, Aggregate)
        assert question.top
        seen.add((question.top.n, question.where[0].value))
    assert seen == {(n, country) for n in (2, 3, 4) for country in ("FR", "DE")}


def test_a_question_without_ranges_is_asked_as_it_is() -> None:
    assert len(set(islice(filled(GAME["ten-years"], 1), 5))) == 1


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (3, "draw is `3`, not a table"),
        ({"dates": {"first": "2020-03-01", "last": "2021-01-01"}}, "defaults do not lie within 2020-03-01"),
        ({"dates": {"first": "2020-01-01"}}, "last"),
        ({"dates": {"first": "2020-01-01", "last": "2021-01-01", "step": "moon"}}, "moon"),
        ({"n": {"least": 4, "most": 3}}, "least 4 is above most 3"),
        ({"n": 4}, "draw.n is a list"),
        ({"n": []}, "draw.n is a list"),
        ({"m": [1]}, "draw.m: no parameter"),
        ({"start": ["2020-01-01"]}, "draw.start: no parameter but a date"),
    ],
)
def test_a_range_that_is_wrong_is_refused(draw: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        drawn(draw)


def test_a_day_that_some_months_lack_moves_by_days() -> None:
    dates = {"first": "2020-01-01", "last": "2020-08-01", "step": "month"}
    with pytest.raises(ValueError, match=r"2020-03-31 has no counterpart in every month"):
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
