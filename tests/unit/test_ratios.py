"""Ratios, noise floors and timings of a run whose times are given."""

import math
from pathlib import Path

import msgspec
import numpy as np
import pytest

from rollup_bench.errors import RequestError
from rollup_bench.harness.records.findings import (
    Cell,
    NoiseFloor,
    Run,
    controls,
    differences,
    floors,
    noise_floor,
    timings,
)
from rollup_bench.harness.records.lines import Ended, LoadCost
from rollup_bench.harness.stats.abba import AGAIN
from rollup_bench.harness.stats.estimate import estimate
from tests.support.timed import HEADER, rounds, run

A_AGAIN = "a" + AGAIN
LOADED = LoadCost(arm="a", seconds=1, rows=1, bytes=1)


def test_a_run_is_its_header_and_the_lines_that_stand(tmp_path: Path) -> None:
    first, second = rounds("q", {"a": [1]}), rounds("q", {"a": [2]})
    lines = [HEADER, LOADED, first, second, Ended()]
    path = tmp_path / "run.jsonl"
    path.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
    assert Run.read(path) == Run(HEADER, [LOADED, second, Ended()])


@pytest.mark.parametrize("lines", [[], [LOADED, HEADER]])
def test_lines_without_a_header_first_are_refused_by_name(lines: list[LoadCost]) -> None:
    with pytest.raises(RequestError, match=r"other\.jsonl: its first line is not the header"):
        Run.of(lines, "other.jsonl")


def test_the_file_without_a_header_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.jsonl").write_bytes(msgspec.json.encode(LOADED) + b"\n")
    with pytest.raises(RequestError, match=str(tmp_path / "bad.jsonl")):
        Run.read(tmp_path / "bad.jsonl")


def test_launches_of_a_question_are_in_order() -> None:
    lines = [rounds(question, {"a": [1]}, launch) for launch in (2, 0, 1) for question in ("q", "r")]
    found = run(LOADED, *lines).questions
    assert {key: [one.launch for one in launches] for key, launches in found.items()} == {
        ("q", "hot"): [0, 1, 2],
        ("r", "hot"): [0, 1, 2],
    }


def test_a_spread_is_of_both_times_of_all_rounds_of_an_arm_in_seconds() -> None:
    lines = [
        rounds("q", {"a": [10**9, 2 * 10**9], A_AGAIN: [1, 1], "b": [4 * 10**9]}),
        rounds("q", {"a": [3 * 10**9, 6 * 10**9], A_AGAIN: [1, 1]}, launch=1),
    ]
    found = timings(run(*lines))
    assert set(found) == {Cell("q", "hot", "a"), Cell("q", "hot", "b")}
    a, b = found[Cell("q", "hot", "a")], found[Cell("q", "hot", "b")]
    assert (a.samples, a.median, a.maximum) == pytest.approx((8, math.sqrt(6), 6.0))
    assert (b.samples, b.low, b.median, b.high, b.maximum) == pytest.approx((2, 4.0, 4.0, 4.0, 4.0))


def test_a_noise_floor_is_the_ratio_of_the_second_name_to_the_arm() -> None:
    lines = [
        rounds("q", {"a": [100] * 4, "b": [700] * 4, A_AGAIN: [121] * 4}),
        rounds("r", {"a": [100] * 4, "b": [200] * 4, "b" + AGAIN: [200] * 4}, control="b"),
        rounds("no second name", {"a": [100] * 4, "b": [200] * 4}),
    ]
    found = controls(run(*lines))
    assert {key: one.ratio for key, one in found.items()} == {
        ("q", "hot"): pytest.approx(1.21),
        ("r", "hot"): pytest.approx(1.0),
    }
    assert noise_floor(run(*lines)) == pytest.approx((2, 1, 1.0, 1.0, 0.0))


def test_the_half_width_of_a_noise_floor_is_half_its_interval_as_a_ratio() -> None:
    times = {"a": [100, 101, 102, 103], A_AGAIN: [100, 103, 101, 107]}
    log_ratios = np.log(np.array(times[A_AGAIN]) / np.array(times["a"]))
    low, high = estimate([log_ratios]).interval()
    assert noise_floor(run(rounds("q", times))) == pytest.approx((1, 0, low, high, math.sqrt(high / low) - 1))


def test_a_single_round_leaves_the_noise_unknown() -> None:
    found = noise_floor(run(rounds("q", {"a": [100], A_AGAIN: [100]})))
    assert found == NoiseFloor(1, 0, 0.0, math.inf, math.inf)
    assert noise_floor(run(rounds("q", {"a": [100]}))) is None


def test_every_two_arms_are_compared_and_a_second_name_with_none() -> None:
    line = rounds("q", {"a": [100] * 4, "b": [200] * 4, "c": [50] * 4, A_AGAIN: [100] * 4})
    found = differences(run(line))
    assert [one[:4] for one in found] == [("q", "hot", "a", "b"), ("q", "hot", "a", "c"), ("q", "hot", "b", "c")]
    assert [one.claim.ratio for one in found] == pytest.approx([0.5, 2.0, 4.0])
    assert [one.claim.outcome for one in found] == ["faster", "slower", "slower"]


def test_a_difference_is_held_against_the_noise_of_its_own_question() -> None:
    lines = [
        rounds("loud", {"a": [100] * 4, "b": [110] * 4, A_AGAIN: [80] * 4}),
        rounds("quiet", {"a": [100] * 4, "b": [110] * 4, A_AGAIN: [100] * 4}),
        rounds("without", {"a": [100] * 4, "b": [110] * 4}),
    ]
    found = {one.question: one.claim.outcome for one in differences(run(*lines))}
    assert found == {"loud": "no difference seen", "quiet": "faster", "without": "faster"}


def test_only_rounds_in_which_both_answered_are_compared() -> None:
    lines = [
        rounds("q", {"a": [100, 100, 900, 900], "b": [200, 200]}),
        rounds("q", {"a": [100] * 2, "b": [100, 100, 900, 900]}, launch=1),
        rounds("q", {"a": [900] * 4, "c": [1]}, launch=2),
        rounds("q", {"c": [1]}, launch=3),
    ]
    found = {(one.arm, one.versus): one.claim.ratio for one in differences(run(*lines))}
    assert found[("a", "b")] == pytest.approx(math.sqrt(0.5))
    assert ("b", "c") not in found


def test_a_round_in_which_an_arm_was_not_asked_counts_for_the_other_arms_only() -> None:
    lines = [
        rounds("q", {"a": [100, 400], "b": [200, None], "c": [None, 100]}),
        rounds("q", {"a": [100, 400], "b": [200, None], "c": [100, 100]}, launch=1),
    ]
    found = {(one.arm, one.versus): one.claim.ratio for one in differences(run(*lines))}
    assert found == {("a", "b"): pytest.approx(0.5), ("a", "c"): pytest.approx(8**0.5), ("b", "c"): pytest.approx(2)}
    assert timings(run(*lines))[Cell("q", "hot", "b")].samples == 4


def test_a_round_counts_the_mean_of_the_logarithms_of_its_two_times() -> None:
    line = rounds("q", {"a": [100, 100], "b": [100, 100]})
    line.times["b"][:] = [(100, 400), (400, 100)]
    assert differences(run(line))[0].claim.ratio == pytest.approx(0.5)


def test_the_same_run_gives_the_same_figures() -> None:
    times = {"a": [100, 120, 90, 105], "b": [210, 190, 205, 260], A_AGAIN: [95, 110, 101, 99]}
    same = run(rounds("q", times), rounds("q", times, launch=1))
    assert (differences(same), timings(same), floors(same)) == (differences(same), timings(same), floors(same))
