"""Reads figures from runs for asv. All arms are measured in one run, before asv asks for the first figure.

Environment variables say what is measured: ROLLUP_BENCH_DATASETS, ROLLUP_BENCH_ENGINES and ROLLUP_BENCH_LAYOUTS (names
separated by commas; by default flights, duckdb and raw) and ROLLUP_BENCH_PROFILE (by default quick). If
ROLLUP_BENCH_RUNS names files of stored runs, separated by colons, these files are read and nothing is measured. asv
sets ROLLUP_BENCH_DUCKDB to the version of DuckDB that it has installed.
"""

import math
import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from rollup_bench.engines.tested import tested
from rollup_bench.errors import RequestError
from rollup_bench.harness.records.findings import Run, noise_floor, processor
from rollup_bench.harness.records.lines import ClosedLoop, Rounds, Verdict, of_type
from rollup_bench.harness.records.loads import mean_loads
from rollup_bench.harness.report.under_load import under_load
from rollup_bench.harness.run.home import home
from rollup_bench.harness.run.measure import measure
from rollup_bench.harness.run.profiles import PROFILES
from rollup_bench.harness.run.request import Request
from rollup_bench.workloads import dataset, events

Figures = dict[tuple[object, ...], Any]
SEED = 1
ROWS = sorted({10_000_000, *(PROFILES[name].rows[0] for name in ("quick", "standard", "full"))})
"""The asv parameter `rows` of a generated dataset: those of the profiles, and of the published run."""
ENGINES = ["cassandra", "clickhouse", "druid", "duckdb", "duckdb-served", "spark", "spark-cassandra"]
ALL = "all"  # the asv parameter `rows` of a dataset that is not generated


def runs() -> Iterator[Run]:
    """Yields the runs in the files of ROLLUP_BENCH_RUNS; if it is not set, measures a run of each dataset."""
    if files := os.environ.get("ROLLUP_BENCH_RUNS"):
        yield from filter(_fits, (Run.read(Path(file)) for file in files.split(":")))
        return
    profile = PROFILES[_chosen("PROFILE", "quick")]
    engines, layouts = _chosen("ENGINES", "duckdb").split(","), _chosen("LAYOUTS", "raw").split(",")
    for name in _chosen("DATASETS", "flights").split(","):
        data = dataset.read(name)
        if data.source.generator:
            data = data.sized(profile.rows[0], SEED)
        rows = events.prepare(data, home())
        chosen = [data.layout(layout) for layout in layouts]
        request = Request(data, rows, engines, chosen, data.questions, "native", home(), SEED, profile)
        yield measure(request, None, lambda _: None)[1]


def _fits(run: Run) -> bool:
    """Returns whether a stored run is of the version of DuckDB for which asv collects figures.

    A run without DuckDB counts for the newest version that is tested.
    """
    wanted, found = os.environ.get("ROLLUP_BENCH_DUCKDB"), run.header.versions
    return wanted is None or found.get("duckdb", found.get("duckdb-served", tested("duckdb"))) == wanted


def figures(run: Run) -> Figures:
    """Returns the figures of a run by metric, dataset and asv parameters; a figure that was not measured is absent."""
    of = run.header.dataset
    rows = run.header.rows if dataset.read(of).source.generator else ALL
    if rows not in (*ROWS, ALL):
        raise RequestError(f"a run of {of} has {rows:,} rows, which asv has no place for: add them to ROWS")
    floor = noise_floor(run)
    by_key: Figures = {}
    if floor and math.isfinite(floor.median_half_width):
        by_key["Noise", of, rows] = floor.median_half_width
    for loaded in (load.cost for load in mean_loads(run)):
        by_key["Load", of, *loaded.arm.split("/"), rows] = 1e6 * loaded.seconds / run.header.rows
        if loaded.bytes is not None:
            by_key["Size", of, *loaded.arm.split("/"), rows] = loaded.bytes
    verdicts = of_type(run.lines, Verdict)
    for arm in dict.fromkeys(line.arm for line in verdicts):
        wrong = [line for line in verdicts if line.arm == arm and line.verdict in ("wrong", "failed")]
        by_key["Wrong", of, *arm.split("/"), rows] = len(wrong)
    for metric, arm, question, value in answers(run):
        by_key[metric, of, *arm.split("/"), question, rows] = value
    return by_key


def answers(run: Run) -> Iterator[tuple[str, str, str, Any]]:
    """Yields metric, arm, question or mix, and figure, for all answers."""
    times: dict[tuple[str, str], list[float]] = defaultdict(list)
    for line in of_type(run.lines, Rounds):
        for arm, pairs in line.times.items() if line.cache == "hot" else ():
            measured = [pair for pair in pairs if pair]
            if measured and arm != line.control[1]:
                times[arm, line.question].append(float(np.median(measured)) / 1e9)
    yield from (("Latency", arm, question, medians) for (arm, question), medians in times.items())
    yield from (("Processor", cell.arm, cell.question, one.total.seconds) for cell, one in processor(run).items())
    for arm, question in dict.fromkeys((line.arm, line.question) for line in of_type(run.lines, ClosedLoop)):
        load = under_load(run, question, arm)
        if load and load.highest:
            yield "Thousand", arm, question, 1000 / load.highest.rate


def _chosen(what: str, default: str) -> str:
    return os.environ.get(f"ROLLUP_BENCH_{what}") or default


class Metric:
    """An asv benchmark, as in `class Latency(runs.Latency, dataset="flights")`; `of` names its asv parameters."""

    version = "1"
    timeout = 600
    of: ClassVar[tuple[str, ...]]
    unit: ClassVar[str]
    dataset: ClassVar[str]
    params: ClassVar[list[list[Any]]]
    param_names: ClassVar[list[str]]

    def __init_subclass__(cls, dataset: str = "") -> None:
        """Declares all values of each asv parameter, even for engines that are not installed."""
        if dataset:
            cls.dataset = dataset
            known = _parameters(dataset)
            cls.params = [known[name] for name in cls.of]
            cls.param_names = list(cls.of)
            setattr(cls, f"track_{cls.unit}", cls.value)

    def setup_cache(self) -> Figures:
        """Returns all figures of all runs; asv passes them to every method of every metric."""
        return {key: value for run in runs() for key, value in figures(run).items()}

    setup_cache.timeout = 6 * 3600  # type: ignore[attr-defined]

    def setup(self, by_key: Figures, *of: object) -> None:
        """Raises NotImplementedError, by which asv skips the figure, if no run has the figure."""
        if (type(self).__name__, self.dataset, *of) not in by_key:
            raise NotImplementedError("the runs have no such figure")

    def value(self, by_key: Figures, *of: object) -> object:
        """Returns a number, or samples from which asv computes the median and its spread."""
        value = by_key[type(self).__name__, self.dataset, *of]
        return {"samples": value, "number": 1} if isinstance(value, list) else value


class Latency(Metric):
    """Median seconds from a request to its answer in the hot state, with one client in a closed loop.

    Each launch is one sample, because requests of one launch are alike.
    """

    version = "2"
    unit = "seconds"
    of = ("engine", "layout", "question", "rows")


class Processor(Metric):
    """Processor seconds of client and engine for one request, asked alone."""

    unit = "seconds"
    of = ("engine", "layout", "question", "rows")


class Thousand(Metric):
    """Seconds in which a thousand requests are answered at the highest rate that met the objective."""

    version = "2"
    unit = "seconds"
    of = ("engine", "layout", "question", "rows")


class Load(Metric):
    """Seconds in which a million events are loaded, until the engine has settled."""

    version = "2"
    unit = "seconds"
    of = ("engine", "layout", "rows")


class Size(Metric):
    """Bytes of a layout on disk."""

    unit = "bytes"
    of = ("engine", "layout", "rows")


class Wrong(Metric):
    """The number of questions with a wrong answer, or with an error in place of an answer; they are not timed."""

    unit = "questions"
    of = ("engine", "layout", "rows")


class Noise(Metric):
    """The median half-width, over questions, of the 99% interval of the A/A control's ratio."""

    unit = "ratio"
    of = ("rows",)


def _parameters(name: str) -> dict[str, list[Any]]:
    known = dataset.read(name)
    return {
        "engine": ENGINES,
        "layout": list(known.layouts),
        "question": [*known.questions, *known.mixes],
        "rows": ROWS if known.source.generator else [ALL],
    }
