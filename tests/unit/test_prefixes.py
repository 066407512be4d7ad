"""After how many events of a stream an answer was right, compared with the truth of so many events."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from rollup_bench.workloads import dataset as datasets
from rollup_bench.workloads import events as event_store
from rollup_bench.workloads import truth
from rollup_bench.workloads.dataset import Dataset
from rollup_bench.workloads.events import Events
from rollup_bench.workloads.questions import Question, tolerated
from rollup_bench.workloads.truth.courses import Course, Mismatches
from rollup_bench.workloads.truth.prefixes import Prefixes, numbered

ROWS = 3_000
DECADE = {"start": date(2014, 1, 1), "end": date(2024, 1, 1), "until": date(2024, 1, 1)}
Game = tuple[Dataset, pa.Table]


@pytest.fixture(scope="module")
def game(home: Path) -> Game:
    """The dataset and its events, by time."""
    dataset = datasets.read("game").sized(ROWS, 1)
    events = event_store.prepare(dataset, home)
    return dataset, pa.Table.from_batches(events.batches()).sort_by("time")


def first(game: Game, number: int) -> Events:
    dataset, table = game
    return event_store.of(table.slice(0, number), dataset.columns)


def findable(game: Game) -> Iterator[tuple[Question, Prefixes]]:
    events = numbered(first(game, ROWS))
    for template in game[0].questions.values():
        question = template.fill({name: value for name, value in DECADE.items() if name in template.parameters})
        try:
            yield question, Prefixes(question, events)
        except ValueError:
            continue


def test_every_number_of_events_is_found(game: Game) -> None:
    """For random n, the truth of the first n events is right at n, and only where the truth is the same."""
    rng, asked = np.random.default_rng(1), 0
    for question, prefixes in findable(game):
        asked += 1
        for number in (1, ROWS, *rng.integers(1, ROWS + 1, 2)):
            answer = truth.answer(question, first(game, int(number)))
            right = prefixes.find(answer, ROWS).right
            assert number in right, question
            if not tolerated(question):
                for n in {right[0], right[-1]}:
                    assert truth.answer(question, first(game, int(n))).equals(answer), question
                for n in {right[0] - 1, right[-1] + 1} & set(range(1, ROWS + 1)):
                    assert not truth.answer(question, first(game, int(n))).equals(answer), question
    assert asked == 19


def test_a_torn_answer_is_told_from_a_wrong_one(game: Game) -> None:
    """A count of 2,000 events with a sum of 1,900 is torn; a count that is never reached is wrong."""
    question = game[0].question("ten-years").fill()
    prefixes = Prefixes(question, numbered(first(game, ROWS)))
    early, late = (truth.answer(question, first(game, number)) for number in (1_900, 2_000))
    assert early.num_rows == late.num_rows
    torn = late.set_column(late.schema.get_field_index("sum(seconds)"), "sum(seconds)", early["sum(seconds)"])
    found = prefixes.find(torn.select(late.schema.names), ROWS)
    assert (len(found.right), found.torn) == (0, True)
    place = late.schema.get_field_index("count()")
    wrong = late.set_column(place, "count()", pa.array([ROWS + 1] * late.num_rows))
    assert prefixes.find(wrong, ROWS).torn is False
    assert len(prefixes.find(late, 1_999).right) == 0
    assert prefixes.find(late.slice(1), ROWS).torn is True


def test_births_that_move_are_refused(game: Game) -> None:
    """A second birth of a subject that happened before the first one and arrives after it."""
    dataset, table = game
    installs = table.filter(pa.compute.equal(table["action"], "install"))
    moved = pa.concat_tables(
        [
            installs.slice(1),
            installs.slice(0, 1).set_column(
                installs.schema.get_field_index("player"), "player", installs["player"].slice(1, 1)
            ),
        ]
    )
    events = numbered(event_store.of(moved, dataset.columns))
    question = dataset.question("ten-years-of-players").fill()
    with pytest.raises(ValueError, match="births move to earlier events while events arrive late"):
        Prefixes(question, events)


def test_several_events_of_a_course_may_have_one_place() -> None:
    places, values = np.array([2, 10, 10, 10]), np.array([0, 10, 15, 10, 17])
    mismatches = Mismatches(0, 20)
    mismatches.add(Course(places, values, np.ones(5, np.bool_), np.zeros(5)), 10)
    assert mismatches.right.tolist() == list(range(3, 11))
