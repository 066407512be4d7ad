"""Drafts a dataset file from a file or folder of events."""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from msgspec.structs import replace

from rollup_bench.errors import RequestError
from rollup_bench.workloads import columns, sources
from rollup_bench.workloads.dataset import RESERVED, Columns, Dataset, Time
from rollup_bench.workloads.measures import Function, Measure
from rollup_bench.workloads.source import Source

PEOPLE = ("user", "who", "customer", "subject", "player", "member", "account", "visitor", "client", "person", "device")
DATES = (None, "%Y%m%d", "%m/%d/%Y", "%d.%m.%Y", "%m/%d/%Y %H:%M", "%d/%b/%Y:%H:%M:%S %z")
FORMATS = (*DATES, "seconds", "milliseconds")
CENTURIES = (datetime(1900, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
NULLS = {"NA", "N/A", "n/a", "NULL", "null", "None", "\\N", "-"}
"""Words that programs write for NULL in columns of numbers."""
UNITS = {"month": timedelta(days=31), "week": timedelta(days=7)}
"""Age units of the drafted cohort with their longest duration; `day` is used if the events span too little time."""
SINCE = datetime(1990, 1, 1, tzinfo=UTC)
"""Numbers and formatted dates before this instant are not taken for times."""


@dataclass(frozen=True)
class Sample:
    """A file of events: how to read it, the columns of its first block, and the first and last time of all its rows.

    `names` lists all columns; `columns` holds those that can be read; `nulls` names the text columns that contain
    words for NULL.
    """

    path: Path
    source: Source
    names: list[str]
    columns: dict[str, pa.Array]
    nulls: list[str]
    time: Time
    first: datetime
    last: datetime


def draft(path: Path, separator: str) -> str:
    """Returns the text of a dataset file for the events in `path`, with an aggregate question and a cohort question.

    Raises RequestError if the file has no rows, no column of times, or no column that can be the subject.
    """
    sample = _sample(path, separator)
    texts, measures = _roles(sample)
    if not texts:
        raise RequestError(f"{path}: no column holds texts or ids; a dataset needs a subject column")
    subject = _subject(sample, texts)
    dimensions = [name for name in texts if name != subject]
    return _toml(sample, subject, dimensions, measures)


def _sample(path: Path, separator: str) -> Sample:
    source = Source(path=str(path.absolute()), separator=separator)
    roles = Columns(time=Time(name=""), subject=" ")
    dataset = Dataset(name="", title="", folder=Path(), source=source, columns=roles, layouts={}, questions={})
    files = sources.files(dataset)
    file, names, read = _first_block(path, files, source)
    source, read, nulls = _with_null_words(path, files, source, read)
    complete_first = sorted(read.items(), key=lambda item: item[1].null_count > 0)
    for form, (name, column) in product(FORMATS, complete_first):
        time = Time(name=name, format=form)
        if _holds_times(column, time):
            return Sample(path, source, names, read, nulls, time, *_span(files, source, time))
    raise _no_time(path, file, names, read)


def _first_block(path: Path, files: list[Path], source: Source) -> tuple[str, list[str], dict[str, pa.Array]]:
    """Returns the first file with rows, the names of its columns, and the readable columns of its first block."""
    for file, _, block in sources.batches(files, source, []):
        if block.num_rows:
            return file, block.schema.names, dict(_readable(block))
    raise RequestError(f"{path} has no rows; give a file with rows")


def _with_null_words(
    path: Path, files: list[Path], source: Source, read: dict[str, pa.Array]
) -> tuple[Source, dict[str, pa.Array], list[str]]:
    """Reads words such as NA as NULL if that turns a column of texts into a column of numbers.

    Returns the source, its columns, and the names of the columns that stay texts but contain words for NULL.
    """
    texts = {name: column for name, column in read.items() if pa.types.is_string(column.type)}
    words = set[str]().union(*map(_null_words, texts.values()))
    if not words:
        return source, read, []
    changed = replace(source, null=("", *sorted(words)))
    _, _, reread = _first_block(path, files, changed)
    still_texts = [name for name in texts if pa.types.is_string(reread[name].type)]
    if len(still_texts) == len(texts):
        return source, read, []
    return changed, reread, [name for name in still_texts if reread[name].null_count > read[name].null_count]


def _null_words(column: pa.Array) -> set[str]:
    """Returns the words for NULL in a column of texts whose other values are all numbers; else an empty set."""
    texts = set(column.drop_null().to_pylist())
    try:
        return texts & NULLS if [float(text) for text in texts - NULLS] else set()
    except ValueError:
        return set()


def _no_time(path: Path, file: str, names: list[str], read: dict[str, pa.Array]) -> RequestError:
    """Returns an error: the first bad value of a column that begins with a time, or else that no column holds times."""
    for form, (name, column) in product(DATES, read.items()):
        time = Time(name=name, format=form)
        if pa.types.is_string(column.type) and _holds_times(column[:1], time):
            try:
                columns.instants(column, time)
            except columns.ValueAtError as error:
                return sources.refusal(file, 0, error)
    listed = ", ".join(names)
    remedy = 'write a dataset file yourself, with time = { name = "day", format = "%d-%m-%y" } under [columns]'
    return RequestError(f"{path}: no column looks like a time; the columns are {listed}; {remedy}")


def _readable(block: pa.RecordBatch) -> Iterator[tuple[str, pa.Array]]:
    for name in block.schema.names:
        with suppress(columns.ValueAtError):
            yield name, columns.column(block, name)


def _holds_times(column: pa.Array, time: Time) -> bool:
    """Returns whether the column holds times in this format, in plausible years, and nothing else but NULL."""
    try:
        extremes = pc.min_max(columns.instants(column, time))
    except columns.ValueAtError:
        return False
    first, last = extremes["min"].as_py(), extremes["max"].as_py()
    return first is not None and (SINCE if time.format else CENTURIES[0]) <= first <= last < CENTURIES[1]


def _span(files: list[Path], source: Source, time: Time) -> tuple[datetime, datetime]:
    """Returns the first and the last time of all rows; RequestError names the first value that is not a time."""
    extremes = []
    for file, before, batch in sources.batches(files, source, [time.name]):
        try:
            extremes.append(pc.min_max(columns.instants(columns.column(batch, time.name), time)).as_py())
        except columns.ValueAtError as error:
            raise sources.refusal(file, before, error) from None
    instants = [instant for pair in extremes for instant in pair.values() if instant is not None]
    return min(instants), max(instants)


def _roles(sample: Sample) -> tuple[list[str], list[str]]:
    """Returns the names of the columns of texts and ids, and the names of the columns of numbers to measure."""
    texts, measures = [], []
    for name, column in sample.columns.items():
        if name == sample.time.name or name in RESERVED:
            continue
        kind = column.type
        number = pa.types.is_floating(kind) or pa.types.is_decimal(kind)
        if number or (pa.types.is_integer(kind) and not _names_people(name) and not _is_id(name)):
            measures.append(name)
        elif not pa.types.is_nested(kind) and not pa.types.is_temporal(kind):
            texts.append(name)
    return texts, measures


def _names_people(name: str) -> bool:
    return any(word in name.lower() for word in PEOPLE)


def _is_id(name: str) -> bool:
    return re.search("(^|[^a-z])id$", name, re.IGNORECASE) is not None or name.endswith(("Id", "ID"))


def _subject(sample: Sample, texts: list[str]) -> str:
    """Returns the first column named like people; else the id, or else text, with repeats and most distinct values."""
    if named := [name for name in texts if _names_people(name)]:
        return named[0]
    distinct = {name: pc.count_distinct(sample.columns[name]).as_py() for name in texts}
    repeated = [name for name in texts if distinct[name] < len(sample.columns[name])]
    ids = [name for name in repeated if _is_id(name)]
    return max(ids or repeated or texts, key=lambda name: distinct[name])


def _toml(sample: Sample, subject: str, dimensions: list[str], measures: list[str]) -> str:
    time = f"{{ name = {_value(sample.time.name)}"
    time += f", format = {_value(sample.time.format)}" if sample.time.format else ""
    unused = [name for name in sample.names if name not in (sample.time.name, subject, *dimensions, *measures)]
    not_used = f"   # columns not used: {', '.join(map(_value, unused))}" if unused else ""
    separator = f"separator = {_value(sample.source.separator)}\n" if sample.source.separator != "," else ""
    nulls = f", also in the text columns {', '.join(sample.nulls)}" if sample.nulls else ""
    words = sample.source.null
    null = f"null = {_value(words)}   # read as NULL{nulls}\n" if len(words) > 1 else ""
    span = sample.last - sample.first
    unit = next((name for name, length in UNITS.items() if span > 3 * length), "day")
    sums = [Measure(Function.SUM, name) for name in measures[:1]]
    asked = [str(measure) for measure in (Measure(Function.COUNT), *sums, Measure(Function.DISTINCT, subject))]
    return f"""\
title = {_value(sample.path.stem)}
# zone = "Europe/Paris"   # the time zone of the questions' days and dates; without it, UTC

[source]
path = {_value(sample.source.path)}   # absolute, or relative to this file
{separator}{null}
[columns]
time = {time} }}   # add zone = "Europe/Paris" if its times are local
subject = {_value(subject)}   # cohorts count how many of these come back
dimensions = {_value(dimensions)}
measures = {_value(measures)}{not_used}

[[questions]]
name = "by-day"
story = "What happened on each day?"
kind = "aggregate"
grain = "day"
by = {_value(dimensions[:1])}
measures = {_value(asked)}
[questions.parameters]
start = {sample.first:%Y-%m-%d}
end = {sample.last + timedelta(days=1):%Y-%m-%d}

[[questions]]
name = "retention"
story = "Of the subjects first seen in a {unit}, how many come back in the {unit}s after it?"
kind = "cohort"
grain = "{unit}"
age = {{ unit = "{unit}", count = 12 }}
[questions.parameters]
start = {sample.first.replace(day=1):%Y-%m-%d}
end = {sample.last + timedelta(days=1):%Y-%m-%d}
"""


def _value(value: object) -> str:
    """Writes a TOML string or list of strings; JSON writes both the same way."""
    return json.dumps(value, ensure_ascii=False)
