"""The pages, in a real Chromium that has no network, over a real run and asv's own results of two commits."""

import functools
import gzip
import http.server
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import asv.www
import msgspec
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from rollup_bench.errors import FailureError
from rollup_bench.harness.records.findings import Run, timings
from rollup_bench.harness.records.lines import Ended, Fault, LoadCost, MixedQuestions, Operations, Verdict, of_type
from rollup_bench.harness.report.site import offline, pages, publisher, run_view
from rollup_bench.harness.report.site.run_changes import comparisons
from rollup_bench.harness.run.measure import measure
from rollup_bench.harness.run.profiles import Profile
from rollup_bench.harness.run.request import Request
from rollup_bench.harness.run.rounds import Effort
from rollup_bench.workloads import dataset, events
from tests.support import ROOT, streams
from tests.support.browser import Visit, visits
from tests.support.mixed import SECOND, alone, closed
from tests.support.mixed import opened as open_loop

QUESTIONS = ["carriers", "weekly-aircraft", "aircraft-estimated"]
EFFORT = Effort(launches=1, least=5, most=5, warm=0.1, rounds=2.0, alone=0.01)
METRICS = r"flights\.(Load|Latency).*'duckdb', 'raw'(, 'carriers')?, 'all'"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run's file: DuckDB, raw and rolled up."""
    folder = tmp_path_factory.mktemp("results") / "here"
    flights = dataset.read("flights")
    profile = Profile("quick", rows=(), timed=None, checked=1, effort=EFFORT)
    kept = events.prepare(flights, folder.parent)
    layouts, questions = map(flights.layout, ("raw", "day")), {name: flights.question(name) for name in QUESTIONS}
    request = Request(flights, kept, ["duckdb"], list(layouts), questions, "native", folder.parent, 1, profile)
    path = measure(request, folder / "flights.jsonl", lambda _: None)[0]
    mix = MixedQuestions(question="m", counts={"carriers": 4}, story="All day.", refused={"duckdb/day": "no"})
    arm = "duckdb/raw"
    loops = [closed(1, 80, 20, arm=arm), open_loop("search 8", 8, 50_000, arm), open_loop("confirm 8", 8, 60_000, arm)]
    with path.open("ab") as file:
        file.writelines(msgspec.json.encode(line) + b"\n" for line in (mix, alone(0, [SECOND], arm=arm), *loops))
    _cut_off_copy(path, folder.parent / "there" / "flights-again.jsonl")
    (folder / "streams").mkdir()
    for name in ("game", "frontier/game"):
        stream = folder / "streams" / f"{name}.jsonl"
        stream.parent.mkdir(exist_ok=True)
        stream.write_bytes(b"\n".join(map(msgspec.json.encode, streams.lines())))
    return path


def _cut_off_copy(path: Path, copy: Path) -> None:
    """Writes a run that lost an arm, has operations of DuckDB, and started later than the complete run."""
    run = Run.read(path)
    header = msgspec.structs.replace(run.header, started="2100-01-01T00:00:00+00:00")
    fault = Fault(arm="duckdb/day", doing="warming up", reason="the <server> left", launch=0)
    tables = {"raw": ["events"], "day": ["events", "day"]}
    work = Operations(
        engine="duckdb", settings=["threads = 2"], steps=["Copy a file."], tables=tables, memory={}, recovery=None
    )
    kept = [line for line in run.lines if not isinstance(line, Ended)]
    copy.parent.mkdir()
    copy.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in (header, *kept, fault, work)))


@pytest.fixture(scope="module")
def site(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `asv publish` makes of it."""
    folder = tmp_path_factory.mktemp("site")
    config = json.loads((ROOT / "asv.conf.json").read_text())
    config |= {"repo": str(ROOT), "benchmark_dir": str(ROOT / "benchmarks"), "env_dir": str(folder / "env")}
    config |= {"results_dir": str(run.parents[1]), "html_dir": str(folder / "html" / "asv")}
    (folder / "asv.conf.json").write_text(json.dumps(config))
    environment = os.environ | {"HOME": str(folder), "ROLLUP_BENCH_RUNS": str(run)}

    def call(*words: str) -> None:
        command = [sys.executable, "-m", "asv", "--config", str(folder / "asv.conf.json"), *words]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    call("machine", "--yes")
    commits = subprocess.run(["git", "rev-list", "-2", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True)
    for commit in commits.stdout.split():
        call("run", "--python=same", "--quick", "--set-commit-hash", commit, "--bench", METRICS)
    call("publish", "--no-pull")
    return folder / "html"


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(site))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture
def opened(browser: Browser, site: Path, address: str) -> Iterator[Visit]:
    """Opens an address of the site; at the end nothing may have failed, or been asked of another host.

    Pages are opened from files; with `served`, from the server, which asv's own pages need.
    """
    with visits(browser, [address, site.as_uri()]) as visit:

        def opening(where: str = "", served: bool = False, **options: Any) -> Page:
            page = visit((address if served else f"{site.as_uri()}/index.html") + where, **options)
            page.wait_for_load_state("networkidle") if served else page.locator("main h1").wait_for()
            return page

        yield opening


def test_the_glossary_has_an_address_for_each_term(opened: Visit) -> None:
    page = opened("index.html#/method", served=True)
    page.get_by_role("link", name="Glossary").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Glossary")
    assert page.locator("#term-noise-floor").count() == 1
    assert page.locator("#choosing").count() == 1
    missing = """links => links.map(link => link.getAttribute('href')).filter(href =>
        href.startsWith('#') ? !document.getElementById(href.slice(1)) : href !== 'index.html')"""
    assert page.locator("a").evaluate_all(missing) == []
    assert Axe().run(page).response["violations"] == []
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


PAINTED = """canvas => canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data
    .filter((value, i) => i % 4 == 3 && value > 0).length"""


def test_asv_draws_its_charts_without_a_network(opened: Visit) -> None:
    grid = opened("asv/index.html#/", served=True)
    tile = grid.locator("#summarygrid-display canvas.flot-base")
    expect(tile).to_have_count(2)
    assert tile.first.evaluate(PAINTED) > 0
    expect(grid.get_by_role("link", name="All pages")).to_have_attribute("href", "../index.html")
    graph = opened("asv/index.html#flights.Latency.track_seconds", served=True)
    expect(graph.locator("#main-graph canvas.flot-base")).to_be_visible()
    assert graph.locator("#main-graph canvas.flot-base").evaluate(PAINTED) > 1000
    for where in ("summarylist", "regressions"):
        expect(opened(f"asv/index.html#/{where}", served=True).locator(f"#nav-li-{where}")).to_have_class("active")


def test_asv_lists_only_what_was_measured(site: Path) -> None:
    summaries = list((site / "asv").glob("graphs/**/summary.json"))
    rows = [row for summary in summaries for row in json.loads(summary.read_bytes())]
    assert {row["pretty_name"] for row in rows} == {
        "flights.Latency.track_seconds('duckdb', 'raw', 'carriers', 'all')",
        "flights.Load.track_seconds('duckdb', 'raw', 'all')",
    }


def test_compare_says_what_the_run_says(opened: Visit, run: Path) -> None:
    page, kept = opened("#/compare"), Run.read(run)
    expect(page).to_have_title("Compare · rollup-bench")
    verdicts = of_type(kept.lines, Verdict)
    expect(page.locator("button.cell")).to_have_count(len(verdicts))
    times = {cell[::2]: time for cell, time in timings(kept).items()}
    assert set(times) == {(one.question, one.arm) for one in verdicts if one.verdict == "right"}
    for one in verdicts:
        cell = page.locator(f'[id="cell-{one.question}~{one.arm}"]')
        expect(cell).to_contain_text("✓" if one.verdict == "right" else "– unsupported")
        if (one.question, one.arm) in times:
            median = times[one.question, one.arm].median * 1000
            shown = re.search(r"([\d.]+)\sms", cell.inner_text())
            assert shown
            assert float(shown[1]) == pytest.approx(median, rel=0.005)
    answered = sum(one.verdict == "right" for one in verdicts)
    expect(page.locator("table.summary")).to_contain_text(f"{answered} of {len(verdicts)}")
    top = page.locator("button.cell").first.bounding_box()
    assert top
    assert top["y"] < 600


def test_filters_write_the_address_and_the_address_sets_them(opened: Visit) -> None:
    page = opened("#/compare")
    rows, cells = page.locator("tbody.questions th"), page.locator("button.cell")
    page.get_by_label("Tolerated error").select_option("none")
    expect(rows).to_have_count(2)
    page.get_by_label("raw", exact=True).check()
    expect(cells).to_have_count(2)
    assert "error=0" in page.url
    assert "layout=raw" in page.url
    again = opened("#/" + page.url.rpartition("/")[2])
    expect(again.locator("button.cell")).to_have_count(2)
    expect(again.get_by_label("raw", exact=True)).to_be_checked()
    page.go_back()
    expect(cells).to_have_count(4)
    page.go_back()
    expect(rows).to_have_count(3)
    page.go_forward()
    expect(rows).to_have_count(2)


def test_a_column_sorts_the_questions(opened: Visit, run: Path) -> None:
    medians = {cell.question: time.median for cell, time in timings(Run.read(run)).items() if cell.arm == "duckdb/raw"}
    ordered = sorted(medians, key=lambda question: medians[question])
    page = opened("#/compare")
    names, sort = page.locator("tbody.questions th > a"), page.locator('[id="sort-duckdb/raw"]')
    for expected, direction in ((ordered, "ascending"), (ordered[::-1], "descending"), (QUESTIONS, "none")):
        sort.click()
        expect(names).to_have_text(expected)
        expect(page.locator("th", has=sort)).to_have_attribute("aria-sort", direction)


def test_other_figures_than_the_median_can_be_shown(opened: Visit) -> None:
    page = opened("#/compare?figure=first")
    expect(page.locator("button.cell").first).to_contain_text(re.compile("cold|lukewarm"))
    expect(page.get_by_label("Figure")).to_have_value("first")


def test_cells_open_side_by_side_by_keyboard_and_by_link(opened: Visit, run: Path) -> None:
    asked = {(one.question, one.arm): one for one in of_type(Run.read(run).lines, Verdict)}
    page = opened("#/compare")
    raw, day = (page.locator(f'[id="cell-carriers~duckdb/{layout}"]') for layout in ("raw", "day"))
    raw.focus()
    page.keyboard.press("Enter")
    expect(page.locator("pre")).to_have_text(asked["carriers", "duckdb/raw"].query)
    expect(raw).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(day).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("pre")).to_have_count(2)
    page.keyboard.press("ArrowDown")
    expect(page.locator('[id="cell-weekly-aircraft~duckdb/day"]')).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("pre")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(page.locator("pre")).to_have_count(0)
    expect(raw).to_be_focused()
    linked = opened("#/compare?open=weekly-aircraft~duckdb/day")
    expect(linked.locator("tr.opened")).to_contain_text(asked["weekly-aircraft", "duckdb/day"].reason)
    linked.keyboard.press("Escape")
    expect(linked.locator("tr.opened")).to_have_count(0)


def test_a_mix_under_load_has_its_rates_and_a_chart(opened: Visit) -> None:
    page = opened("#/load")
    for said in ("Mix m", "All day. Of 4 requests: 4 carriers.", "not asked: no"):
        expect(page.locator("main")).to_contain_text(said)
    row = page.get_by_role("table", name="Mix m: figures").locator("tbody tr", has_text="duckdb/raw").locator("td")
    expect(row).to_have_text(
        ["8 a second", "0.01 ms", "60.1 ms", "0.75", "40 a second", "4 a secondunknown", "500 msunknown"]
    )
    expect(page.locator("svg polyline")).to_have_count(1)


def test_costs_are_those_of_the_loads(opened: Visit, run: Path) -> None:
    page = opened("#/costs")
    for load in of_type(Run.read(run).lines, LoadCost):
        row = page.get_by_role("table", name="The loads of all layouts").locator("tbody tr", has_text=load.arm)
        expect(row).to_contain_text(f"{load.rows:,}")
    expect(page.locator("figcaption")).to_contain_text("duckdb/day")


def test_a_question_shows_its_parameters_and_queries(opened: Visit, run: Path) -> None:
    page = opened("#/questions")
    page.get_by_role("link", name="carriers").click()
    expect(page.locator("dl").first).to_contain_text("start = 2013-01-01")
    queries = [one.query for one in of_type(Run.read(run).lines, Verdict) if one.question == "carriers"]
    expect(page.locator("pre")).to_have_text(queries)


def test_a_run_that_lost_an_arm_says_so_on_every_page(opened: Visit) -> None:
    page = opened("#/engines?run=there/flights-again")
    for said in ("This run is not complete", "duckdb/day dropped out while warming up for launch 1: the <server> left"):
        expect(page.locator(".trouble")).to_contain_text(said)
    expect(page.locator("main")).to_contain_text("Copy a file.")
    page.get_by_role("link", name="Method").click()
    expect(page.locator("main h1")).to_be_focused()
    assert "run=there/flights-again" in page.url
    expect(page.locator(".trouble")).to_contain_text("dropped out")
    page.locator("#choose-run").select_option("here/flights")
    expect(page.locator(".trouble")).to_have_count(0)
    expect(page.get_by_role("link", name="here/flights.jsonl")).to_have_attribute("href", "runs/here/flights.jsonl")


def test_runs_are_listed_by_their_machines(opened: Visit) -> None:
    groups = opened("#/compare").locator("#choose-run optgroup")
    labels = [group.get_attribute("label") or "" for group in groups.all()]
    assert [label.partition(" ")[0] for label in labels] == ["here", "there"]
    assert all(label.endswith(("core", "cores")) for label in labels)
    expect(groups.first.locator("option")).to_have_attribute("value", "here/flights")


WRONG = {
    "#/prices": "There is no page “prices”; there are choose, compare, load",
    "#compare": "The address #compare is malformed",
    "#/compare?kind=%E0%A4%A": "The address is malformed at “kind=%E0%A4%A”",
    "#/compare?kind": "The address is malformed at “kind”",
    "#/compare?run=here/other": "run=here/other is not known here: give one of here/flights, there/flights-again",
    "#/compare?engine=druid": "engine=druid is not known here: give one of duckdb",
    "#/compare?open=carriers~druid/raw": "open=carriers~druid/raw is not known here",
    "#/compare?error=0&error=0.02": "error is given twice",
    "#/load?kind=cohort": "This page has no parameter “kind”",
}


def test_an_address_that_names_nothing_is_answered_in_words(opened: Visit) -> None:
    page = opened(next(iter(WRONG)))
    for where, words in WRONG.items():
        page.evaluate(f"location.hash = '{where}'")
        expect(page.get_by_role("alert")).to_contain_text(words)
        expect(page.locator("button.cell")).to_have_count(0)
    page.get_by_role("link", name="Go to Choose").click()
    expect(page.locator("p.decision")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("alert")).to_be_visible()


VIEWS = ["choose", "compare?open=carriers~duckdb/raw", "load", "costs", "questions", "questions?question=carriers"]
VIEWS += ["engines?run=there/flights-again", "history", "method"]


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (1024, "dark"), (390, "light")])
def test_every_page_is_accessible_and_fits(opened: Visit, width: int, scheme: str) -> None:
    page = opened(width=width, served=True, color_scheme=scheme)
    for view in VIEWS:
        page.evaluate(f"location.hash = '#/{view}'")
        expect(page.locator("nav a[aria-current]")).to_have_attribute(
            "href", re.compile(rf"^#/{view.partition('?')[0]}")
        )
        page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        found = Axe().run(page)
        assert found.violations_count == 0, f"{view}: {found.generate_report()}"
        assert page.evaluate("document.documentElement.scrollWidth") <= width, view


def test_print_keeps_all_columns_and_unfolds(opened: Visit) -> None:
    page = opened("#/compare", width=1020)
    page.emulate_media(media="print")
    table = page.locator("table.compare")
    assert table.evaluate("one => one.getBoundingClientRect().right <= innerWidth")
    expect(table.locator("thead")).to_be_visible()
    expect(page.locator(".bar").first).to_be_visible()
    page.evaluate("onbeforeprint = () => { window.folded = document.querySelectorAll('details:not([open])').length; }")
    assert page.evaluate("document.querySelectorAll('details:not([open])').length") > 0
    page.pdf()
    assert page.evaluate("window.folded") == 0
    expect(page.locator("details:not([open])")).not_to_have_count(0)


def test_a_change_of_asv_page_is_not_published() -> None:
    html = (Path(asv.www.__path__[0]) / "index.html").read_text()
    made = publisher.with_link(offline.localised(html))
    assert not re.findall(r'<(?:script|link|img)[^>]*"https?:', made)
    assert made.count("vendor/") == len(offline.FILES)
    with pytest.raises(FailureError, match=r"loads other\.js, but vendor has no copy"):
        offline.localised(html.replace("md5.min.js", "other.js"))
    with pytest.raises(FailureError, match=r"exactly one .*nav-li-"):
        publisher.with_link(html.replace("nav-li-", "nav-"))
    with pytest.raises(FailureError, match="let html_dir end in `asv`"):
        publisher.Site.publish(SimpleNamespace(html_dir="html"), None, None, None, None)


def test_the_first_page_is_small(site: Path) -> None:
    files = [site / name for name in ("index.html", "site.css", "runs/here/flights.js")]
    scripts = [*site.glob("*.js"), *site.glob("choose/*.js")]
    assert sum(len(gzip.compress(file.read_bytes())) for file in files + scripts) < 200_000


def test_the_newest_complete_run_comes_first_and_runs_are_compared_in_order(run: Path) -> None:
    def changed(**header: str) -> Run:
        return Run(msgspec.structs.replace(measured.header, **header), measured.lines)

    measured = Run.read(run)
    complete, older = changed(profile="standard"), changed(profile="standard", started="2000-01-01T00:00:00+00:00")
    quick = changed(profile="quick", started="2999-01-01T00:00:00+00:00")
    cut = Run.read(run.parents[1] / "there" / "flights-again.jsonl")
    runs = {"cut": cut, "older": older, "quick": quick, "newer": complete}
    views = {name: run_view.view(name, each, "") for name, each in runs.items()}
    assert [one.name for one in pages.ordered(views)] == ["newer", "older", "quick", "cut"]
    (found,) = comparisons({"newer": complete, "older": older})
    assert (found.before, found.after, found.times.claimed) == ("older", "newer", [])
    assert found.times.compared == len(timings(complete))


def test_words_of_an_engine_are_those_of_its_readme() -> None:
    assert run_view.words("duckdb").bad
    assert run_view.words("none") == run_view.Words([], [])
