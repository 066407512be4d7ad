"""Makes asv's own pages show only what runs support: no rows without a figure, and no changes by chance."""

import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree

import msgspec

from rollup_bench.harness.report.site.run_changes import ComparisonView
from rollup_bench.harness.stats.claims import Outcome

COUNTED = "Wrong"
"""The metric whose changes need no comparison, because it is counted and not measured."""
SLOWER: tuple[Outcome, ...] = ("slower",)
CHANGED: tuple[Outcome, ...] = ("faster", "slower")
ATOM = "http://www.w3.org/2005/Atom"
_NAME = re.compile(r"(\w+)\.(\w+)\.\w+\((.*)\)$")
Cell = tuple[str, ...]
"""Metric, dataset, engine, layout and question."""


def prune(site: Path, compared: Sequence[ComparisonView]) -> None:
    """Removes rows without a figure from asv's lists, and what no comparison of two runs confirms.

    asv's list loses the changes, and its page and its feed of regressions lose the regressions that are not confirmed.
    """
    claimed = _claimed(compared)
    for path in site.glob("graphs/**/summary.json"):
        rows = [row for row in msgspec.json.decode(path.read_bytes()) if row["last_value"] is not None]
        for row in rows:
            if not _is_confirmed(row["pretty_name"], claimed, CHANGED):
                row["prev_value"] = row["change_rev"] = None
        path.write_bytes(msgspec.json.encode(rows))
    path = site / "regressions.json"
    found = msgspec.json.decode(path.read_bytes())
    kept = [each for each in found["regressions"] if _is_confirmed(each[0], claimed, SLOWER)]
    path.write_bytes(msgspec.json.encode(found | {"regressions": kept}))
    _prune_feed(site / "regressions.xml", {name for name, *_ in kept})


def _prune_feed(path: Path, kept: Collection[str]) -> None:
    """Removes the entries, titled as in `12.00% flights.Latency...`, of other regressions than those to be kept."""
    tree = ElementTree.parse(path)  # noqa: S314 (asv wrote the file)
    feed = tree.getroot()
    for entry in feed.findall(f"{{{ATOM}}}entry"):
        if entry.findtext(f"{{{ATOM}}}title", "").partition(" ")[2] not in kept:
            feed.remove(entry)
    tree.write(path, xml_declaration=True, default_namespace=ATOM, encoding="utf-8")


def _claimed(compared: Sequence[ComparisonView]) -> dict[Cell, Outcome]:
    changes = [("Latency", pair, one) for pair in compared for one in pair.times.claimed if one.cache == "hot"]
    changes += [("Processor", pair, one) for pair in compared for one in pair.processor.claimed]
    return {
        (metric, pair.dataset, *one.arm.split("/"), one.question): one.claim.outcome for metric, pair, one in changes
    }


def _is_confirmed(name: str, claimed: Mapping[Cell, Outcome], outcomes: Collection[Outcome]) -> bool:
    """Whether a change is claimed; `name` is as in `flights.Latency.track_seconds('duckdb', 'raw', 'carriers', 'all')`.

    A change of the number of wrong answers is none by chance.
    """
    known = _NAME.match(name)
    if known is None:
        return False
    dataset, metric, parameters = known.groups()
    cell = [part.strip(" '") for part in parameters.split(",")][:3]
    return metric == COUNTED or claimed.get((metric, dataset, *cell)) in outcomes
