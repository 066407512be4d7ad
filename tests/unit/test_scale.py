"""The figures of docs/scale.md are those that are stored."""

import pytest

from experiments.scale import CLUSTERS, QUESTIONS
from rollup_bench.harness.records.clusters import read
from rollup_bench.harness.report.clusters import grids
from tests.support import ROOT

STORED = read(ROOT / "results/vm/scale/game.jsonl")
PAGE = (ROOT / "docs/scale.md").read_text("utf-8")


def test_each_cluster_answered_each_question() -> None:
    clusters = [(engine, count) for engine, counts in CLUSTERS.items() for count in counts]
    assert [(line.engine, line.processes, line.question) for line in STORED] == [
        (*cluster, question) for cluster in clusters for question in QUESTIONS
    ]


def test_the_page_has_the_stored_figures() -> None:
    for heading, *rows in grids(STORED):
        lines = [heading, ["---", *["---:"] * (len(heading) - 1)], *rows]
        assert "\n".join(f"| {' | '.join(line)} |" for line in lines) in PAGE
    loads = {line.processes: line.load_processor for line in STORED if line.engine == "cassandra"}
    assert f"takes {loads[3] - loads[1]:.0f} processor seconds more on three nodes" in PAGE


@pytest.mark.parametrize("engine", CLUSTERS)
def test_the_page_says_how_much_more_the_largest_cluster_takes(engine: str) -> None:
    first, last = (
        [line.client + line.server for line in STORED if (line.engine, line.processes) == (engine, processes)]
        for processes in (1, max(CLUSTERS[engine]))
    )
    ratios = [after / before for before, after in zip(first, last, strict=True)]
    assert f"takes {min(ratios):.2f} to {max(ratios):.2f} times as much" in PAGE
    assert max(ratios) < 1.5, "no question takes 1.5 times as much"
