"""The page Choose, and its rule, which decides as `rollup-bench choose` does."""

import gzip
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from rollup_bench.harness.choose.evidence import Evidence, evidence
from rollup_bench.harness.choose.flips import flips
from rollup_bench.harness.choose.needs import BROKERS, Needs, Prices, changed
from rollup_bench.harness.choose.responses import UnderLoad
from rollup_bench.harness.choose.rule import Rule
from rollup_bench.harness.choose.streamed import Streamed
from rollup_bench.harness.records.findings import Run
from rollup_bench.harness.report import decisions
from rollup_bench.harness.report.site import pages
from tests.support import ROOT
from tests.support.browser import Visit, visits
from tests.support.command import Command
from tests.support.evidence import loop, loops, run, store

GB = 1e9
LOADED = pages.PAGE.joinpath("index.html").read_text("utf-8").split('src="choose/')[1:]
SCRIPTS = [part.partition(".js")[0] for part in LOADED]
ONE, TWO, THREE = "by-hour", "retention", "funnel"
MIX = {ONE: 2, TWO: 1}


def _kept() -> Evidence:
    """Two engines that store the events, and one roll-up; under load, one of them alone and both with the mix."""
    fast, slow = loops(loop(8, {ONE: 20, TWO: 40}), loop(40, {ONE: 30, TWO: 300})), loops(loop(10, {ONE: 90, TWO: 9}))
    return run(
        store(
            "a/raw",
            {ONE: 0.02, TWO: 0.05},
            raw="a/raw",
            memory=GB,
            bytes=3 * GB,
            under_load={"m": fast},
            streams=[
                Streamed("kafka", 2000, 5, 5, 0.4, 0.52, 1.0),
                Streamed("kafka", 8000, 200, 3, 0.9, 1.3, 0.98),
                Streamed("pulsar", 2000, 20, 2, 0.5, 0.6, 1.0),
            ],
        ),
        store(
            "a/day",
            {ONE: 0.002},
            cannot={TWO: "unsupported: no subjects"},
            memory=GB,
            bytes=GB,
            streams=[
                Streamed("kafka", 2000, 5, 5, 0.1, 0.2, 1.0),
                Streamed("kafka", 8000, 5, fails="it lost events"),
                Streamed("pulsar", 9, 9, never="it reads only Kafka"),
            ],
        ),
        store(
            "b/tuned", {ONE: 0.04, TWO: 0.004}, raw="b/raw", memory=2 * GB, bytes=GB, under_load={"m": slow, TWO: slow}
        ),
        store(
            "b/raw",
            {ONE: 0.05, TWO: 0.06},
            raw="b/raw",
            memory=2 * GB,
            bytes=2 * GB,
            streams=[Streamed("kafka", 2000, 20, 5, 2.9, None, 0.77), Streamed("kafka", 500, 300, 3, 0.3, 0.4, 0.9)],
        ),
        mixes={"m": MIX},
        errors={ONE: 0.02},
    )


def _machines() -> Evidence:
    """The same engines, of which one ran on two machines, and one store was too slow to be offered rates."""
    first, *others = _kept().stores
    slow = msgspec.structs.replace(first, under_load={"m": UnderLoad(slow=True, most=20.0)})
    return msgspec.structs.replace(_kept(), stores=[slow, *others], nodes={"b": 2})


def _unknown() -> Evidence:
    """Three engines of which much is unknown."""
    unsure = {TWO: "its times still changed while they were measured"}
    return run(
        store("a/raw", {ONE: 0.02, TWO: 0.03, THREE: 0.1}, raw="a/raw", memory=GB, bytes=3 * GB, ingest=None),
        store("b/tuned", {ONE: 0.03, THREE: 0.02}, unsure=unsure, memory=None, bytes=GB),
        store("c/week", {ONE: 0.001, TWO: 0.03}, cannot={THREE: "unsupported"}, load=None, bytes=None),
        store("c/raw", {ONE: 0.0201, TWO: 0.0301, THREE: 0.099}, raw="c/raw", memory=GB, bytes=2.9 * GB),
        dataset="d'x",
        option="d'x.toml",
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
        "events_a_second": (100, 20_000),
        "fresh_seconds": (0.05, 10),
        "years": (0.5, 20),
        "disk_gb": (0.003, 10),
        "load_seconds": (0.3, 60),
        "cpu_hour": (0.001, 5),
        "memory_gb_month": (0.01, 50),
        "disk_gb_month": (0.01, 50),
        "system_month": (0.1, 50),
        "cluster_hour": (0.01, 5),
    }
    rare = {"p95_ms", "error", "years", "cluster_hour", "events_a_day", "events_a_second", "fresh_seconds"}
    drawn: dict[str, Any] = {
        name: float(f"{low * (high / low) ** rng.random():.4g}")
        for name, (low, high) in ranges.items()
        if rng.random() < (0.1 if name in rare else 0.3)
    }
    if rng.random() < 0.2:
        drawn["unforeseen"] = float(rng.choice([0.05, 0.5, 0.9, 1.0]))
    if rng.random() < 0.05:
        drawn["broker"] = str(rng.choice(BROKERS))
    if rng.random() < 0.2:
        drawn["replicas"] = int(rng.integers(1, 4))
    if rng.random() < 0.03:
        drawn["nodes"] = int(rng.integers(1, 4))
    if found.nodes and rng.random() < 0.9:
        drawn["engines"], drawn["nodes"] = [(["a"], 1), (["b"], 2)][int(rng.integers(2))]
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
    for name in SCRIPTS:
        opened.add_script_tag(path=pages.PAGE / "choose" / f"{name}.js")
    yield opened
    opened.close()


DECIDE = """cases => cases.flatMap(({ evidence, needs }) => {
    const known = choosing.evidenceOf(evidence);
    return needs.map((each) => {
        const rule = new choosing.Rule(known, each), decision = rule.choose(), found = choosing.flips(rule, decision);
        const of = (text) => decision.offers.map((offer) => text(offer));
        const said = [...of(choosing.money), ...of(choosing.response)];
        const seen = decision.offers.flatMap((offer) => Object.entries(offer.fresh));
        const fresh = seen.map(([arm, stream]) => choosing.freshness(arm, stream));
        const texts = [choosing.scope(rule), choosing.sentence(decision), ...said];
        return { decision, flips: found, texts: [...texts, ...found.map(choosing.flipText), ...fresh] };
    });
})"""


def _decided(found: Evidence, needs: Needs) -> Any:
    rule = Rule(found, needs)
    decision = rule.choose()
    flipped = flips(rule, decision)
    texts = [decisions.scope(rule), decisions.sentence(decision), *map(decisions.money, decision.offers)]
    texts += map(decisions.response, decision.offers)
    texts += map(decisions.flip_text, flipped)
    texts += [decisions.freshness(*seen) for offer in decision.offers for seen in offer.fresh.items()]
    return msgspec.json.decode(msgspec.json.encode({"decision": decision, "flips": flipped, "texts": texts}))


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
    """More than a thousand random needs, with all keys, on hand-made figures and on those of a run."""
    rng = np.random.default_rng(1)
    cases = [
        (found, [_needs(rng, found) for _ in range(number)])
        for found, number in ((_kept(), 600), (_machines(), 100), (_unknown(), 300), (_measured(), 100))
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


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages about a run that timed its questions, and about one that only checked them."""
    folder = tmp_path_factory.mktemp("choose")
    for name in ("flights-standard", "verdicts-cdnow"):
        (folder / "results" / "vm").mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / "results" / "vm" / f"{name}.jsonl", folder / "results" / "vm")
    pages.write(folder / "results", folder / "site")
    return folder / "site"


@pytest.fixture
def opened(browser: Browser, site: Path) -> Iterator[Visit]:
    """Opens an address of the pages from their files."""
    with visits(browser, [site.as_uri()]) as visit:
        yield lambda where="", **options: visit(f"{site.as_uri()}/index.html{where}", **options)


def said(command: Command, *words: str) -> str:
    """The sentence of the command."""
    _, out, _ = command("choose", str(ROOT / "results" / "vm" / "flights-standard.jsonl"), *words)
    return next(line for line in out.splitlines() if line.startswith(("Choose ", "No choice")))


def test_choose_is_the_front_and_says_what_the_command_says(opened: Visit, command: Command) -> None:
    page = opened()
    expect(page).to_have_title("Choose · rollup-bench")
    expect(page.locator("nav a").first).to_have_text("Choose")
    expect(page.locator(".decision")).to_have_text(said(command))
    for title in ("Best single store", "Best pair", "What cannot be told apart", "What would change it"):
        expect(page.get_by_role("heading", name=title)).to_be_visible()
    pair = next(one.name for one in Rule(_measured(), Needs()).choose().offers if len(one.questions) == 2)
    expect(page.locator("figure").first).to_contain_text(pair)
    top = page.locator(".card").first.bounding_box()
    assert top
    assert top["y"] < 400


def test_controls_write_the_address_and_the_sentence_follows(opened: Visit, command: Command) -> None:
    page = opened("#/choose")
    live = page.locator(".decision").element_handle()
    page.get_by_label("Questions a second").fill("30")
    page.get_by_label("Questions a second").press("Enter")
    page.get_by_label("duckdb").uncheck()
    slider = page.get_by_role("slider", name="delays-by-hour")
    slider.focus()
    for key in ("ArrowRight", "ArrowLeft", "ArrowLeft"):
        slider.press(key)
    expect(slider).to_be_focused()
    asked = dict(Rule(_measured(), Needs()).ask)
    asked["delays-by-hour"] -= 1
    moved = f"ask=delays-by-hour~{asked['delays-by-hour']:g}"
    assert page.evaluate("location.hash") == f"#/choose?{moved}&rate=30&engines=druid&engines=cassandra"
    weights = [word for name, weight in asked.items() for word in ("--ask", f"{name}={weight:g}")]
    sentence = said(command, "--rate", "30", "--engines", "druid,cassandra", *weights)
    expect(page.locator(".decision")).to_have_text(sentence)
    assert page.evaluate("one => document.querySelector('[aria-live=polite]') === one", live)
    shown = shlex.split(page.locator(".command code").last.inner_text())
    assert shown[:3] == ["rollup-bench", "choose", "results/vm/flights-standard.jsonl"]
    assert said(command, *shown[3:]) == sentence
    again = opened(page.evaluate("location.hash"))
    expect(again.locator(".decision")).to_have_text(sentence)
    expect(again.get_by_label("duckdb")).not_to_be_checked()
    again.get_by_role("link", name="Reset").click()
    expect(again.locator(".decision")).to_have_text(said(command))
    expect(again.get_by_label("Questions a second")).to_have_value("")
    assert again.evaluate("location.hash") == "#/choose"


def test_values_that_do_not_fit_are_answered_beside_their_field(opened: Visit) -> None:
    page = opened("#/choose")
    field = page.get_by_label("p95 within, ms")
    field.fill("fast")
    field.press("Enter")
    expect(page.get_by_role("alert").filter(has_text="Give a number above 0; the choice is still")).to_be_visible()
    assert page.evaluate("location.hash") == "#/choose"
    for box in ("duckdb", "druid", "cassandra"):
        page.get_by_label(box, exact=True).click()
    expect(page.locator("fieldset input:checked")).to_have_count(1)
    nothing = "&".join(f"ask={name}~0" for name in _measured().questions)
    page.evaluate(f"location.hash = '#/choose?{nothing}'")
    expect(page.locator(".decision")).to_have_text("No question is asked: give one of them a weight above 0.")
    expect(page.locator(".card")).to_have_count(0)


def test_what_was_not_measured_is_named_with_its_command(opened: Visit, command: Command) -> None:
    page = opened("#/choose?p95-ms=50&nodes=3")
    expect(page.locator(".decision")).to_have_text(said(command, "--p95-ms", "50", "--nodes", "3"))
    expect(page.locator(".card")).to_contain_text("ran on one machine, you need 3 for each store; name such clusters")
    expect(page.locator(".card code")).to_contain_text("rollup-bench run --dataset flights")
    page.get_by_role("button", name="Copy").first.click()
    expect(page.get_by_role("button", name="Copied")).to_have_count(1)
    page.evaluate("location.hash = '#/choose?p95-ms=50&ask=carriers~9'")
    expect(page.locator(".charts")).to_contain_text("did not put this mix of questions under load")


def test_a_p95_is_drawn_against_the_rate_with_the_need(opened: Visit) -> None:
    page = opened("#/choose?p95-ms=50&rate=30")
    chart = page.locator("figure", has_text="p95 against the rate")
    expect(chart).to_contain_text("you need 50")
    expect(chart).to_contain_text("your rate")
    expect(chart.locator("polyline")).not_to_have_count(0)


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ("rate=0", "rate=0 is not known here: give a number above 0."),
        ("rate=1e999", "give a number above 0."),
        ("unforeseen=1.5", "give a number from 0 to 1."),
        ("replicas=1.5", "give a whole number from 1."),
        ("ask=carriers~x", "with a number from 0."),
        ("ask=other~1", "ask=other~1 is not known here"),
        ("ask=carriers~1&ask=carriers~2", "ask=carriers is given twice"),
        ("engines=sqlite", "give one of duckdb, druid, cassandra."),
        ("broker=rabbit", "give one of kafka, pulsar."),
        ("fresh-seconds=0", "give a number above 0."),
        ("price=3", "This page has no parameter “price”"),
    ],
)
def test_wrong_needs_in_the_address_are_answered_in_words(opened: Visit, where: str, words: str) -> None:
    page = opened(f"#/choose?{where}")
    expect(page.get_by_role("alert")).to_contain_text(words)
    expect(page.locator(".decision")).to_have_count(0)
    page.get_by_role("link", name="Go to Choose").click()
    expect(page.locator(".decision")).to_be_visible()


def test_a_run_that_timed_nothing_says_so(opened: Visit) -> None:
    page = opened("#/choose?run=vm/verdicts-cdnow&rate=2")
    expect(page.locator("main")).to_contain_text("This run timed nothing, so that no choice can rest on it.")
    expect(page.locator("code")).to_have_text("rollup-bench run --dataset cdnow --profile standard")


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (1024, "dark"), (390, "light")])
def test_the_page_is_accessible_and_fits(opened: Visit, width: int, scheme: str) -> None:
    page = opened("#/choose?rate=30&engines=druid&engines=cassandra", width=width, color_scheme=scheme)
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    found = Axe().run(page, options={"preload": False})  # a page from a file cannot request its style sheet again
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_first_load_is_small(browser: Browser, site: Path) -> None:
    """All files that the page loads, compressed, are at most 200 KB."""
    page, loaded = browser.new_page(), list[str]()
    page.on("request", lambda one: loaded.append(one.url.removeprefix(f"{site.as_uri()}/")))
    page.goto(f"{site.as_uri()}/index.html")
    expect(page.locator(".decision")).to_be_visible()
    page.close()
    files = [site / name for name in loaded if not name.startswith("data:")]
    assert {"index.html", "site.css", "choose.js", "runs/vm/flights-standard.js"} <= set(loaded)
    assert sum(len(gzip.compress(file.read_bytes())) for file in files) <= 200_000
