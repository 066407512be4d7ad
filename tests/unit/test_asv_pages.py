"""asv's own pages: changes that no comparison of runs confirms are removed, and rows without a figure."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from asv.feed import FeedEntry, write_atom

from rollup_bench.harness.report.site.asv_pages import prune
from rollup_bench.harness.report.site.run_changes import ChangesView, ChangeView, ComparisonView
from rollup_bench.harness.stats.claims import Claim

NOTHING = ChangesView(1.0, 1, [])
TIMED = [
    f"{dataset}.{metric}.track_seconds('duckdb', 'raw', 'carriers', 'all')"
    for dataset in ("flights", "cdnow")
    for metric in ("Latency", "Processor")
]
LOAD, WRONG = (
    "flights.Load.track_seconds('duckdb', 'raw', 'all')",
    "flights.Wrong.track_questions('duckdb', 'raw', 'all')",
)


def changed(arm: str, outcome: str, cache: str = "hot") -> ChangesView:
    """A claimed change of the question `carriers` on an arm."""
    claim = Claim(ratio=1.5, low=1.4, high=1.6, outcome=outcome, detectable=1.1)  # type: ignore[arg-type]
    return ChangesView(1.0, 1, [ChangeView("carriers", arm, cache, 1.0, 1.5, claim)])


def row(name: str, value: float | None = 1.0) -> dict[str, Any]:
    return {"pretty_name": name, "last_value": value, "prev_value": 2.0, "change_rev": [None, 1]}


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Pages on which asv lists everything as changed and as a regression."""
    every = [*TIMED, LOAD, WRONG]
    (tmp_path / "regressions.json").write_text(json.dumps({"regressions": [[name, "graph"] for name in every]}))
    day, titles = datetime(2026, 1, 1, tzinfo=UTC), [*(f"12.00% {name}" for name in every[:-1]), f"2 units {WRONG}"]
    entries = [FeedEntry(title, day, "index.html#x", "<b>text</b>") for title in titles]
    write_atom(tmp_path / "regressions.xml", entries, "a", "t", "x.asv")
    summary = tmp_path / "graphs" / "cpu" / "summary.json"
    summary.parent.mkdir(parents=True)
    summary.write_text(json.dumps([row(name) for name in every] + [row("empty", None)]))
    return tmp_path


def summary(site: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((site / "graphs" / "cpu" / "summary.json").read_text())
    return found


def listed(site: Path) -> list[str]:
    """The regressions that are listed, which the feed has too."""
    names = [name for name, _ in json.loads((site / "regressions.json").read_text())["regressions"]]
    feed = (site / "regressions.xml").read_text()
    assert [name for name in [*TIMED, LOAD, WRONG] if f" {name}<" in feed] == names
    return names


@pytest.mark.parametrize(
    ("times", "processor", "left"),
    [
        (NOTHING, NOTHING, []),
        (changed("duckdb/raw", "slower"), NOTHING, TIMED[:1]),
        (NOTHING, changed("duckdb/raw", "slower"), TIMED[1:2]),
        (changed("duckdb/raw", "faster"), NOTHING, []),
        (changed("duckdb/raw", "slower", "cached"), NOTHING, []),
        (changed("druid/raw", "slower"), NOTHING, []),
    ],
)
def test_only_confirmed_regressions_and_wrong_answers_are_listed(
    site: Path, times: ChangesView, processor: ChangesView, left: list[str]
) -> None:
    prune(site, [ComparisonView("a", "b", "flights", 9, times, processor)])
    assert listed(site) == [*left, WRONG]


@pytest.mark.parametrize("outcome", ["slower", "faster"])
def test_only_confirmed_changes_are_shown(site: Path, outcome: str) -> None:
    prune(site, [ComparisonView("a", "b", "cdnow", 9, changed("duckdb/raw", outcome), NOTHING)])
    shown = [one["pretty_name"] for one in summary(site) if one["prev_value"] is not None]
    assert shown == [one["pretty_name"] for one in summary(site) if one["change_rev"] is not None] == [TIMED[2], WRONG]


def test_rows_without_a_figure_are_removed(site: Path) -> None:
    prune(site, [])
    assert [one["pretty_name"] for one in summary(site)] == [*TIMED, LOAD, WRONG]
