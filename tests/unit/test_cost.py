"""The COST of an engine: the least number of cores whose whole interval is below one thread's time."""

from itertools import count

import pytest

from experiments.cost import said, sample

FASTER, EQUAL, SLOWER = ([middle + step / 100 for step in range(-10, 11)] for middle in (0.5, 1.0, 3.0))


@pytest.mark.parametrize(
    ("ratios", "outcome"),
    [
        ({1: SLOWER, 2: FASTER}, "funnel: COST 2 cores"),
        ({1: FASTER, 2: FASTER}, "funnel: COST 1 core"),
        ({1: SLOWER, 2: EQUAL}, "funnel: COST not within 2 cores"),
    ],
)
def test_cost_is_the_first_number_of_cores_that_is_surely_faster(ratios: dict[int, list[float]], outcome: str) -> None:
    first, *lines = said("funnel", ratios)
    assert first == outcome
    assert len(lines) == len(ratios)


def test_all_are_asked_in_turns_there_and_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time of a request is the number of its turn."""
    turns, asked = count(1), list[object]()

    def seconds(ask: object, _: object) -> float:
        asked.append(ask)
        return next(turns)

    monkeypatch.setattr("experiments.cost._seconds", seconds)
    ratios = sample("duckdb", {1: "one", 2: "two"}, None)  # type: ignore[arg-type, dict-item]
    assert asked == ["duckdb", "one", "two", "two", "one", "duckdb"]
    assert ratios == {1: 1.0, 2: 1.0}
