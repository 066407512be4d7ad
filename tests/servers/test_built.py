"""What a layout stores in addition to the events is measured apart from them, in every engine."""

from pathlib import Path

import pytest

from rollup_bench.engines.contract import Engine
from rollup_bench.harness.run import loading
from rollup_bench.servers.watch import Watch
from rollup_bench.workloads import dataset as datasets
from rollup_bench.workloads import events
from rollup_bench.workloads.dataset import Dataset
from tests.support.datasets import aggregate, cohort, span, write

ROWS = 5_000
MAY = span("2020-05-01", "2020-06-01")


@pytest.fixture(scope="module")
def rides(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Its cohort has a parameter that no table serves, so that `tuned` stores the events too."""
    folder = tmp_path_factory.mktemp("rides")
    lines = [f"2020-05-{1 + i % 31:02d}T00:00:00Z,r{i % 300},{'ABC'[i % 3]},{i % 97}" for i in range(ROWS)]
    (folder / "data.csv").write_text("\n".join(["at,who,city,fare", *lines]))
    by_city = aggregate("by-city", "count()", "sum(fare)", by=["city"], parameters=MAY)
    dear = cohort("dear", "week", 3, birth={"fare": {"ge": "$fare"}}, parameters=MAY | {"fare": 50})
    path = write(
        *(folder, by_city, dear),
        columns={"dimensions": ["city"], "measures": ["fare"]},
        layouts={"day": {"grain": "day", "by": ["city"], "measures": ["count()"]}},
    )
    return datasets.read(str(path))


@pytest.mark.parametrize("layout", ["raw", "day", "tuned"])
def test_what_is_built_in_addition_to_the_events_is_measured_apart(
    engine: Engine, rides: Dataset, home: Path, layout: str
) -> None:
    rows = events.prepare(rides, home)
    plan = engine.plan(rides, rides.layout(layout), rows.statistics)
    try:
        loaded, _ = loading.ensure(engine, plan, rows, home, Watch(seconds=300))
        again, reused = loading.ensure(engine, plan, rows, home, Watch(seconds=300))
    finally:
        engine.drop(plan)
    assert reused
    assert again == loaded
    if layout != "tuned":
        assert loaded.built is None
        return
    assert loaded.built is not None
    assert loaded.built.rows == loaded.rows - ROWS > 0
    assert 0 < loaded.built.seconds < loaded.seconds
    assert loaded.bytes is not None
    assert loaded.built.bytes is not None
    assert 0 < loaded.built.bytes < loaded.bytes
