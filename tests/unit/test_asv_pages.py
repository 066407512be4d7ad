"""asv's own pages: regressions that no comparison of runs confirms are removed, and rows without a figure."""

import json
from pathlib import Path

import pytest

from rollup_bench.harness.report.site.asv_pages import prune
from rollup_bench.harness.report.site.run_changes import ChangesView, ChangeView, ComparisonView
from rollup_bench.harness.stats.claims import Claim

NOTHING = ChangesView(1.0, 1, [])


def changed(arm: str, outcome: str, cache: str = "hot") -> ChangesView:
    """A claimed change of the question `carriers` on an arm."""
    claim = Claim(ratio=1.5, low=1.4, high=1.6, outcome=outcome, detectable=1.1)  # type: ignore[arg-type]
    return ChangesView(1.0, 1, [ChangeView("carriers", arm, cache, 1.0, 1.5, claim)])


@pytest.mark.parametrize(
    ("times", "processor", "left"),
    [
        (NOTHING, NOTHING, []),
        (changed("duckdb/raw", "slower"), NOTHING, ["Latency"]),
        (NOTHING, changed("duckdb/raw", "slower"), ["Processor"]),
        (changed("duckdb/raw", "faster"), NOTHING, []),
        (changed("duckdb/raw", "slower", "cached"), NOTHING, []),
        (changed("druid/raw", "slower"), NOTHING, []),
    ],
)
def test_only_confirmed_regressions_are_listed(
    tmp_path: Path, times: ChangesView, processor: ChangesView, left: list[str]
) -> None:
    listed = [
        [f"flights.{metric}.track_seconds('duckdb', 'raw', 'carriers', 'all')"] for metric in ("Latency", "Processor")
    ]
    listed.append(["flights.Load.track_seconds('duckdb', 'raw', 'all')"])
    (tmp_path / "regressions.json").write_text(json.dumps({"regressions": listed}))
    prune(tmp_path, [ComparisonView("a", "b", times, processor)])
    found = json.loads((tmp_path / "regressions.json").read_text())["regressions"]
    assert [name.split(".")[1] for (name,) in found] == left


def test_rows_without_a_figure_are_removed(tmp_path: Path) -> None:
    (tmp_path / "regressions.json").write_text('{"regressions": []}')
    summary = tmp_path / "graphs" / "cpu" / "summary.json"
    summary.parent.mkdir(parents=True)
    summary.write_text(json.dumps([{"name": "a", "last_value": None}, {"name": "b", "last_value": 0.0}]))
    prune(tmp_path, [])
    assert json.loads(summary.read_text()) == [{"name": "b", "last_value": 0.0}]
