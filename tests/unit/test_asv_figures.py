"""The figures that asv gets from a stored run: of cells that asv has a place for, with a sample for each launch."""

import statistics

import numpy as np
import pytest

from benchmarks import flights, runs
from rollup_bench.harness.records.findings import Run
from rollup_bench.harness.records.lines import Rounds, of_type
from tests.support import ROOT


@pytest.fixture(scope="module")
def run() -> Run:
    return Run.read(ROOT / "results" / "vm" / "versions" / "flights-duckdb-1.5.6.jsonl")


def test_every_figure_has_a_place_in_asv(run: Run) -> None:
    figures = runs.figures(run)
    assert {metric for metric, *_ in figures} == {"Latency", "Load", "Noise", "Processor", "Size", "Wrong"}
    for metric, of, *parameters in figures:
        places = getattr(flights, str(metric)).params
        assert of == "flights"
        assert all(value in place for value, place in zip(parameters, places, strict=True)), (metric, parameters)


def test_each_launch_is_a_sample(run: Run) -> None:
    wanted = [
        float(np.median([pair for pair in line.times["duckdb/raw"] if pair])) / 1e9
        for line in of_type(run.lines, Rounds)
        if (line.question, line.cache) == ("carriers", "hot")
    ]
    latency = flights.Latency()
    given = latency.value(runs.figures(run), "duckdb", "raw", "carriers", "all")
    assert given == {"samples": pytest.approx(wanted), "number": 1}
    assert len(wanted) == 3
    assert statistics.stdev(wanted) > 0


def test_a_figure_that_no_run_has_is_skipped(run: Run) -> None:
    with pytest.raises(NotImplementedError, match="no such figure"):
        flights.Latency().setup(runs.figures(run), "spark", "raw", "carriers", "all")
