"""Chooses the roles of the columns of a sample."""

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from rollup_bench.errors import RequestError
from rollup_bench.harness.describe import cells
from rollup_bench.harness.describe.names import is_id, is_key, names_people
from rollup_bench.harness.describe.sample import Sample
from rollup_bench.harness.describe.times import holds_dates, holds_times
from rollup_bench.workloads import columns
from rollup_bench.workloads.dataset import Time

LARGE = 2**53
"""Integers of this size and above are taken for keys."""
UNIQUE = 0.9
"""A column is taken for the ids of events if it has so many different values, as a share of all of its values."""


@dataclass(frozen=True)
class Roles:
    """The roles of columns, and why the others have none.

    `repeats` says whether some value of the subject repeats in the sample, so that a cohort makes sense.
    `best` is the dimension with the fewest values, at least two, or None without a dimension.
    """

    subject: str
    id: str | None
    dimensions: list[str]
    measures: list[str]
    left: dict[str, str]
    best: str | None
    repeats: bool


def roles(found: Sample, time: Time) -> Roles:
    """The roles of the columns of a sample with this column of times; RequestError if none can be the subject."""
    texts, measures, left = _kinds(found.columns, time)
    if not texts:
        integers = [name for name in measures if pa.types.is_integer(found.columns[name].type)]
        if not integers:
            wrong = f"no column but `{time.name}` has texts or integers in all files"
            raise RequestError(f"{found.path}: {wrong}; a dataset needs a subject: add a column of who did it")
        texts = [_subject(found.columns, integers)]
        measures.remove(texts[0])
    subject = _subject(found.columns, texts)
    others = [name for name in texts if name != subject]
    distinct = {name: pc.count_distinct(found.columns[name]).as_py() for name in texts}
    ids = [name for name in others if is_id(name) and found.rows > 1 and distinct[name] >= UNIQUE * found.rows]
    dimensions = [name for name in others if name not in ids[:1]]
    several = [name for name in dimensions if distinct[name] > 1] or dimensions
    return Roles(
        subject,
        ids[0] if ids else None,
        dimensions,
        measures,
        found.left | left,
        min(several, key=lambda name: distinct[name], default=None),
        distinct[subject] < found.rows - found.columns[subject].null_count,
    )


def _kinds(read: Mapping[str, pa.Array], time: Time) -> tuple[list[str], list[str], dict[str, str]]:
    """The columns of texts and ids, those of numbers to measure, and why others are neither."""
    texts, measures, left = list[str](), list[str](), dict[str, str]()
    for name, column in read.items():
        kind = column.type
        if name == time.name:
            continue
        like_time = time.format not in ("seconds", None) and holds_times(column, time)
        is_time = pa.types.is_temporal(kind) or like_time or holds_dates(column)
        if is_time or pa.types.is_nested(kind):
            left[name] = _reason(kind)
        elif column.null_count == len(column):
            left[name] = "it has no value in the first rows"
        elif pa.types.is_string(kind) and (example := _unread(column)):
            how = "`decimal`, `thousands` and `signs` under [source] if all of them have the same marks and signs"
            left[name] = f"its numbers are not read, as in `{example}`; write plain numbers, or correct {how}"
        elif not _is_number(kind) or (pa.types.is_integer(kind) and _is_key(name, column)):
            texts.append(name)
        else:
            try:
                columns.numbers(column, columns.widest(None, column, "measure"), name)
                measures.append(name)
            except columns.ValueAtError as error:
                left[name] = str(error)
    return texts, measures, left


def _unread(column: pa.Array) -> str | None:
    """The first text that is no plain number, if all texts of the column are numbers, however written."""
    texts = column.drop_null().unique().to_pylist()
    return (
        next((text for text in texts if not cells.NUMBER.fullmatch(text)), None) if cells.are_numbers(texts) else None
    )


def _reason(kind: pa.DataType) -> str:
    """Why times and lists have no role, and what to do if their values are wanted."""
    if pa.types.is_nested(kind):
        return "it contains lists; write each value that is wanted as a column"
    if pa.types.is_time(kind) or pa.types.is_duration(kind):
        remedy = "write durations as numbers of seconds, and times of day behind their dates, as in `2024-05-02 08:15`"
        return f"it contains times of day or durations; {remedy}"
    return "it contains times"


def _is_number(kind: pa.DataType) -> bool:
    return any(is_kind(kind) for is_kind in (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal))


def _is_key(name: str, column: pa.Array) -> bool:
    """Whether integers are keys, judged by the name of their column, or by values that are too large to be summed."""
    ends = pc.min_max(column).as_py().values()
    return is_key(name) or any(abs(end) >= LARGE for end in ends)


def _subject(read: Mapping[str, pa.Array], texts: list[str]) -> str:
    """The column of the subject, which is the first of these that exists.

    1. The first column that is named like ids of people.
    2. The first column that is named like people.
    3. The column with most distinct values among those that have repeats and are named like ids.
    4. The column with most distinct values among those that have repeats.
    5. The column with most distinct values.
    """
    if named := [name for name in texts if names_people(name)]:
        return next((name for name in named if is_id(name)), named[0])
    distinct = {name: pc.count_distinct(read[name]).as_py() for name in texts}
    repeated = [name for name in texts if distinct[name] < UNIQUE * len(read[name])]
    repeated = repeated or [name for name in texts if distinct[name] < len(read[name])]
    ids = [name for name in repeated if is_id(name)]
    return max(ids or repeated or texts, key=lambda name: distinct[name])
