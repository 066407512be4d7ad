"""Performs a run: loads arms, checks their answers, performs the launches, and tests under load."""

from collections.abc import Sequence
from contextlib import ExitStack, suppress
from itertools import count
from pathlib import Path

import msgspec

from rollup_bench.engines.contract import Engine
from rollup_bench.errors import RequestError
from rollup_bench.harness.records.findings import Run
from rollup_bench.harness.records.lines import Ended, Header
from rollup_bench.harness.records.run_log import RunLog, is_failure
from rollup_bench.harness.run import launches, load_test, mixes, operations
from rollup_bench.harness.run.admission import admit, loaded, sessions
from rollup_bench.harness.run.arms import Say, connected, served, warn_untested
from rollup_bench.harness.run.machine import now, setting
from rollup_bench.harness.run.request import Request
from rollup_bench.workloads import answers
from rollup_bench.workloads.dataset import Dataset
from rollup_bench.workloads.events import Events


def measure(request: Request, out: Path | None, say: Say) -> tuple[Path, Run]:
    """Performs the measurements that the run's file lacks; returns the file's path and the run that it then holds.

    Without `out`, the file is an incomplete or new one under `request.home`. Raises RequestError if `out` holds another
    run, or if a question does not match the columns of the events.
    """
    for question in request.defaults.values():
        answers.schema(question, request.events.statistics.schema)
    with served(request.engines, request.via, request.home, say) as servers:
        with connected(servers, request.home) as engines:
            warn_untested(engines)
            first = header(request.dataset, request.events, engines, request.profile.name, request.seed)
            log = _log(request, out, msgspec.structs.replace(first, asked=request.digest))
            arms = list(loaded(request, engines, log, say))
            launches.add_loads(log, arms, servers, 0)
            with ExitStack() as stack:
                admit(request, log, arms, sessions(stack, arms, log, None), say)
            mixes.declare(request, log)
        warm = launches.measure(request, log, arms, servers, say)
        load_test.measure(request, log, arms, servers, warm, say)
        operations.measure(request, log, arms, servers, say)
    if not log.has(Ended) and not any(map(is_failure, log.records)):
        log.add(Ended(at=now()))
    return log.path, Run.read(log.path)


def header(dataset: Dataset, events: Events, engines: Sequence[Engine], profile: str, seed: int) -> Header:
    """Returns the first line of a run's file: the dataset, profile, seed, machine, versions and budget per engine."""
    rows, fingerprint = events.statistics.rows, events.fingerprint
    return Header(dataset=dataset.name, rows=rows, events=fingerprint, seed=seed, profile=profile, **setting(engines))


def _log(request: Request, out: Path | None, first: Header) -> RunLog:
    """Opens the run's file: `out`; without `out`, an incomplete file of the same request, or else a new file.

    Without `out`, only a profile that resumes opens an older file. For a profile of several sizes the file may be
    complete, so that only the missing sizes are measured.
    """
    if out:
        return RunLog(out, first)
    for number in count(1):
        path = request.home / "runs" / f"{first.dataset}-{first.profile}-{number}.jsonl"
        new = not path.exists()
        if new or request.profile.resumes:
            with suppress(RequestError):
                log = RunLog(path, first)
                if new or len(request.profile.rows) > 1 or not log.has(Ended):
                    return log
    raise AssertionError
