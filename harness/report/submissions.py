"""Submissions: runs whose file says what it was made of, so that anyone can check all published figures."""

import hashlib
import math
import re
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from rollup_bench.engines.registry import engine_type, names, recipe
from rollup_bench.engines.settings import changed_settings
from rollup_bench.errors import RequestError
from rollup_bench.harness.records.findings import Run
from rollup_bench.harness.records.lines import Ended, Submission, Verdict, of_type, parts
from rollup_bench.harness.report.cells import CellView, by_question, changed_adapters
from rollup_bench.harness.report.mixes import MixView, mixes
from rollup_bench.harness.report.tables import noise
from rollup_bench.harness.report.under_load import UnderLoadView
from rollup_bench.servers.budget import Budget
from rollup_bench.workloads import dataset as datasets
from rollup_bench.workloads.events import Events

TOLERANCE = 1e-9
"""The relative difference that two releases of a numerical library may make in a figure."""


def submission(run: Run, file: Path, events: Events, name: str) -> Submission:
    """Returns what is added to a complete run of the dataset in `file`; `name` is that of the run in messages."""
    if not of_type(run.lines, Ended):
        raise RequestError(f"{name}: the run is not complete; `rollup-bench run --out` with this file resumes it")
    engines = sorted(run.header.adapters)
    if changed := sorted(changed_adapters(run)):
        told = f"the adapter of {', '.join(changed)} has changed since the run"
        raise RequestError(f"{name}: {told}, so that its jars and settings are not known; run it again")
    return Submission(
        dataset=file.read_text("utf-8"),
        statistics=events.statistics,
        launches=_launches(run),
        samples=_samples(run),
        jars={engine: found for engine in engines if (found := _jars_hash(engine))},
        settings={engine: changed_settings(engine) for engine in engines},
        noise=noise(run),
        figures=_figures(run),
    )


def folder_name(run: Run) -> str:
    """Returns a name for the machine of a run: its processor, cores and memory."""
    machine = run.header.machine
    words = f"{machine.get('processor', '')} {machine.get('cores')} cores {int(machine.get('memory', 0)) >> 30} gib"
    return re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")


def _figures(run: Run) -> dict[str, dict[str, float]]:
    """Returns the published figures of a run by question and arm."""
    cells = [(cell.question, cell.arm, _of_cell(cell)) for views in by_question(run).values() for cell in views]
    mixed = [(mix.question, view.arm, _of_mix(view)) for mix, views in mixes(run) for view in views]
    return {f"{question} on {arm}": dict(found) for question, arm, pairs in (*cells, *mixed) if (found := list(pairs))}


def _jars_hash(engine: str) -> str:
    """Returns a hash of the list of an engine's jars; empty if the engine has none."""
    known = recipe(engine)
    path = known.folder / "jars.sha256" if known else None
    return hashlib.blake2b(path.read_bytes(), digest_size=8).hexdigest() if path and path.exists() else ""


def check(run: Run, name: str) -> None:
    """Raises RequestError, which names what does not fit, if a submitted run does not agree with its own samples."""
    submitted = next(iter(of_type(run.lines, Submission)), None)
    if submitted is None:
        raise RequestError(f"{name}: is no submission; make one with `rollup-bench submit`")
    if fault := next(_faults(run, submitted), None):
        raise RequestError(f"{name}: {fault}; submit the file that `rollup-bench run` wrote")


def _faults(run: Run, submitted: Submission) -> Iterator[str]:
    yield from _other_launches(submitted.launches, _launches(run))
    yield from _other_dataset(run, submitted)
    unchanged = _unchanged(run)
    yield from _other_plans(run, submitted, unchanged)
    yield from _other_jars(submitted, unchanged)
    yield from _other_figures(submitted.figures, _figures(run))
    if submitted.noise != noise(run):
        yield f"the samples give another noise floor than `{submitted.noise}`"
    found = _samples(run)
    for about in sorted({*submitted.samples, *found}):
        if submitted.samples.get(about) != found.get(about):
            yield f"the lines about {about} are not those that were submitted"


def _other_launches(said: dict[str, list[int]], found: dict[str, list[int]]) -> Iterator[str]:
    for question in sorted({*said, *found}):
        missing = sorted({*said.get(question, [])} ^ {*found.get(question, [])})
        if missing:
            yield f"launch {missing[0] + 1} of {question} is not both listed and measured"


def _other_dataset(run: Run, submitted: Submission) -> Iterator[str]:
    header, statistics = run.header, submitted.statistics
    if (header.events, header.rows) != (statistics.fingerprint, statistics.rows):
        yield f"the statistics are of other events than those of {header.dataset} that were asked about"
    if header.dataset in datasets.built_in():
        own = datasets.file_of(header.dataset).read_text("utf-8")
        if submitted.dataset != own:
            yield f"the dataset is not the built-in {header.dataset}: give a dataset of your own another name"


def _other_plans(run: Run, submitted: Submission, unchanged: Sequence[str]) -> Iterator[str]:
    """Yields the arms whose tables are not those that their adapter plans, unless the adapter has changed since."""
    verdicts = {line.arm: line.plan for line in of_type(run.lines, Verdict) if line.plan}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{run.header.dataset}.toml"
        path.write_text(submitted.dataset, "utf-8")
        dataset, budget = datasets.parse(path), Budget(**run.header.budget)

        def planned(arm: str) -> str:
            engine, layout = parts(arm)
            adapter = engine_type(engine)(None, Path(folder), budget)
            return adapter.plan(dataset, dataset.layout(layout), submitted.statistics).key

        for arm, plan in verdicts.items():
            if parts(arm)[0] in unchanged and plan != planned(arm):
                yield f"the tables of {arm} are not those that its adapter plans"


def _other_jars(submitted: Submission, unchanged: Sequence[str]) -> Iterator[str]:
    for engine in unchanged:
        if submitted.jars.get(engine, "") != _jars_hash(engine):
            yield f"the jars of {engine} are not those of its adapter"


def _unchanged(run: Run) -> list[str]:
    """Returns the engines of a run whose adapters have not changed since."""
    known = {*run.header.adapters} & {*names()}
    return sorted(known - {*changed_adapters(run)})


def _other_figures(said: dict[str, dict[str, float]], found: dict[str, dict[str, float]]) -> Iterator[str]:
    for cell in sorted({*said, *found}):
        one, other = said.get(cell, {}), found.get(cell, {})
        for name in sorted({*one, *other}):
            if not math.isclose(one.get(name, 0.0), other.get(name, 0.0), rel_tol=TOLERANCE):
                yield f"{cell}: the samples give {name} {other.get(name)}, the submission says {one.get(name)}"


def _launches(run: Run) -> dict[str, list[int]]:
    return {", ".join(key): [rounds.launch for rounds in launches] for key, launches in run.questions.items()}


def _samples(run: Run) -> dict[str, str]:
    """Returns a hash of the lines about each question or mix, and of all other lines by their kind, as `load`."""
    sinks: dict[str, Any] = {}
    for line in (run.header, *run.lines):
        if not isinstance(line, Submission):
            about = getattr(line, "question", "") or str(line.__struct_config__.tag)
            sinks.setdefault(about, hashlib.blake2b(digest_size=8)).update(msgspec.json.encode(line))
    return {about: sink.hexdigest() for about, sink in sinks.items()}


def _of_cell(cell: CellView) -> Iterator[tuple[str, float]]:
    for kind, time in (("time", cell.time), ("alone", cell.alone), ("cached", cell.cached)):
        if time:
            bounds = {"median": time.median, "low": time.low, "high": time.high}
            yield from ((f"{kind} {name}", value) for name, value in bounds.items() if math.isfinite(value))
    ratios = [("ratio", cell.against), ("processor ratio", cell.processor_against)]
    singles = [("processor", cell.processor), ("client", cell.client), ("break-even", cell.break_even)]
    singles += [(name, claim.ratio) for name, claim in ratios if claim]
    yield from ((name, value) for name, value in singles if value is not None)
    yield from _of_load(cell.load)


def _of_mix(view: MixView) -> Iterator[tuple[str, float]]:
    for name, figure in (("alone", view.alone), ("processor", view.processor)):
        if figure:
            yield name, figure.value
    yield from _of_load(view.load)


def _of_load(load: UnderLoadView | None) -> Iterator[tuple[str, float]]:
    if load and load.capacity is not None:
        yield "capacity", load.capacity
    for one in load.offered if load else ():
        yield from ((f"{name} at {one.rate:g} ({one.load})", value) for name, value in one.response.items())
    if load and load.highest:
        yield "highest rate", load.highest.rate
