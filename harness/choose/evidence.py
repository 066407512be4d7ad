"""Collects from a run what a choice rests on: for each arm what it can answer, at what cost and how fast."""

from collections.abc import Collection, Container, Iterator, Mapping, Sequence
from math import exp
from statistics import mean

import msgspec

from rollup_bench.errors import RequestError
from rollup_bench.harness.choose.draws import Measured
from rollup_bench.harness.choose.responses import UnderLoad, under_load
from rollup_bench.harness.choose.streamed import Streamed, streamed
from rollup_bench.harness.records.findings import Cell, Run, drifting, is_hidden, processor_logs
from rollup_bench.harness.records.kinds import RIGHT
from rollup_bench.harness.records.lines import (
    Cost,
    LoadCost,
    MixedQuestions,
    Operations,
    Route,
    Submission,
    Verdict,
    of_type,
    parts,
)
from rollup_bench.harness.records.loads import own_loads
from rollup_bench.harness.records.routes import different, routes, shares
from rollup_bench.harness.records.streams import Record
from rollup_bench.harness.run.verdicts import tolerated
from rollup_bench.workloads import dataset as datasets
from rollup_bench.workloads.dataset import Dataset
from rollup_bench.workloads.layouts import RAW
from rollup_bench.workloads.mixes import Mix

LEAST_LAUNCHES = 3  # from so many launches on, the error of a figure is known well enough
UNKNOWN = "the processor time of its server is unknown"
SIZABLE = "game"  # a dataset that is generated with any number of events


class Store(msgspec.Struct, frozen=True, omit_defaults=True):
    """An engine with a layout, as a run measured it."""

    arm: str
    processor: dict[str, Measured]  # by question: processor seconds of client and engine for one request
    unsure: dict[str, str] = {}  # by question: why its figures support no choice
    cannot: dict[str, str] = {}  # by question: why the arm cannot answer it
    raw: str = ""  # the arm that answers unforeseen questions from the same events; empty if they are not stored
    memory: float | None = None  # resident bytes of all processes
    bytes: float | None = None  # on disk
    load: Measured | None = None  # seconds
    ingest: Measured | None = None  # processor seconds for each event of a load
    under_load: dict[str, UnderLoad] = {}  # by mix, and by question for questions that were put under load alone
    streams: list[Streamed] = []  # that the store followed, of the same dataset on the same machine


class Evidence(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a run measured. All figures are for one machine, and for the events of the run."""

    name: str  # of the run, in messages and commands
    dataset: str
    option: str  # what `--dataset` takes
    rows: int
    cores: int
    stores: list[Store]
    questions: list[str]
    mixes: dict[str, dict[str, int]] = {}
    errors: dict[str, float] = {}  # by question, the largest error that it tolerates, if it tolerates one
    nodes: dict[str, int] = {}  # by engine, the machines that stored events; one if the file does not say it
    days: float | None = None  # from the first to the last event; None if the file does not say it
    sizes: list[int] = []  # the numbers of events that `rows` was extrapolated from; empty if `rows` was measured
    sizable: str = SIZABLE  # the dataset to generate with other numbers of events: this one if it is generated


def evidence(run: Run, name: str, streams: Sequence[Sequence[Record]] = ()) -> Evidence:
    """Returns what a choice rests on; RequestError if the run, called `name` in messages, timed nothing.

    `streams` has the lines of each file of streams that were followed on the same machine.
    """
    if not of_type(run.lines, Cost):
        raise RequestError(f"{name}: nothing was timed in this run; give a run of --profile standard")
    if "cores" not in run.header.budget:
        raise RequestError(f"{name}, line 1: budget has no `cores`; give a file that `run` wrote")
    arms = list(dict.fromkeys(line.arm for line in of_type(run.lines, Verdict)))
    questions = list(dict.fromkeys(line.question for line in of_type(run.lines, Verdict)))
    mixes = {line.question: line.counts for line in of_type(run.lines, MixedQuestions)}
    submitted, data = next(iter(of_type(run.lines, Submission)), None), datasets.known(run.header.dataset)
    return Evidence(
        name=name,
        dataset=run.header.dataset,
        option=datasets.option(run.header.dataset),
        rows=run.header.rows,
        cores=run.header.budget["cores"],
        stores=list(_stores(run, arms, mixes, streamed(streams, run.header))),
        questions=questions,
        mixes=mixes,
        errors=_errors(data) if data else {},
        nodes=run.header.nodes,
        days=(submitted.statistics.last - submitted.statistics.first) / 86_400_000 if submitted else None,
        sizable=run.header.dataset if data and data.source.generator else SIZABLE,
    )


def _stores(
    run: Run, arms: Collection[str], mixes: Mapping[str, Mapping[str, int]], streams: Mapping[str, list[Streamed]]
) -> Iterator[Store]:
    verdicts, spent, drifts = of_type(run.lines, Verdict), processor_logs(run), drifting(run)
    alone = {line.question: {line.question: 1} for line in verdicts}
    blocks = [Mix(name=name, weights=dict(counts)) for name, counts in {**mixes, **alone}.items()]
    for arm in arms:
        own = [line for line in verdicts if line.arm == arm]
        cannot = {line.question: why for line in own if (why := _cannot(line))}
        asked = [Cell(line.question, "hot", arm) for line in own if line.question not in cannot]
        stored = [line for line in of_type(run.lines, LoadCost) if line.arm == arm]
        loads = {line.launch: line for line in own_loads(stored) if line.seconds > 0 and not line.loaded_by}
        built = {launch: line.processor / run.header.rows for launch, line in loads.items() if line.processor}
        yield Store(
            arm,
            *_processor(run, {cell: spent.get(cell, {}) for cell in asked}, drifts, _hidden(run, arm)),
            cannot=cannot,
            raw=_raw(arm, arms, stored),
            memory=_memory(run, arm),
            bytes=next((float(line.bytes) for line in stored if line.bytes is not None), None),
            load=Measured.of({launch: line.seconds for launch, line in loads.items()}) if loads else None,
            ingest=Measured.of(built) if built else None,
            under_load={mix.name: one for mix in blocks if (one := under_load(run, mix, arm))},
            streams=streams.get(arm, []),
        )


def _processor(
    run: Run, spent: Mapping[Cell, Mapping[int, float]], drifts: Container[Cell], hidden: bool
) -> tuple[dict[str, Measured], dict[str, str]]:
    """Returns the processor seconds of cells, and why those of other cells support no choice, by question.

    `spent` has the logarithm of the seconds of each cell by launch.
    """
    known, unsure = dict[str, Measured](), dict[str, str]()
    for cell, logs in spent.items():
        why = UNKNOWN if hidden else _unsure(len(logs), cell in drifts, routes(run, cell.question, cell.arm))
        if why:
            unsure[cell.question] = why
        else:
            known[cell.question] = Measured.of({launch: exp(log) for launch, log in logs.items()})
    return known, unsure


def _cannot(line: Verdict) -> str:
    """Returns why an arm cannot answer a question; empty if it can."""
    if line.verdict not in RIGHT:
        return f"{line.verdict}: {line.reason}" if line.reason else line.verdict
    return f"of 100 drawn requests it refuses {line.refused}: {line.refusal}" if line.refused else ""


def _unsure(launches: int, drifts: bool, taken: Sequence[Route]) -> str:
    """Returns why the figures of a question on an arm support no choice; empty if they do."""
    if not launches:
        return "it was not timed"
    if launches < LEAST_LAUNCHES:
        return f"it was timed in fewer than {LEAST_LAUNCHES} launches, so that its error is not known well enough"
    if drifts:
        return "its times still changed while they were measured"
    return f"its requests took several routes: {shares(taken)}" if len(different(taken)) > 1 else ""


def _hidden(run: Run, arm: str) -> bool:
    """Returns whether an arm's server runs where its processor time could not be read."""
    return any(is_hidden(line) for line in of_type(run.lines, Cost) if line.arm == arm)


def _raw(arm: str, arms: Collection[str], loads: Sequence[LoadCost]) -> str:
    """Returns the arm with the raw events of the same engine, if this arm stores the events, too; else empty."""
    engine, layout = parts(arm)
    raw = f"{engine}/{RAW}"
    stores_events = layout == RAW or any(line.built for line in loads)
    return raw if raw in arms and stores_events else ""


def _memory(run: Run, arm: str) -> float | None:
    """Returns the resident bytes of an idle engine, or by which an embedded one lets a program grow.

    Older runs do not have the latter, so that the memory of the process that asked counts.
    """
    engine, _ = parts(arm)
    own = [line for line in of_type(run.lines, Operations) if line.engine == engine]
    idle = [sum(line.memory.values()) or line.added for line in own]
    asked = [line.spent.resident for line in of_type(run.lines, Cost) if line.arm == arm and line.spent.resident]
    return float(next(filter(None, idle), 0)) or (mean(asked) if asked else None)


def _errors(data: Dataset) -> dict[str, float]:
    """Returns, by question, the error that it tolerates."""
    found = {question: tolerated(template.fill()) for question, template in data.questions.items()}
    return {question: error for question, error in found.items() if error}
