"""Freshness of a store whose visibility is known: the figures hold, and each of its faults is named."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from rollup_bench.harness.follow.answers import Answer, Judged, judged
from rollup_bench.harness.records.streams import Kind
from rollup_bench.harness.stats.freshness import Glance, Lags, lags
from rollup_bench.workloads import dataset as datasets
from rollup_bench.workloads import events as event_store
from rollup_bench.workloads import truth
from rollup_bench.workloads.dataset import Dataset
from rollup_bench.workloads.truth.prefixes import Prefixes, numbered

EVENTS, RATE, GAP, SERVICE = 2_000, 100.0, 0.25, 0.02
DUE = np.arange(EVENTS) / RATE
QUESTIONS = ("ten-years", "monthly-players")
Visible = Callable[[float], int]
"""How many events are visible at an instant."""


class NullStore:
    """Answers with the truth of the events that are visible when a question is half done."""

    def __init__(self, dataset: Dataset, table: pa.Table) -> None:
        self.dataset, self.table = dataset, table
        events = numbered(self.first(EVENTS))
        self.prefixes = {name: Prefixes(dataset.question(name).fill(), events) for name in QUESTIONS}

    def first(self, number: int) -> event_store.Events:
        return event_store.of(self.table.slice(0, number), self.dataset.columns)

    def answer(self, name: str, number: int) -> pa.Table:
        return truth.answer(self.dataset.question(name).fill(), self.first(number))

    def asked(self, visible: Visible, seconds: float) -> list[Answer]:
        """The answers to questions that are asked every `GAP` seconds."""
        instants = np.arange(0.1, seconds, GAP)
        return [
            Answer(QUESTIONS[i % 2], at, at, at + SERVICE, self.answer(QUESTIONS[i % 2], visible(at + SERVICE / 2)))
            for i, at in enumerate(instants.tolist())
        ]

    def judged(self, answers: list[Answer]) -> list[Judged]:
        return judged(answers, self.prefixes, DUE)


@pytest.fixture(scope="module")
def store(home: Path) -> NullStore:
    dataset = datasets.read("game").sized(EVENTS, 1)
    events = event_store.prepare(dataset, home)
    return NullStore(dataset, pa.Table.from_batches(events.batches()).sort_by("time"))


def sent_by(instant: float) -> int:
    return int(np.searchsorted(DUE, instant, "right"))


def delayed(instant: float) -> int:
    """Every event becomes visible 0.4 seconds after it was due."""
    return sent_by(instant - 0.4)


def in_batches(instant: float) -> int:
    """Every two seconds, all events that were due become visible."""
    return sent_by(instant // 2 * 2)


def stalled(instant: float) -> int:
    """Nothing becomes visible for ten seconds."""
    return delayed(instant) if not 5 <= instant < 15 else delayed(5.0)


def true_lags(visible: Visible) -> np.ndarray:
    """The lag of each event, to a millisecond."""
    instants = np.arange(0, EVENTS / RATE + 5, 0.001)
    reached = np.array([visible(instant) for instant in instants])
    return instants[np.searchsorted(reached, np.arange(EVENTS) + 1)] - DUE


def found(judgements: list[Judged]) -> Lags:
    right = [one for one in judgements if one.kind is Kind.RIGHT]
    return lags([Glance(one.answer.asked, one.answer.done, one.low, one.high) for one in right], DUE)


@pytest.mark.parametrize("visible", [delayed, in_batches, stalled])
def test_known_lags_lie_within_the_intervals(store: NullStore, visible: Visible) -> None:
    judgements = store.judged(store.asked(visible, EVENTS / RATE + 5))
    assert {one.kind for one in judgements} == {Kind.RIGHT}
    known, measured = true_lags(visible), found(judgements)
    assert np.all((measured.least - 0.002 <= known) & (known <= measured.most + 0.002))
    for share in (0.5, 0.95, 0.99):
        low, high = measured.quantile(share)
        true = float(np.quantile(known, share, method="inverted_cdf"))
        assert low - 0.002 <= true <= high + 0.002
        assert high - low <= 2.2 * GAP


def test_events_that_are_never_seen_have_no_upper_bound(store: NullStore) -> None:
    measured = found(store.judged(store.asked(lambda at: min(delayed(at), 1_900), EVENTS / RATE + 5)))
    assert np.isinf(measured.most[1_900:]).all()
    assert np.isfinite(measured.most[:1_900]).all()
    assert measured.quantile(0.99)[1] == np.inf
    assert measured.least[1_950] >= EVENTS / RATE + 5 - 2 * GAP - DUE[1_950]


def test_lags_that_grow_are_told(store: NullStore) -> None:
    slower = found(store.judged(store.asked(lambda at: sent_by(at * 0.7), EVENTS / RATE * 1.5)))
    assert slower.grow
    assert not found(store.judged(store.asked(delayed, EVENTS / RATE + 5))).grow


def test_each_fault_is_named(store: NullStore) -> None:
    """A torn write, a doubled event, a lost one, events that vanish for a while, and a failure."""
    answers = store.asked(delayed, 20.0)
    name = answers[40].question

    def replaced(place: int, table: pa.Table | None) -> Answer:
        one = answers[place]
        return Answer(one.question, one.due, one.asked, one.done, table, "" if table else "no answer in 30 s")

    late = store.answer("ten-years", 1_000)
    early = next(one for n in range(999, 0, -1) if (one := store.answer("ten-years", n)).num_rows == late.num_rows)
    torn = late.set_column(late.schema.get_field_index("count()"), "count()", early["count()"])
    twice = event_store.of(
        pa.concat_tables([store.table.slice(0, 1_000), store.table.slice(500, 1)]), store.dataset.columns
    )
    lost = event_store.of(
        pa.concat_tables([store.table.slice(0, 500), store.table.slice(501, 499)]), store.dataset.columns
    )
    question = store.dataset.question("ten-years").fill()
    assert name == "ten-years"
    answers[40] = replaced(40, torn.select(late.schema.names))
    answers[42] = replaced(42, truth.answer(question, twice))
    answers[44] = replaced(44, truth.answer(question, lost))
    answers[46] = replaced(46, store.answer("ten-years", 500))
    answers[48] = replaced(48, None)
    kinds = {place: one.kind for place, one in enumerate(store.judged(answers)) if one.kind is not Kind.RIGHT}
    assert kinds.pop(40) is Kind.TORN
    assert kinds.pop(46) is Kind.WENT_BACK
    assert kinds.pop(48) is Kind.FAILED
    assert set(kinds) == {42, 44}
    assert Counter(kinds.values()).keys() <= {Kind.WRONG, Kind.TORN}


def test_an_answer_cannot_have_events_that_were_not_sent(store: NullStore) -> None:
    (one,) = store.judged([Answer("ten-years", 1.0, 1.0, 1.1, store.answer("ten-years", 500))])
    assert one.kind is Kind.WRONG
