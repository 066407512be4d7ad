"""Mixes: how often each question is asked, and which datasets have them."""

from collections import Counter
from itertools import count, islice
from pathlib import Path
from typing import cast

import pytest

from rollup_bench.errors import RequestError
from rollup_bench.harness.records.kinds import Kind
from rollup_bench.harness.records.lines import Verdict
from rollup_bench.harness.records.run_log import RunLog
from rollup_bench.harness.run.admission import timed
from rollup_bench.harness.run.profiles import PROFILES
from rollup_bench.harness.run.request import Request
from rollup_bench.workloads import dataset as datasets
from rollup_bench.workloads.events import Events
from rollup_bench.workloads.layouts import raw
from rollup_bench.workloads.mixes import Mix
from tests.support.datasets import aggregate, write
from tests.support.timed import HEADER

MIX = Mix(name="m", weights={"often": 1.5, "seldom": 0.5, "between": 1.2})


def blocks(seed: int, number: int) -> list[tuple[str, ...]]:
    requests = {question: map(f"{question} {{}}".format, count()) for question in MIX.weights}
    return list(islice(MIX.blocks(requests, seed), number))


def test_each_block_has_the_counts_that_the_weights_say() -> None:
    assert MIX.counts == {"often": 3, "seldom": 1, "between": 2}
    for block in blocks(1, 5):
        assert Counter(request.split()[0] for request in block) == MIX.counts


def test_each_request_of_a_question_comes_once_and_the_seed_decides_the_order() -> None:
    asked = [request for block in blocks(1, 50) for request in block]
    assert len(set(asked)) == len(asked) == 300
    assert blocks(1, 5) == blocks(1, 5) != blocks(2, 5)
    assert len({tuple(request.split()[0] for request in block) for block in blocks(1, 50)}) > 10


@pytest.mark.parametrize("name", datasets.built_in())
def test_each_dataset_has_a_mix_in_which_slow_cohorts_are_less_than_one_request_in_twenty(name: str) -> None:
    dataset = datasets.read(name)
    for mix in dataset.mixes.values():
        assert mix.story
        total = sum(mix.counts.values())
        for question, number in mix.counts.items():
            assert dataset.questions[question].body["kind"] == "aggregate" or number / total < 0.05
    assert dataset.mixes


def test_two_mixes_with_one_name_are_refused(tmp_path: Path) -> None:
    mix = {"name": "both", "weights": {"flown": 1}}
    file = write(tmp_path, aggregate("flown", "count()"), mixes=[mix, mix])
    with pytest.raises(RequestError, match=r"mix both: two mixes have this name; rename one of them"):
        datasets.read(str(file))


def test_the_questions_of_a_mix_are_timed_first(tmp_path: Path) -> None:
    """The profile `quick` times 12 of 18 questions, among them the seven of the mix, in the order of the dataset."""
    flights = datasets.read("flights")
    log = RunLog(tmp_path / "r.jsonl", HEADER)
    for question in flights.questions:
        log.add(Verdict(arm="duckdb/raw", question=question, verdict=Kind.RIGHT))
    no_events = cast(Events, None)
    request = Request(
        flights, no_events, ["duckdb"], [raw], flights.questions, "native", tmp_path, 1, PROFILES["quick"]
    )
    chosen = timed(request, log)
    assert len(chosen) == 12
    assert set(flights.mixes["operations-room"].weights) < set(chosen)
    assert chosen == [question for question in flights.questions if question in chosen]
