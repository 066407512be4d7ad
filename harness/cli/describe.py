"""Drafts a dataset file from a look at data."""

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
from rollup_bench.workloads.dataset import RESERVED, Columns, Dataset, Source, Time
from rollup_bench.workloads.measures import Function, Measure

PEOPLE = ("user", "who", "customer", "subject", "player", "member", "account", "visitor", "client", "person", "device")
DATES = (None, "%Y%m%d", "%m/%d/%Y", "%d.%m.%Y", "%m/%d/%Y %H:%M", "%d/%b/%Y:%H:%M:%S %z")
FORMATS = (*DATES, "seconds", "milliseconds")
CENTURIES = (datetime(1900, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
NULLS = {"NA", "N/A", "n/a", "NULL", "null", "None", "\\N", "-"}
"""What programs write into a column of numbers where there is none."""
UNITS = {"month": timedelta(days=31), "week": timedelta(days=7)}
"""Of a cohort's ages, where at least two of them surely end within the events."""
SINCE = datetime(1990, 1, 1, tzinfo=UTC)  # a number that counts to an earlier time rather counts something else


@dataclass(frozen=True)
class Look:
    """A source's columns, as far as its first block shows them, and the span of its times.

    `names` are of all columns, `columns` are those that can be read; of `nulls`, which are texts, some values are words
    for NULL.
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
    """A dataset file for `path`, with an aggregate and a cohort question; RequestError where nothing is a time."""
    look = _look(path, separator)
    texts, measures = _roles(look)
    if not texts:
        raise RequestError(f"{path}: no column is a text or an integer, and a subject is needed")
    subject = _subject(look, texts)
    dimensions = [t for t in texts if t != subject]
    return _toml(look, subject, dimensions, measures)


def _look(path: Path, separator: str) -> Look:
    source = Source(path=str(path.absolute()), separator=separator)
    roles = Columns(time=Time(name=""), subject=" ")
    where = Dataset(name="", title="", folder=Path(), source=source, columns=roles, layouts={}, questions={})
    found = sources.files(where)
    file, names, read = _first(path, found, source)
    source, read, nulls = _without_words(path, found, source, read)
    whole = sorted(read.items(), key=lambda one: one[1].null_count > 0)
    for form, (name, column) in product(FORMATS, whole):
        time = Time(name=name, format=form)
        if _looks_like(column, time):
            return Look(path, source, names, read, nulls, time, *_span(found, source, time))
    raise _no_time(path, file, names, read)


def _first(path: Path, found: list[Path], source: Source) -> tuple[str, list[str], dict[str, pa.Array]]:
    """The first file that has rows, its columns' names, and of those that can be read the first block."""
    for file, _, block in sources.batches(found, source, []):
        if block.num_rows:
            return file, block.schema.names, dict(_readable(block))
    raise RequestError(f"{path}: there are no rows")


def _without_words(
    path: Path, found: list[Path], source: Source, read: dict[str, pa.Array]
) -> tuple[Source, dict[str, pa.Array], list[str]]:
    """With words for NULL, where numbers come of it: the source, its columns, and which texts hold such words too."""
    texts = {name: column for name, column in read.items() if pa.types.is_string(column.type)}
    words = set[str]().union(*map(_words, texts.values()))
    if not words:
        return source, read, []
    other = replace(source, null=("", *sorted(words)))
    _, _, again = _first(path, found, other)
    same = [name for name in texts if pa.types.is_string(again[name].type)]
    if len(same) == len(texts):
        return source, read, []
    return other, again, [name for name in same if again[name].null_count > read[name].null_count]


def _words(column: pa.Array) -> set[str]:
    """The words for NULL among texts that are numbers but for them."""
    texts = set(column.drop_null().to_pylist())
    try:
        return texts & NULLS if [float(one) for one in texts - NULLS] else set()
    except ValueError:
        return set()


def _no_time(path: Path, file: str, names: list[str], read: dict[str, pa.Array]) -> RequestError:
    """Which value is no time, of a column of texts that begins with one; else that no column does."""
    for form, (name, column) in product(DATES, read.items()):
        time = Time(name=name, format=form)
        if pa.types.is_string(column.type) and _looks_like(column[:1], time):
            try:
                columns.instants(column, time)
            except columns.ValueAtError as error:
                return sources.refusal(file, 0, error)
    there = ", ".join(names)
    return RequestError(f"{path}: no column looks like a time; there are {there}. Write [columns] time with its format")


def _readable(block: pa.RecordBatch) -> Iterator[tuple[str, pa.Array]]:
    for name in block.schema.names:
        with suppress(columns.ValueAtError):
            yield name, columns.column(block, name)


def _looks_like(column: pa.Array, time: Time) -> bool:
    """Whether all of a column is times that people would keep."""
    try:
        found = pc.min_max(columns.instants(column, time))
    except columns.ValueAtError:
        return False
    first, last = found["min"].as_py(), found["max"].as_py()
    return first is not None and (SINCE if time.format else CENTURIES[0]) <= first <= last < CENTURIES[1]


def _span(found: list[Path], source: Source, time: Time) -> tuple[datetime, datetime]:
    """The first and the last instant of all rows."""
    ends = []
    for file, before, batch in sources.batches(found, source, [time.name]):
        try:
            ends.append(pc.min_max(columns.instants(columns.column(batch, time.name), time)).as_py())
        except columns.ValueAtError as error:
            raise sources.refusal(file, before, error) from None
    seen = [end for both in ends for end in both.values() if end is not None]
    return min(seen), max(seen)


def _roles(look: Look) -> tuple[list[str], list[str]]:
    """The columns that are texts or ids, and those that are measured."""
    texts, measures = [], []
    for name, column in look.columns.items():
        if name == look.time.name or name in RESERVED:
            continue
        kind = column.type
        number = pa.types.is_floating(kind) or pa.types.is_decimal(kind)
        if number or (pa.types.is_integer(kind) and not _names_somebody(name)):
            measures.append(name)
        elif not pa.types.is_nested(kind) and not pa.types.is_temporal(kind):
            texts.append(name)
    return texts, measures


def _names_somebody(name: str) -> bool:
    return _is_id(name) or any(p in name.lower() for p in PEOPLE)


def _is_id(name: str) -> bool:
    return re.search("(^|[^a-z])id$", name, re.IGNORECASE) is not None or name.endswith(("Id", "ID"))


def _subject(look: Look, texts: list[str]) -> str:
    """A column named like people, else an id or what has most values, of those that come back."""
    if named := [t for t in texts if any(p in t.lower() for p in PEOPLE)]:
        return named[0]
    distinct = {t: pc.count_distinct(look.columns[t]).as_py() for t in texts}
    back = [t for t in texts if distinct[t] < len(look.columns[t])]
    ids = [t for t in back if _is_id(t)]
    return max(ids or back or texts, key=lambda t: distinct[t])


def _toml(look: Look, subject: str, dimensions: list[str], measures: list[str]) -> str:
    time = f"{{ name = {_text(look.time.name)}"
    time += f", format = {_text(look.time.format)}" if look.time.format else ""
    left = [name for name in look.names if name not in (look.time.name, subject, *dimensions, *measures)]
    without = f"   # not in it: {', '.join(map(_text, left))}" if left else ""
    separator = f"separator = {_text(look.source.separator)}\n" if look.source.separator != "," else ""
    too = f"; in {', '.join(look.nulls)} too" if look.nulls else ""
    null = f"null = {_text(look.source.null)}   # what stands for NULL{too}\n" if len(look.source.null) > 1 else ""
    by, span = dimensions[:1], look.last - look.first
    unit = next((name for name, length in UNITS.items() if span > 3 * length), "day")
    sums = [Measure(Function.SUM, m) for m in measures[:1]]
    asked = [str(m) for m in (Measure(Function.COUNT), *sums, Measure(Function.DISTINCT, subject))]
    return f"""\
title = {_text(look.path.stem)}
# zone = "Europe/Paris"   # whose days and dates the questions mean; UTC's as it is

[source]
path = {_text(look.source.path)}   # or relative to this file
{separator}{null}
[columns]
time = {time} }}   # add zone = "Europe/Paris" where its times are local
subject = {_text(subject)}   # whose return a cohort follows
dimensions = {_text(dimensions)}
measures = {_text(measures)}{without}

[[questions]]
name = "by-day"
story = "What happened, day by day."
kind = "aggregate"
grain = "day"
by = {_text(by)}
measures = {_text(asked)}
[questions.parameters]
start = {look.first:%Y-%m-%d}
end = {look.last + timedelta(days=1):%Y-%m-%d}

[[questions]]
name = "retention"
story = "Of those first seen in a {unit}, who comes back in the {unit}s after."
kind = "cohort"
grain = "{unit}"
age = {{ unit = "{unit}", count = 12 }}
[questions.parameters]
start = {look.first.replace(day=1):%Y-%m-%d}
end = {look.last + timedelta(days=1):%Y-%m-%d}
"""


def _text(value: object) -> str:
    """A TOML value: JSON's texts and lists of texts are TOML's too."""
    return json.dumps(value, ensure_ascii=False)
