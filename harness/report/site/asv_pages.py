"""Makes asv's own pages show only what runs support: no rows without a figure, and no changes by chance."""

import re
from collections.abc import Collection, Sequence
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
"""Metric, dataset, engine, layout, question and rows, which are `all` for a dataset that is not generated."""


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
        if not entry.findtext(f"{{{ATOM}}}title", "").endswith(tuple(f" {name}" for name in kept)):
            feed.remove(entry)
    ElementTree.register_namespace("", ATOM)
    tree.write(path, xml_declaration=True, encoding="utf-8")


def _claimed(compared: Sequence[ComparisonView]) -> set[tuple[Cell, Outcome]]:
    changes = [("Latency", pair, one) for pair in compared for one in pair.times.claimed if one.cache == "hot"]
    changes += [("Processor", pair, one) for pair in compared for one in pair.processor.claimed]
    return {
        ((metric, pair.dataset, *one.arm.split("/"), one.question, rows), one.claim.outcome)
        for metric, pair, one in changes
        for rows in ("all", str(pair.rows))
    }


def _is_confirmed(name: str, claimed: Collection[tuple[Cell, Outcome]], outcomes: Collection[Outcome]) -> bool:
    """Whether a change is claimed; `name` is as in `flights.Latency.track_seconds('duckdb', 'raw', 'carriers', 'all')`.

    A change of the number of wrong answers is never due to chance.
    """
    known = _NAME.match(name)
    if known is None:
        return False
    dataset, metric, parameters = known.groups()
    cell = (metric, dataset, *(part.strip(" '") for part in parameters.split(",")))
    return metric == COUNTED or any((cell, outcome) in claimed for outcome in outcomes)
