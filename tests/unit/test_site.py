"""The pages, in a real Chromium that has no network, over a real run and asv's own results of two commits."""

import functools
import http.server
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import asv.www
import msgspec
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright

import tests.support.browser as chromium
from rollup_bench.errors import FailureError
from rollup_bench.harness.records.findings import Run, timings
from rollup_bench.harness.records.lines import MixedQuestions, Verdict, of_type
from rollup_bench.harness.report.site import offline, publisher, tradeoffs
from rollup_bench.harness.run.measure import measure
from rollup_bench.harness.run.profiles import Profile
from rollup_bench.harness.run.request import Request
from rollup_bench.harness.run.rounds import Effort
from rollup_bench.workloads import dataset, events
from tests.support import ROOT
from tests.support.mixed import SECOND, alone, closed
from tests.support.mixed import opened as open_loop

QUESTIONS = ["carriers", "weekly-aircraft", "aircraft-estimated"]
EFFORT = Effort(launches=1, least=5, most=5, warm=0.1, rounds=2.0, alone=0.01)
METRICS = r"flights\.(Load|Latency).*'duckdb', 'raw'(, 'carriers')?, 'all'"
OFFLINE = ["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]


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
    (folder.parent / "there").mkdir()
    shutil.copy(path, folder.parent / "there" / "flights-again.jsonl")
    return path


@pytest.fixture(scope="module")
def site(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `asv publish` makes of it."""
    folder = tmp_path_factory.mktemp("site")
    config = json.loads((ROOT / "asv.conf.json").read_text())
    config |= {"repo": str(ROOT), "benchmark_dir": str(ROOT / "benchmarks"), "env_dir": str(folder / "env")}
    config |= {"results_dir": str(run.parents[1]), "html_dir": str(folder / "html")}
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


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = chromium.find()
    if program is None:
        pytest.fail(chromium.MISSING, pytrace=False)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=OFFLINE)
        yield started
        started.close()


Open = Callable[..., Page]


@pytest.fixture
def opened(browser: Browser, address: str) -> Iterator[Open]:
    """Opens an address of the site; at the end nothing may have failed, or been asked of another host."""
    complaints: list[str] = []
    pages: list[Page] = []

    def opening(where: str = "", width: int = 1360) -> Page:
        page = browser.new_page(viewport={"width": width, "height": 900})
        page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("requestfailed", lambda request: complaints.append(f"failed: {request.url}"))
        page.on("response", lambda got: complaints.append(f"{got.status} {got.url}") if got.status >= 400 else None)
        page.on("request", lambda one: None if one.url.startswith(address) else complaints.append(f"asked: {one.url}"))
        page.goto(address + where)
        page.wait_for_load_state("networkidle")
        pages.append(page)
        return page

    yield opening
    for page in pages:
        page.close()
    assert complaints == []


PAINTED = """canvas => canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data
    .filter((value, i) => i % 4 == 3 && value > 0).length"""


def test_every_view_opens_and_asv_draws_its_charts(opened: Open) -> None:
    grid = opened("#/")
    tile = grid.locator("#summarygrid-display canvas.flot-base")
    expect(tile).to_have_count(2)
    assert tile.first.evaluate(PAINTED) > 0
    graph = opened("#flights.Latency.track_seconds")
    expect(graph.locator("#main-graph canvas.flot-base")).to_be_visible()
    assert graph.locator("#main-graph canvas.flot-base").evaluate(PAINTED) > 1000
    for where in ("#/summarylist", "#/regressions"):
        expect(opened(where).locator("#tradeoffs-display")).to_be_hidden()


def test_the_page_is_the_front_and_says_what_the_run_says(opened: Open, run: Path) -> None:
    page, kept = opened(), Run.read(run)
    expect(page.locator("#tradeoffs-display")).to_be_visible()
    verdicts = of_type(kept.lines, Verdict)
    expect(page.locator("td button")).to_have_count(len(verdicts))
    times = {cell[::2]: time for cell, time in timings(kept).items()}
    assert set(times) == {(one.question, one.arm) for one in verdicts if one.verdict == "right"}
    for one in verdicts:
        cell = page.locator(f'[id="cell-{one.question}~{one.arm}"]')
        expect(cell).to_contain_text("✓" if one.verdict == "right" else "– unsupported")
        if (one.question, one.arm) in times:
            median = times[one.question, one.arm].median * 1000
            shown = re.search(r"([\d.]+) ms", cell.inner_text())
            assert shown
            assert float(shown[1]) == pytest.approx(median, rel=0.005)
    scope = page.locator("#tradeoffs-scope")
    for said in (
        kept.header.versions["duckdb"],
        str(kept.header.machine["processor"]),
        "by settings alone",
        "A/A pairs",
    ):
        expect(scope).to_contain_text(said)


def test_the_mixes_come_first_with_their_rates_and_a_chart(opened: Open) -> None:
    page = opened()
    mixes = page.locator("#tradeoffs-mixes")
    for said in ("Mix m", "All day.", "Of 4 requests: 4 carriers.", "not asked: no"):
        expect(mixes).to_contain_text(said)
    row = mixes.locator("tbody tr", has_text="duckdb/raw").locator("td")
    cells = ["8 a second", "p50 0.01 ms, p95 60.1 ms, p99 –", "0.75", "4 a second", "500 ms", "40 a second"]
    expect(row).to_have_text(cells)
    expect(mixes.locator("polyline")).to_have_count(1)
    tops = [page.locator(f"#tradeoffs-{part}").evaluate("one => one.offsetTop") for part in ("mixes", "table")]
    assert tops == sorted(tops)


def test_filters_write_the_address_and_the_address_sets_them(opened: Open) -> None:
    page = opened("#/tradeoffs")
    rows = page.locator("#tradeoffs-table tbody:not(.costs) th")
    page.locator("select[name=error]").select_option("none: exact answers")
    expect(rows).to_have_count(2)
    page.locator("select[name=layout]").select_option("raw")
    expect(page.locator("td button")).to_have_count(2)
    assert "error=0" in page.url
    assert "layout=raw" in page.url
    again = opened("#/" + page.url.rpartition("/")[2])
    expect(again.locator("td button")).to_have_count(2)
    expect(again.locator("select[name=layout]")).to_have_value("raw")
    page.go_back()
    expect(page.locator("td button")).to_have_count(4)
    page.locator("select[name=kind]").select_option("aggregate")
    expect(rows).to_have_count(2)


def test_another_machine_shows_its_own_runs(opened: Open) -> None:
    page = opened("#/tradeoffs?kind=aggregate")
    runs = page.locator("select[name=run] option")
    expect(runs).to_have_count(1)
    page.locator("select[name=machine]").select_option("there")
    expect(runs).to_have_attribute("value", "flights-again")
    assert "machine=there" in page.url
    expect(opened("#/tradeoffs?machine=there").locator("select[name=machine]")).to_have_value("there")


def test_every_cell_opens_by_keyboard_and_by_link_to_the_exact_query(opened: Open, run: Path) -> None:
    asked = {(one.question, one.arm): one for one in of_type(Run.read(run).lines, Verdict)}
    page = opened("#/tradeoffs")
    cell = page.locator('[id="cell-carriers~duckdb/raw"]')
    cell.focus()
    page.keyboard.press("Enter")
    expect(page.locator("pre")).to_have_text(asked["carriers", "duckdb/raw"].query)
    expect(cell).to_be_focused()
    linked = opened("#/tradeoffs?open=weekly-aircraft~duckdb/day")
    expect(linked.locator("tr.detail")).to_contain_text(asked["weekly-aircraft", "duckdb/day"].reason)
    page.keyboard.press("Enter")
    expect(page.locator("pre")).to_have_count(0)


@pytest.mark.parametrize("width", [1360, 390])
def test_the_page_is_accessible_and_fits(opened: Open, width: int) -> None:
    page = opened("#/tradeoffs?open=carriers~duckdb/raw", width)
    expect(page.locator("pre")).to_be_visible()
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_change_of_asv_page_is_not_published() -> None:
    html = (Path(asv.www.__path__[0]) / "index.html").read_text()
    made = publisher.with_page(offline.localised(html))
    assert not re.findall(r'<(?:script|link|img)[^>]*"https?:', made)
    assert made.count("vendor/") == len(offline.FILES)
    with pytest.raises(FailureError, match=r"loads other\.js, but vendor has no copy"):
        offline.localised(html.replace("md5.min.js", "other.js"))
    with pytest.raises(FailureError, match=r"exactly one .*summarygrid-display"):
        publisher.with_page(html.replace("summarygrid-display", "grid"))


def test_a_layout_has_paid_when_its_load_is_saved() -> None:
    assert tradeoffs.words("duckdb").bad
    assert tradeoffs.words("none") == tradeoffs.Words([], [])
