"""Adds the trade-offs page to asv's site and makes the site work offline, as the last step of `asv publish`."""

import shutil
from pathlib import Path
from typing import Any

import msgspec
from asv.publishing import OutputPublisher

from rollup_bench.errors import FailureError
from rollup_bench.harness.records.findings import Run
from rollup_bench.harness.report.site.offline import copy_vendor, localised
from rollup_bench.harness.report.site.tradeoffs import view

PAGE = Path(__file__).parent / "page"
NAV = '<li id="nav-li-" class="active"><a href="#/">Benchmark grid</a></li>'
PANE = '<div id="summarygrid-display"'
HEAD = "<title>"
PHONE = '<meta name="viewport" content="width=device-width, initial-scale=1">'
SCRIPT = '<link href="asv.css"'


class TradeOffs(OutputPublisher):  # type: ignore[misc]
    """A publisher for asv: adds the trade-offs page, which shows every run under asv's `results_dir`."""

    name = "tradeoffs"
    button_label = "Trade-offs"
    description = "What each engine answers, how fast, and what that costs"
    order = 100

    @classmethod
    def publish(cls, conf: Any, repo: Any, benchmarks: Any, graphs: Any, revisions: Any) -> None:
        """Writes the trade-offs page, its data, and copies of all scripts into asv's site."""
        site = Path(conf.html_dir)
        for name in [name for name in benchmarks if not site.joinpath(f"graphs/summary/{name}.json").exists()]:
            del benchmarks[name]  # asv's grid would request the missing graph of a benchmark without results
        paths = sorted(Path(conf.results_dir).glob("*/*.jsonl"))
        runs = [view(path.parent.name, path.stem, Run.read(path)) for path in paths]
        site.joinpath("tradeoffs.json").write_bytes(msgspec.json.encode(runs))
        shutil.copytree(PAGE, site, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.html"))
        copy_vendor(site)
        index = site / "index.html"
        index.write_text(with_page(localised(index.read_text("utf-8"))), "utf-8")


def with_page(html: str) -> str:
    """Returns asv's HTML with the trade-offs page and a link to that page added before asv's own views."""
    pane = PAGE.joinpath("tradeoffs.html").read_text("utf-8")
    link = '<li id="nav-li-tradeoffs"><a href="#/tradeoffs">Trade-offs</a></li>'
    loads = '<link href="tradeoffs.css" rel="stylesheet">\n    <script src="tradeoffs.js"></script>'
    for anchor, inserted in ((HEAD, PHONE), (NAV, link), (PANE, pane), (SCRIPT, loads)):
        if html.count(anchor) != 1:
            raise FailureError(f"asv's page does not have exactly one `{anchor}`, the place of the trade-offs page")
        html = html.replace(anchor, f"{inserted}\n    {anchor}")
    return html.replace("<html>", '<html lang="en">', 1)
