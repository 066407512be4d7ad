"""Writes the site beside asv's own pages and makes those work offline, as the last step of `asv publish`."""

from pathlib import Path
from typing import Any

from asv.publishing import OutputPublisher

from rollup_bench.errors import FailureError
from rollup_bench.harness.report.site.asv_pages import prune
from rollup_bench.harness.report.site.offline import copy_vendor, localised
from rollup_bench.harness.report.site.pages import write

ASV = "asv"
"""The folder of asv's own pages in the site; `html_dir` of asv's configuration names it."""
HOME = '<li id="nav-li-" class="active">'
LINK = '<li><a href="../index.html">All pages</a></li>'


class Site(OutputPublisher):  # type: ignore[misc]
    """A publisher for asv: writes the site into the parent of asv's `html_dir`, with every run under `results_dir`."""

    name = "site"
    button_label = "rollup-bench"
    description = "What each engine answers, how fast, and what that costs"
    order = 100

    @classmethod
    def publish(cls, conf: Any, repo: Any, benchmarks: Any, graphs: Any, revisions: Any) -> None:
        """Writes the pages, their data and the files of the runs, and copies of all scripts that asv's pages load."""
        own = Path(conf.html_dir)
        if own.name != ASV:
            raise FailureError(f"{own}: the site is written into the folder above; let html_dir end in `{ASV}`")
        for name in [name for name in benchmarks if not own.joinpath(f"graphs/summary/{name}.json").exists()]:
            del benchmarks[name]  # asv's grid would request the missing graph of a benchmark without results
        copy_vendor(own)
        index = own / "index.html"
        index.write_text(with_link(localised(index.read_text("utf-8"))), "utf-8")
        prune(own, write(Path(conf.results_dir), own.parent))


def with_link(html: str) -> str:
    """Returns asv's HTML with a link to the site before the links to asv's own pages."""
    if html.count(HOME) != 1:
        raise FailureError(f"asv's page does not have exactly one `{HOME}`, the place of the link to the site")
    return html.replace(HOME, f"{LINK}\n        {HOME}").replace("<html>", '<html lang="en">', 1)
