"""What `asv publish` calls last: it adds the trade-offs page to the site and cuts the site's ties to the network."""

import shutil
from pathlib import Path
from typing import Any

import msgspec
from asv.publishing import OutputPublisher

from rollup_bench.errors import FailureError
from rollup_bench.harness.records.findings import Run
from rollup_bench.harness.report.site.offline import bring_along, localised
from rollup_bench.harness.report.site.tradeoffs import view

PAGE = Path(__file__).parent / "page"
NAV = '<li id="nav-li-" class="active"><a href="#/">Benchmark grid</a></li>'
PANE = '<div id="summarygrid-display"'
HEAD = "<title>"
PHONE = '<meta name="viewport" content="width=device-width, initial-scale=1">'
SCRIPT = '<link href="asv.css"'


class TradeOffs(OutputPublisher):  # type: ignore[misc]
    """The page on which every run under `results_dir` is shown."""

    name = "tradeoffs"
    button_label = "Trade-offs"
    description = "What each engine answers, how fast, and what that costs"
    order = 100

    @classmethod
    def publish(cls, conf: Any, repo: Any, benchmarks: Any, graphs: Any, revisions: Any) -> None:
        """Writes page and data beside asv's own."""
        site = Path(conf.html_dir)
        for never in [one for one in benchmarks if not site.joinpath(f"graphs/summary/{one}.json").exists()]:
            del benchmarks[never]  # asv's grid would ask for graphs of what was never measured
        runs = [view(path.stem, Run.read(path)) for path in sorted(Path(conf.results_dir).glob("*/*.jsonl"))]
        site.joinpath("tradeoffs.json").write_bytes(msgspec.json.encode(runs))
        shutil.copytree(PAGE, site, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.html"))
        bring_along(site)
        index = site / "index.html"
        index.write_text(with_page(localised(index.read_text("utf-8"))), "utf-8")


def with_page(html: str) -> str:
    """asv's page with the trade-offs in front of its own views."""
    pane = PAGE.joinpath("tradeoffs.html").read_text("utf-8")
    link = '<li id="nav-li-tradeoffs"><a href="#/tradeoffs">Trade-offs</a></li>'
    loads = '<link href="tradeoffs.css" rel="stylesheet">\n    <script src="tradeoffs.js"></script>'
    for anchor, added in ((HEAD, PHONE), (NAV, link), (PANE, pane), (SCRIPT, loads)):
        html = _before(anchor, added, html)
    return html.replace("<html>", '<html lang="en">', 1)


def _before(anchor: str, added: str, html: str) -> str:
    if html.count(anchor) != 1:
        raise FailureError(f"asv's page has no longer one `{anchor}`, before which the trade-offs would go")
    return html.replace(anchor, f"{added}\n    {anchor}")
