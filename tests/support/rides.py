"""A small dataset of rides, and a run of it on DuckDB that may kill its own process."""

import os
import signal
import sys
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from rollup_bench.harness.run.measure import measure
from rollup_bench.harness.run.profiles import Profile
from rollup_bench.harness.run.request import Request
from rollup_bench.harness.run.rounds import Effort
from rollup_bench.workloads import dataset as datasets
from rollup_bench.workloads import events, layouts
from rollup_bench.workloads.dataset import Dataset
from tests.support.datasets import aggregate, span, write

TINY = Profile(
    "quick",
    rows=(1,),
    timed=2,
    checked=2,
    effort=Effort(launches=2, least=3, most=4, warm=0.05, alone=0.01, fresh=60.0),
)


def rides(folder: Path, **more: Any) -> Dataset:
    """The dataset, whose file, with `more` tables, and 900 events are written into the folder."""
    rng = np.random.default_rng(1)
    lines = [
        f"2020-0{1 + i % 3}-{1 + i % 28:02d}T00:00:00Z,r{i % 50},{'ABC'[i % 3]},{rng.integers(1, 100)}"
        for i in range(900)
    ]
    (folder / "data.csv").write_text("\n".join(["at,who,city,fare", *lines]))
    by_city = aggregate(
        *("by-city", "count()", "sum(fare)", "mean(fare)"), by=["city"], parameters=span("2020-01-01", "2020-03-01")
    )
    by_day = aggregate("by-day", "count()", grain="day", parameters=span("2020-01-01", "2020-02-01"))
    path = write(
        *(folder, by_city, by_day),
        columns={"dimensions": ["city"], "measures": ["fare"]},
        layouts={"day": {"grain": "day", "by": ["city"], "measures": ["count()"]}},
        dashboards={"board": ["by-day"]},
        **more,
    )
    return datasets.read(str(path))


def request(dataset: Dataset, home: Path, profile: Profile = TINY) -> Request:
    """A request to run the dataset on DuckDB's raw events."""
    prepared = events.prepare(dataset, home)
    return Request(dataset, prepared, ["duckdb"], [layouts.raw], dataset.questions, "native", home, 1, profile)


def main(path: str, home: str, out: str, moment: str) -> None:
    """Runs the dataset, and kills this process when the run says for the first time what `moment` is a part of."""

    def say(text: str) -> None:
        if moment in text:
            os.kill(os.getpid(), signal.SIGKILL)

    with patch("rollup_bench.harness.run.launches.drop_page_cache", lambda: False):  # a test must not drop it
        measure(request(datasets.read(path), Path(home)), Path(out), say)


if __name__ == "__main__":
    main(*sys.argv[1:])
