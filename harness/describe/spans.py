"""Finds the column of times by reading the times of all rows, and leaves out footers that have none."""

import json
from collections.abc import Callable
from datetime import datetime
from itertools import chain
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
from msgspec.structs import replace

from rollup_bench.errors import RequestError
from rollup_bench.harness.describe import times
from rollup_bench.harness.describe.footers import footer
from rollup_bench.harness.describe.sample import Sample
from rollup_bench.harness.describe.times import Order
from rollup_bench.workloads import columns, sources
from rollup_bench.workloads.dataset import Time
from rollup_bench.workloads.pace import Share
from rollup_bench.workloads.source import Source


class Span(NamedTuple):
    """The column of times, the first and the last time of all rows, and the source that leaves out a footer."""

    time: Time
    first: datetime
    last: datetime
    source: Source


def span(found: Sample, order: Order | None, say: Callable[[str], None]) -> Span:
    """The times of all rows; `say` gets the share of them that is read.

    RequestError if no column holds times in all rows, or if two orders of dates do.
    If no column of the sample holds times only, a column of texts whose first or last one is a time is tried, too.
    """
    for candidates in times.candidates(found.columns, order):
        return _chosen(found, candidates, say)
    texts = {name: column for name, column in found.columns.items() if pa.types.is_string(column.type)}
    ends = [{name: text[place:][:1] for name, text in texts.items()} for place in (0, found.rows - 1)]
    first: RequestError | None = None
    for candidates in chain(*(times.candidates(end, order) for end in ends)):
        try:
            return _chosen(found, candidates, say)
        except RequestError as error:
            first = first or error
    for name, column in found.columns.items():
        if pa.types.is_list(column.type) and pa.types.is_struct(column.type.value_type):
            remedy = f"write them one a line, as `jq -c '.{name}[]'` does"
            raise RequestError(f"{found.path}: the objects are in lists under `{name}`; {remedy}")
    plain, keys = Source(path="x"), {key: getattr(found.source, key) for key in ("encoding", "separator", "names")}
    told = [f"{key} = {json.dumps(keys[key])}" for key in keys if keys[key] != getattr(plain, key)]
    how = f"with {', '.join(told)} under [source] and" if told else "with"
    remedy = f'write a dataset file yourself, {how} time = {{ name = "day", format = "%d-%m-%y" }} under [columns]'
    listed = ", ".join(found.names)
    raise first or RequestError(f"{found.path}: no column looks like a time; the columns are {listed}; {remedy}")


def _chosen(found: Sample, candidates: list[Time], say: Callable[[str], None]) -> Span:
    """The span of the candidate that all rows fit; RequestError if none or several fit."""
    spans, first = list[Span](), None
    for time in candidates:
        try:
            spans.append(_span(found, time, say))
        except RequestError as error:
            first = first or error
    if len(spans) > 1:
        example = found.columns[spans[0].time.name].drop_null()[0]
        wrong = f"column `{spans[0].time.name}` can have the day or the month first, as in `{example}`"
        raise RequestError(f"{found.path}: {wrong}; give --dates day-first or --dates month-first")
    if first and not spans:
        raise first
    return spans[0]


def _span(found: Sample, time: Time, say: Callable[[str], None]) -> Span:
    """The span of a column of times, without the footer of the files."""
    place = found.names.index(time.name)

    def is_row(row: list[str]) -> bool:
        return len(row) == len(found.names) and (_is_time(row[place], time) or all(row))

    try:
        return Span(time, *_extremes(found, found.source, time, say), found.source)
    except RequestError as error:
        source = replace(found.source, footer=footer(found.texts, found.source, is_row))
        if source == found.source:
            raise
        try:
            return Span(time, *_extremes(found, source, time, say), source)
        except RequestError:
            raise error from None


def _extremes(found: Sample, source: Source, time: Time, say: Callable[[str], None]) -> tuple[datetime, datetime]:
    """The first and the last time of all rows; RequestError names the first value that is not a time."""
    extremes: list[datetime] = []
    share = Share(say, f"reading {time.name}", sources.size(found.files))
    for file, before, batch in sources.batches(found.files, source, [time.name], share.at):
        try:
            instants = columns.instants(columns.column(batch, time.name), time)
            if instants.null_count:
                place = pc.index(instants.is_null(), True).as_py()
                wrong = f"column `{time.name}` is empty or NULL; write a time or remove the row"
                raise columns.ValueAtError(place, wrong)
        except columns.ValueAtError as error:
            raise sources.refusal(file, before, error) from None
        extremes += pc.min_max(instants).as_py().values() if len(instants) else []
    return min(extremes), max(extremes)


def _is_time(text: str, time: Time) -> bool:
    try:
        return bool(text) and columns.instants(pa.array([text]), time).null_count == 0
    except columns.ValueAtError:
        return False
