"""The rule of `rollup-bench choose` in the pages: it decides as the command does."""

from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np
import pytest
from playwright.sync_api import Browser, Page

from rollup_bench.harness.choose.evidence import Evidence, evidence
from rollup_bench.harness.choose.flips import flips
from rollup_bench.harness.choose.needs import Needs, Prices, changed
from rollup_bench.harness.choose.rule import Rule
from rollup_bench.harness.records.findings import Run
from rollup_bench.harness.report import decisions
from rollup_bench.harness.report.site.pages import PAGE
from tests.support import ROOT
from tests.support.evidence import loop, loops, run, store

GB = 1e9
SCRIPTS = ("draws", "formats", "needs", "responses", "candidates", "speed", "prices", "refusals", "rule", "flips")
ONE, TWO, THREE = "by-hour", "retention", "funnel"
MIX = {ONE: 2, TWO: 1}


def _kept() -> Evidence:
    """Two engines that store the events, and one roll-up; under load, one of them alone and both with the mix."""
    fast, slow = loops(loop(8, {ONE: 20, TWO: 40}), loop(40, {ONE: 30, TWO: 300})), loops(loop(10, {ONE: 90, TWO: 9}))
    return run(
        store("a/raw", {ONE: 0.02, TWO: 0.05}, raw="a/raw", memory=GB, bytes=3 * GB, under_load={"m": fast}),
        store("a/day", {ONE: 0.002}, cannot={TWO: "unsupported: no subjects"}, memory=GB, bytes=GB),
        store(
            "b/tuned", {ONE: 0.04, TWO: 0.004}, raw="b/raw", memory=2 * GB, bytes=GB, under_load={"m": slow, TWO: slow}
        ),
        store("b/raw", {ONE: 0.05, TWO: 0.06}, raw="b/raw", memory=2 * GB, bytes=2 * GB),
        mixes={"m": MIX},
        errors={ONE: 0.02},
    )


def _unknown() -> Evidence:
    """Three engines of which much is unknown."""
    unsure = {TWO: "its times still changed while they were measured"}
    return run(
        store("a/raw", {ONE: 0.02, TWO: 0.03, THREE: 0.1}, raw="a/raw", memory=GB, bytes=3 * GB, ingest=None),
        store("b/tuned", {ONE: 0.03, THREE: 0.02}, unsure=unsure, memory=None, bytes=GB),
        store("c/week", {ONE: 0.001, TWO: 0.03}, cannot={THREE: "unsupported"}, load=None, bytes=None),
        store("c/raw", {ONE: 0.0201, TWO: 0.0301, THREE: 0.099}, raw="c/raw", memory=GB, bytes=2.9 * GB),
        dataset="d'x",
        sizable="game",
        days=None,
    )


def _measured() -> Evidence:
    path = ROOT / "results" / "vm" / "flights-standard.jsonl"
    return evidence(Run.read(path), "vm/flights-standard.jsonl")


def _needs(rng: np.random.Generator, found: Evidence) -> Needs:
    """Draws needs: each key with a probability, from values of which some are met and some are not."""
    ranges: dict[str, tuple[float, float]] = {
        "rate": (0.01, 300),
        "p95_ms": (5, 500),
        "error": (0.005, 0.05),
        "events_a_day": (10, 1e7),
        "years": (0.5, 20),
        "disk_gb": (0.003, 10),
        "load_seconds": (0.3, 60),
        "cpu_hour": (0.001, 5),
        "memory_gb_month": (0.01, 50),
        "disk_gb_month": (0.01, 50),
        "system_month": (0.1, 50),
        "cluster_hour": (0.01, 5),
    }
    rare = {"p95_ms", "error", "years", "cluster_hour", "events_a_day"}
    drawn: dict[str, Any] = {
        name: float(f"{low * (high / low) ** rng.random():.4g}")
        for name, (low, high) in ranges.items()
        if rng.random() < (0.1 if name in rare else 0.3)
    }
    if rng.random() < 0.2:
        drawn["unforeseen"] = float(rng.choice([0.05, 0.5, 0.9, 1.0]))
    if rng.random() < 0.2:
        drawn["replicas"] = int(rng.integers(1, 4))
    if rng.random() < 0.03:
        drawn["nodes"] = int(rng.integers(1, 4))
    engines = list(dict.fromkeys(one.arm.split("/")[0] for one in found.stores))
    if rng.random() < 0.3:
        drawn["engines"] = rng.choice(
            [*engines, "x y"], int(rng.integers(1, 3)), replace=False, p=_rarely_last(engines)
        )
    asked = rng.choice(found.questions, int(rng.integers(1, len(found.questions) + 1)), replace=False)
    if rng.random() < 0.4:
        drawn["ask"] = {str(name): float(rng.integers(1, 9)) for name in asked}
    return changed(Needs(), drawn | {"engines": [str(name) for name in drawn.get("engines", [])]})


def _rarely_last(engines: list[str]) -> list[float]:
    return [0.96 / len(engines)] * len(engines) + [0.04]


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    """A page with the scripts of the rule."""
    opened = browser.new_page()
    for name in (*SCRIPTS, "decisions"):
        opened.add_script_tag(path=PAGE / "choose" / f"{name}.js")
    yield opened
    opened.close()


DECIDE = """cases => cases.flatMap(({ evidence, needs }) => {
    const known = choosing.evidenceOf(evidence);
    return needs.map((each) => {
        const rule = new choosing.Rule(known, each), decision = rule.choose(), found = choosing.flips(rule, decision);
        const texts = [choosing.scope(rule), choosing.sentence(decision), ...decision.offers.map(choosing.money)];
        return { decision, flips: found, texts: [...texts, ...found.map(choosing.flipText)] };
    });
})"""


def _decided(found: Evidence, needs: Needs) -> Any:
    rule = Rule(found, needs)
    decision = rule.choose()
    flipped = flips(rule, decision)
    texts = [decisions.scope(rule), decisions.sentence(decision, needs), *map(decisions.money, decision.offers)]
    texts += map(decisions.flip_text, flipped)
    return msgspec.to_builtins({"decision": decision, "flips": flipped, "texts": texts})


def _same(one: Any, other: Any) -> bool:
    """Whether two values are equal, up to a relative difference of 1e-9 between numbers."""
    if isinstance(one, dict) and isinstance(other, dict):
        return list(one) == list(other) and all(_same(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, bool | str | None):
        return type(one) is type(other) and one == other
    return isinstance(other, int | float) and one == pytest.approx(other, rel=1e-9, abs=0, nan_ok=True)


def test_the_page_decides_as_the_command_does(page: Page) -> None:
    """A thousand random needs, with all keys, on hand-made figures and on those of a run."""
    rng = np.random.default_rng(1)
    cases = [
        (found, [_needs(rng, found) for _ in range(number)])
        for found, number in ((_kept(), 600), (_unknown(), 300), (_measured(), 100))
    ]
    expected = [_decided(found, each) for found, needs in cases for each in needs]
    given = [{"evidence": found, "needs": needs} for found, needs in cases]
    decided = page.evaluate(DECIDE, msgspec.json.decode(msgspec.json.encode(given)))
    needs = [each for _, drawn in cases for each in drawn]
    different = [
        (each, got, want) for each, got, want in zip(needs, decided, expected, strict=True) if not _same(got, want)
    ]
    assert different == []
    answers = {one["decision"]["answer"] for one in expected}
    assert answers == {"one", "both", "undecided", "neither", "refused"}
    assert {flip["need"] for one in expected for flip in one["flips"]} >= set(decisions.LABELS)


def test_needs_of_the_page_have_the_same_defaults(page: Page) -> None:
    assert page.evaluate("choosing.NEEDS") == msgspec.to_builtins(Needs())
    assert page.evaluate("choosing.LABELS") == decisions.LABELS
    assert list(page.evaluate("choosing.PRICES")) == list(Prices.__struct_fields__)
