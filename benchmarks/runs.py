"""Whole runs read out for asv: made once, all arms interleaved, before the first number is asked for.

What is measured is chosen by the environment: ROLLUP_BENCH_DATASETS, ROLLUP_BENCH_ENGINES and ROLLUP_BENCH_LAYOUTS
(names with commas between; flights, duckdb and raw if not set) and ROLLUP_BENCH_PROFILE (quick). ROLLUP_BENCH_RUNS
names files of runs that were made before (with colons between), which are then only read.
"""

import math
import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from rollup_bench.harness.records.findings import Run, noise_floor
from rollup_bench.harness.records.lines import ClosedLoop, LoadCost, OpenLoop, Rounds, of_type
from rollup_bench.harness.run import loops
from rollup_bench.harness.run.home import home
from rollup_bench.harness.run.measure import measure
from rollup_bench.harness.run.profiles import PROFILES
from rollup_bench.harness.run.request import Request
from rollup_bench.workloads import dataset, events

Figures = dict[tuple[object, ...], Any]
SEED = 1
ALL = "all"  # rows of a dataset that is not made to order


def made() -> Iterator[Run]:
    """The runs that the environment asks for."""
    if files := os.environ.get("ROLLUP_BENCH_RUNS"):
        yield from (Run.read(Path(file)) for file in files.split(":"))
        return
    profile = PROFILES[_chosen("PROFILE", "quick")]
    engines, layouts = _chosen("ENGINES", "duckdb").split(","), _chosen("LAYOUTS", "raw").split(",")
    for name in _chosen("DATASETS", "flights").split(","):
        asked = dataset.read(name)
        if asked.source.generator:
            asked = asked.sized(profile.rows[0], SEED)
        kept = events.prepare(asked, home())
        wanted = [asked.layout(layout) for layout in layouts]
        request = Request(asked, kept, engines, wanted, asked.questions, "native", home(), SEED, profile)
        yield measure(request, None, lambda _: None)[1]


def figures(run: Run) -> Figures:
    """Numbers and samples by metric and what they were measured of; a metric without a figure is absent."""
    of = run.header.dataset
    rows = run.header.rows if dataset.read(of).source.generator else ALL
    floor = noise_floor(run)
    found: Figures = {}
    if floor and math.isfinite(floor.median_half_width):
        found["Noise", of, rows] = floor.median_half_width
    for loaded in of_type(run.lines, LoadCost):
        found["Load", of, *loaded.arm.split("/"), rows] = loaded.seconds
        if loaded.bytes is not None:
            found["Size", of, *loaded.arm.split("/"), rows] = loaded.bytes
    for metric, arm, question, more, value in answers(run):
        found[metric, of, *arm.split("/"), question, rows, *more] = value
    return found


def answers(run: Run) -> Iterator[tuple[str, str, str, tuple[int, ...], Any]]:
    """Metric, arm, question, clients where these matter, and the figure, of all that was answered."""
    times: dict[tuple[str, str], list[float]] = defaultdict(list)
    for line in of_type(run.lines, Rounds):
        for arm, pairs in line.times.items() if line.cache == "hot" else ():
            times[arm, line.question] += (np.ravel(pairs) / 1e9).tolist()
    yield from (("Latency", arm, question, (), samples) for (arm, question), samples in times.items())
    for one in of_type(run.lines, OpenLoop):
        if one.load == "80%" and loops.read(one).outcome == "sustained":
            yield "Response", one.arm, one.question, (), (loops.responses(one) / 1e6).tolist()
    for sweep in of_type(run.lines, ClosedLoop):
        if sweep.right and not sweep.wrong + sweep.failed:
            yield "Thousand", sweep.arm, sweep.question, (sweep.clients,), 1000 * sweep.seconds / sweep.right


def _chosen(what: str, default: str) -> str:
    return os.environ.get(f"ROLLUP_BENCH_{what}") or default


class Metric:
    """One metric of one dataset: `class Latency(runs.Latency, dataset="flights")`; `of` names its parameters."""

    version = "1"
    timeout = 600
    of: ClassVar[tuple[str, ...]]
    unit: ClassVar[str]
    dataset: ClassVar[str]
    params: ClassVar[list[list[Any]]]
    param_names: ClassVar[list[str]]

    def __init_subclass__(cls, dataset: str = "") -> None:
        """Every value that a parameter may have, whatever is installed."""
        if dataset:
            cls.dataset = dataset
            known = _parameters(dataset)
            cls.params = [known[name] for name in cls.of]
            cls.param_names = list(cls.of)
            setattr(cls, f"track_{cls.unit}", cls.value)

    def setup_cache(self) -> Figures:
        """All figures of all runs, for every class."""
        return {key: value for run in made() for key, value in figures(run).items()}

    setup_cache.timeout = 6 * 3600  # type: ignore[attr-defined]

    def setup(self, found: Figures, *of: object) -> None:
        """What is not in the runs is shown as not available."""
        if (type(self).__name__, self.dataset, *of) not in found:
            raise NotImplementedError("not in these runs")

    def value(self, found: Figures, *of: object) -> object:
        """A number, or samples from which asv takes the median and its interval."""
        value = found[type(self).__name__, self.dataset, *of]
        return {"samples": value, "number": 1} if isinstance(value, list) else value


class Latency(Metric):
    """Seconds of an answer, one client, closed loop."""

    unit = "seconds"
    of = ("engine", "layout", "question", "rows")


class Response(Metric):
    """Seconds from when a request was due, at 80% of the engine's own capacity."""

    unit = "seconds"
    of = ("engine", "layout", "question", "rows")


class Thousand(Metric):
    """Seconds in which so many clients together get a thousand answers."""

    unit = "seconds"
    of = ("engine", "layout", "question", "rows", "clients")


class Load(Metric):
    """Seconds until a layout is loaded and settled."""

    unit = "seconds"
    of = ("engine", "layout", "rows")


class Size(Metric):
    """Bytes at rest of a layout."""

    unit = "bytes"
    of = ("engine", "layout", "rows")


class Noise(Metric):
    """How far apart identical code was measured: half the width of the A/A interval, in the median."""

    unit = "ratio"
    of = ("rows",)


def _parameters(name: str) -> dict[str, list[Any]]:
    known = dataset.read(name)
    return {
        "engine": ["duckdb", "druid", "cassandra"],
        "layout": list(known.layouts),
        "question": list(known.questions),
        "rows": [PROFILES[one].rows[0] for one in ("quick", "standard")] if known.source.generator else [ALL],
        "clients": list(loops.CLIENTS),
    }
