"""The COST of an engine: the least number of cores or workers whose whole interval is below one thread's time."""

from itertools import count

import pytest

from experiments.cost import said, sample, sizes

FASTER, EQUAL, SLOWER = ([middle + step / 100 for step in range(-10, 11)] for middle in (0.5, 1.0, 3.0))


@pytest.mark.parametrize(
    ("ratios", "outcome"),
    [
        ({"1 core": SLOWER, "2 cores": FASTER, "2 workers": FASTER}, "funnel: COST 2 cores"),
        ({"1 core": FASTER, "2 cores": FASTER, "2 workers": SLOWER}, "funnel: COST 1 core"),
        ({"1 core": SLOWER, "2 cores": EQUAL, "2 workers": FASTER}, "funnel: COST 2 workers"),
        ({"1 core": SLOWER, "2 cores": EQUAL}, "funnel: COST not within 1 core or 2 cores"),
    ],
)
def test_cost_is_the_first_size_that_is_surely_faster(ratios: dict[str, list[float]], outcome: str) -> None:
    first, *lines = said("funnel", ratios)
    assert first == outcome
    assert len(lines) == len(ratios)


def test_a_machine_runs_no_more_cores_and_workers_than_it_has() -> None:
    assert {name: size.cores for name, size in sizes(5).items()} == {
        "1 core": 1,
        "2 cores": 2,
        "4 cores": 4,
        "2 workers of 2 cores": 5,
    }
    assert list(sizes(1)) == ["1 core"]


def test_all_are_asked_in_turns_there_and_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time of a request is the number of its turn."""
    turns, asked = count(1), list[object]()

    def seconds(ask: object, _: object) -> float:
        asked.append(ask)
        return next(turns)

    monkeypatch.setattr("experiments.cost._seconds", seconds)
    ratios = sample("duckdb", {"a": "one", "b": "two"}, None)  # type: ignore[arg-type, dict-item]
    assert asked == ["duckdb", "one", "two", "two", "one", "duckdb"]
    assert ratios == {"a": 1.0, "b": 1.0}
