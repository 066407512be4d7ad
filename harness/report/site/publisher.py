"""Writes the site beside asv's own pages and makes those work offline, as the last step of `asv publish`."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from asv.publishing import OutputPublisher

from rollup_bench.errors import FailureError
from rollup_bench.harness.records.findings import Run
from rollup_bench.harness.report.site.asv_pages import prune
from rollup_bench.harness.report.site.offline import copy_vendor, localised
from rollup_bench.harness.report.site.run_changes import ComparisonView, comparisons
from rollup_bench.harness.report.site.run_view import RunSummary, RunView, view

PAGE = Path(__file__).parent / "page"
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


def write(results: Path, site: Path) -> list[ComparisonView]:
    """Writes the pages of all runs in the folders of `results` into the folder `site`; returns what changed in them."""
    files = {f"{path.parent.name}/{path.stem}": path for path in sorted(results.glob("*/*.jsonl"))}
    runs = {name: Run.read(path) for name, path in files.items()}
    views = {name: view(name, run) for name, run in runs.items()}
    shutil.copytree(PAGE, site, dirs_exist_ok=True)
    shutil.rmtree(site / "runs", ignore_errors=True)
    for name, path in files.items():
        copied = site / "runs" / f"{name}.jsonl"
        copied.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copied)
        copied.with_suffix(".js").write_bytes(_script("addRun", views[name]))
    summaries = ordered(views)
    finished = {one.name: runs[one.name] for one in summaries if one.complete}
    compared = comparisons(finished)
    site.joinpath("runs.js").write_bytes(_script("setRuns", {"runs": summaries, "comparisons": compared}))
    return compared


def ordered(views: Mapping[str, RunView]) -> list[RunSummary]:
    """Returns the runs, newest first, but complete ones that timed something before all others."""
    summaries = [one.summary for one in views.values()]
    return sorted(summaries, key=lambda one: (one.complete and one.timed, one.complete, one.started), reverse=True)


def with_link(html: str) -> str:
    """Returns asv's HTML with a link to the site before the links to asv's own pages."""
    if html.count(HOME) != 1:
        raise FailureError(f"asv's page does not have exactly one `{HOME}`, the place of the link to the site")
    return html.replace(HOME, f"{LINK}\n        {HOME}").replace("<html>", '<html lang="en">', 1)


def _script(function: str, data: object) -> bytes:
    """Returns a script that gives data to a function of the pages; a script can be loaded from a file, too."""
    return f"{function}(".encode() + msgspec.json.encode(data) + b");\n"
