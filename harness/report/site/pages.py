"""Writes the pages: as a folder with the files of all runs, or as a single file with everything in it."""

import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from rollup_bench.engines.registry import names as engine_names
from rollup_bench.harness.choose.needs import Needs
from rollup_bench.harness.choose.rule import Rule
from rollup_bench.harness.records.findings import Run
from rollup_bench.harness.records.streams import Record
from rollup_bench.harness.report import stream_view
from rollup_bench.harness.report.site import frontier_view, glossary
from rollup_bench.harness.report.site.run_changes import ComparisonView, comparisons
from rollup_bench.harness.report.site.run_view import RunSummary, RunView, view
from rollup_bench.harness.run.profiles import PROFILES
from rollup_bench.streams import registry
from rollup_bench.streams.probes import Probed
from rollup_bench.workloads.pace import Share

PAGE = Path(__file__).parent / "page"
GLOSSARY = "glossary.md"
LONG = {profile.name for profile in PROFILES.values() if profile.load}
"""The profiles that measure enough for the first view: also under load."""
RUNS = "runs.js"
"""The script with the list of all runs."""
ENDING = r"<\/"
"""What stands for `</` inside a script, where `</script>` would end it."""
_LOADED = re.compile(r'<(?:script src|link rel="stylesheet" href)="([^"]+)">(?:</script>)?')


def write(results: Path, site: Path) -> list[ComparisonView]:
    """Writes the pages of all runs in the folders of `results` into the folder `site`; returns what changed in them."""
    paths = {f"{path.parent.name}/{path.stem}": path for path in sorted(results.glob("*/*.jsonl"))}
    runs = {name: Run.read(path) for name, path in paths.items()}
    files = stream_view.stored(results)
    beside = {name: [files[file] for file in files if Path(file).parent == Path(name).parent] for name in runs}
    views = {name: view(name, run, f"results/{name}.jsonl", beside[name]) for name, run in runs.items()}
    shutil.copytree(PAGE, site, dirs_exist_ok=True, ignore=shutil.ignore_patterns(GLOSSARY))
    site.joinpath("glossary.html").write_text(glossary.page(PAGE / GLOSSARY), "utf-8")
    shutil.rmtree(site / "runs", ignore_errors=True)
    for name, path in paths.items():
        copied = site / "runs" / f"{name}.jsonl"
        copied.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copied)
        copied.with_suffix(".js").write_bytes(_script("addRun", views[name]))
    compared = _compared(runs, views)
    streams = {
        "streams": stream_view.stream_views(files),
        "delays": stream_view.delay_views(files),
        "frontier": frontier_view.reaches(frontier_view.stored(results)),
    }
    known = {**_known(views, compared), **streams}
    site.joinpath(RUNS).write_bytes(_script("setRuns", known))
    return compared


def single(
    runs: Mapping[str, Run],
    streams: Mapping[str, Sequence[Sequence[Record]]],
    address: str,
    say: Callable[[str], None] = lambda _: None,
) -> str:
    """Returns one HTML file with all pages about runs, by their names; opens at `address`, as in `#/choose?rate=2`.

    `streams` has, for each run, the lines of the files of streams that a choice may rest on. `say` gets the share of
    the runs whose figures are computed.
    """
    views, share = dict[str, RunView](), Share(say, "computing figures", len(runs) + 1)
    for name, run in runs.items():
        share.at(len(views))
        views[name] = view(name, run, name, streams[name])
    share.at(len(views))
    compared = _compared(runs, views)
    known = {**_known(views, compared), "single": True}
    start = f"history.replaceState(null, '', location.hash || {msgspec.json.encode(address).decode()});\n"
    data = b"".join([_script("setRuns", known), *(_script("addRun", one) for one in views.values()), start.encode()])

    def inlined(match: re.Match[str]) -> str:
        name = match[1]
        text = (data if name == RUNS else (PAGE / name).read_bytes()).decode()
        return f"<style>{text}</style>" if name.endswith(".css") else f"<script>{text.replace('</', ENDING)}</script>"

    return _LOADED.sub(inlined, PAGE.joinpath("index.html").read_text("utf-8"))


def choice(rule: Rule) -> str:
    """Returns the address of the page that chooses, with the run and the needs of a rule."""
    usual = Rule(rule.evidence, Needs()).ask
    weights = {question: rule.ask.get(question, 0) for question in rule.evidence.questions}
    changed = [("ask", f"{name}~{weight:.15g}") for name, weight in weights.items() if weight != usual.get(name, 0)]
    defaults, numbers = Needs().numbers, rule.needs.numbers
    differing = {name: value for name, value in numbers.items() if value is not None and value != defaults[name]}
    given = [(name.replace("_", "-"), f"{value:.15g}") for name, value in differing.items()]
    named = [("broker", rule.needs.broker)] if rule.needs.broker else []
    named += [("engines", name) for name in rule.needs.engines]
    return "#/choose?" + urlencode([("run", rule.evidence.name), *changed, *given, *named], quote_via=quote)


def ordered(views: Mapping[str, RunView]) -> list[RunSummary]:
    """Returns the runs, newest first, but complete ones that timed something, and of these long ones, before others."""

    def rank(one: RunSummary) -> tuple[bool, bool, bool, str]:
        timed = one.complete and one.timed
        return timed, timed and one.profile in LONG, one.complete, one.started

    return sorted((one.summary for one in views.values()), key=rank, reverse=True)


def _compared(runs: Mapping[str, Run], views: Mapping[str, RunView]) -> list[ComparisonView]:
    """Returns what changed between the complete runs."""
    return comparisons({name: run for name, run in runs.items() if views[name].summary.complete})


def _known(views: Mapping[str, RunView], compared: Sequence[ComparisonView]) -> dict[str, Any]:
    """Returns what the pages know before a run is loaded."""
    return {"engines": engine_names(), "runs": ordered(views), "comparisons": compared, "brokers": _brokers()}


def _brokers() -> dict[str, list[Probed]]:
    """Returns what probes have seen of each broker."""
    found = {name: registry.HERE / name / "probed.json" for name in registry.names()}
    return {name: msgspec.json.decode(path.read_bytes(), type=list[Probed]) for name, path in found.items()}


def _script(function: str, data: Any) -> bytes:
    """Returns a script that gives data to a function of the pages; a script can be loaded from a file, too."""
    return f"{function}(".encode() + msgspec.json.encode(data) + b");\n"
