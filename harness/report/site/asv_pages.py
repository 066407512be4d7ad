"""Makes asv's own pages show only what runs support: no rows without a figure, and no regressions by chance."""

import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import msgspec

from rollup_bench.harness.report.site.run_changes import ComparisonView

_PARAMETER = re.compile(r"'([^']*)'")
Slower = Collection[tuple[str, str, str, str]]
"""Metric, engine, layout and question of each confirmed slowdown."""


def prune(site: Path, compared: Sequence[ComparisonView]) -> None:
    """Removes rows without a figure from asv's lists, and regressions that no comparison of two runs confirms."""
    for path in site.glob("graphs/**/summary.json"):
        rows = msgspec.json.decode(path.read_bytes())
        path.write_bytes(msgspec.json.encode([row for row in rows if row["last_value"] is not None]))
    path, slower = site / "regressions.json", _slower(compared)
    found = msgspec.json.decode(path.read_bytes())
    found["regressions"] = [each for each in found["regressions"] if _is_confirmed(each, slower)]
    path.write_bytes(msgspec.json.encode(found))


def _slower(compared: Sequence[ComparisonView]) -> Slower:
    claims = [("Latency", one) for pair in compared for one in pair.times.claimed if one.cache == "hot"]
    claims += [("Processor", one) for pair in compared for one in pair.processor.claimed]
    return {(metric, *one.arm.split("/"), one.question) for metric, one in claims if one.claim.outcome == "slower"}  # type: ignore[misc]


def _is_confirmed(regression: Sequence[Any], slower: Slower) -> bool:
    """Whether a regression, named as in `flights.Latency.track_seconds('duckdb', 'raw', 'carriers', 'all')`, is one."""
    _, metric, _ = regression[0].partition("(")[0].split(".")
    return (metric, *_PARAMETER.findall(regression[0])[:3]) in slower
