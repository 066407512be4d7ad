"""Hashes of values, distinct values and repeated ids that are counted by them."""

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest

from rollup_bench.workloads import hashes, repeats

TEXTS = ["", "a", "b", "ab", "ba", "a\0", "\0", "ä", "1", "01", "x" * 5_000, "y" * 5_000]


def test_hashes_are_those_of_the_values_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashes, "SLICE", 5)
    found = hashes.hashes(pa.array(TEXTS))
    assert len(set(found.tolist())) == len(TEXTS)
    assert hashes.hashes(pa.array(TEXTS[::-1]).slice(1)).tolist() == found[-2::-1].tolist()
    assert hashes.hashes(pa.array([1, 7])).tolist() == hashes.hashes(pa.array(["1", "7"])).tolist()
    assert found[1] == 8921039335383192321  # the hash of "a" in every process


def test_distinct_values_are_counted_exactly_up_to_a_number_and_well_above_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashes, "MOST", 1 << 14)
    seen = hashes.Distinct()
    seen.add(pa.array([f"user {n % 10_000}" for n in range(30_000)] + [None]))
    assert seen.count() == 10_000
    for start in range(0, 200_000, 1_000):
        seen.add(pa.array([f"user {n}" for n in range(start, start + 2_000)]))
    assert seen.count() == pytest.approx(201_000, rel=0.04)


@pytest.mark.parametrize("most", [10, 1_000])
def test_repeated_ids_are_found_whatever_fits_into_memory(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    monkeypatch.setattr(repeats, "SORTED", most)
    drawn = [str(n) for n in np.random.default_rng(1).integers(0, 400, 600)]
    with repeats.Ids() as ids:
        for start in range(0, 600, 100):
            ids.add(pa.array([*drawn[start : start + 100], None]))
        count, repeated = ids.repeats()
    assert count == 600 - len(set(drawn))
    again = [text for text, times in Counter(drawn).items() if times > 1]
    assert set(repeated.tolist()) == set(hashes.hashes(pa.array(again)).tolist())
    (kept,) = repeats.first_only([pa.record_batch({"id": pa.array([*drawn, None, None])})], "id", repeated)
    assert kept.column("id").to_pylist() == [*dict.fromkeys(drawn), None, None]
