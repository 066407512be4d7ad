"""Reads a sample of data files."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from msgspec.structs import replace

from rollup_bench.errors import RequestError
from rollup_bench.harness.describe import dialect, footers, nulls
from rollup_bench.harness.describe.cells import CODE
from rollup_bench.harness.describe.encodings import Text, text
from rollup_bench.harness.describe.nulls import Words
from rollup_bench.workloads import columns, sources
from rollup_bench.workloads.dataset import RESERVED, Columns, Dataset, Time
from rollup_bench.workloads.readers import READERS
from rollup_bench.workloads.source import Source

WHOLE = rf"^({CODE.pattern})$"
TEXT = rf"{WHOLE}|[^0-9eE+.-]"
"""A pattern of texts that are no numbers, or that would change if they were read as numbers."""
FILES = 20
"""In the first rows of so many files, words for NULL and codes are looked for."""
UNTOLD = {"encoding": "ascii", "separator": None, "skip": None, "quote": '"', "escape": "", "decimal": "."}
UNTOLD |= {"thousands": ""}
"""Keys of the source that all files share, and the ways in which files are written that do not tell any of them."""


@dataclass
class Sample:
    """Data files: how to read them, and the columns of their first rows.

    `names` lists all columns of the first file; `columns` has the values of those that can be read in all files, and
    `left` says why others are left out. `texts` are the starts and ends of the files that are texts. `words` has the
    words that stand for NULL in columns that are texts in some file, and `nulls` names columns of texts that have some.
    """

    path: Path
    files: list[Path]
    source: Source
    texts: list[Text]
    names: list[str]
    columns: dict[str, pa.Array]
    left: dict[str, str]
    words: dict[str, Words]
    nulls: list[str]

    @property
    def rows(self) -> int:
        """The number of the first rows."""
        return len(next(iter(self.columns.values()), []))


def sample(path: Path, separator: str | None, footer: int = 0) -> Sample:
    """The sample of the file or folder `path`, whose files end with so many lines that are no rows.

    RequestError if there are no rows, or if a file is no data file.
    """
    source = Source(path=str(path.absolute()), footer=footer)
    try:
        files = sources.files(dataset(source))
    except RequestError as error:
        raise RequestError(str(error).removeprefix("path: ")) from None
    texts = dict(_texts(files))
    found, width, unsure = _shared(
        {n: dialect.table(t.head, replace(source, encoding=t.encoding), separator) for n, t in texts.items()}, source
    )
    try:
        names = _first_rows(path, files, found).schema.names
    except RequestError:
        ragged = footers.footer([*texts.values()], found, lambda row: len(row) == width)
        if footer or not ragged:
            raise
        return sample(path, separator, ragged)
    found = replace(found, rename=_renamed(names))
    new = {old: new for new, old in found.rename.items()}
    found = replace(found, signs={new.get(name, name): sign for name, sign in found.signs.items()})
    plain = _first_rows(path, files, found)
    found, words = _with_nulls(found, files, plain, is_text=bool(texts))
    read, left = _readable(_first_rows(path, files, found), found if texts else None)
    empty = [n for n, a in read.items() if pa.types.is_string(a.type) and a.null_count > plain.column(n).null_count]
    left |= {new.get(name, name): reason for name, reason in unsure.items()}
    read, left = _columns(files, found, read, left, is_text=bool(texts))
    names = [new.get(name, name) for name in names]
    return Sample(path, files, found, list(texts.values()), names, read, left, words, empty)


def _with_nulls(
    source: Source, files: list[Path], plain: pa.RecordBatch, is_text: bool
) -> tuple[Source, dict[str, Words]]:
    """The source with the words that stand for NULL, and these words; `plain` are the first rows without them."""
    words = _null_words(files, source) if is_text else {}
    words = nulls.certain(words, _texts_of(plain, words))
    kept = set[str]().union(*(each.known | each.guessed for each in words.values()))
    return (replace(source, null=("", *sorted(kept))) if kept else source), words


def _columns(
    files: list[Path], source: Source, read: dict[str, pa.Array], left: dict[str, str], is_text: bool
) -> tuple[dict[str, pa.Array], dict[str, str]]:
    """The columns that can be read in all files, with codes as texts, and why others are left out."""
    read = {name: array for name, array in read.items() if name not in left}
    read, left = _in_all_files(files, source, read, left, is_text=is_text)
    for name in _codes(files, source, read) if is_text else []:
        read[name] = read[name].cast(pa.string())
    return read, left


def _texts_of(batch: pa.RecordBatch, words: Mapping[str, Words]) -> dict[str, set[str]]:
    """The values of each column of texts among which no words are guessed to stand for NULL."""
    texts = [f.name for f in batch.schema if pa.types.is_string(f.type) and not words.get(f.name, Words()).guessed]
    return {name: set(batch.column(name).unique().to_pylist()) for name in texts}


def dataset(source: Source) -> Dataset:
    """A dataset of which only the source is known."""
    roles = Columns(time=Time(name=""), subject=" ")
    return Dataset(name="", title="", folder=Path(), source=source, columns=roles, layouts={}, questions={})


def _texts(files: list[Path]) -> Iterator[tuple[str, Text]]:
    """Yields the names and texts of the CSV files."""
    for file in files:
        with sources.blamed(str(file)):
            for name, read, stream, _ in sources.opened(file):
                with stream:
                    if read is READERS[".csv"]:
                        yield name, text(name, stream)


def _shared(tables: Mapping[str, dialect.Table], source: Source) -> tuple[Source, int, dict[str, str]]:
    """How all files are written, the number of columns of the first one, and why columns of numbers are unsure.

    RequestError if two files are written in different ways.
    A file without letters beyond ASCII, quotes, decimals or marks of thousands does not tell these ways.
    """
    filled = {name: table for name, table in tables.items() if table.width} or tables
    first_table = next(iter(filled.values()), None)
    if first_table is None:
        return source, 0, {}
    told, (signs, unsure) = _told(filled), _signs(filled)
    if told["encoding"] == "ascii":
        told["encoding"] = source.encoding
    decimal_known = any(table.decimal_known for table in filled.values())
    for table in filled.values():
        unsure |= table.unsure if table.decimal_known == decimal_known else {}
    return replace(first_table.source, **told, signs=signs), first_table.width, unsure


def _told(tables: Mapping[str, dialect.Table]) -> dict[str, Any]:
    """The keys of `UNTOLD` as the files tell them; RequestError if two files tell different ways."""
    told: dict[str, Any] = {}
    for key, untold in UNTOLD.items():
        ways: dict[Any, str] = {}
        for name, table in tables.items():
            way = getattr(table.source, key)
            if way != untold or (key == "decimal" and table.decimal_known):
                ways.setdefault(way, name)
        if len(ways) > 1:
            (one, first), (other, second), *_ = ways.items()
            wrong = f"{first} has {key} {one!r}, and {second} {other!r}"
            raise RequestError(f"{wrong}; write both in the same way, or describe each by itself")
        told[key] = next(iter(ways), untold)
    others = {table.either for table in tables.values()} - {"", told["decimal"]}
    if others and any(table.decimal_known for table in tables.values()):
        told["thousands"] = told["thousands"] or others.pop()
    return told


def _signs(tables: Mapping[str, dialect.Table]) -> tuple[dict[str, str], dict[str, str]]:
    """The signs of the columns of all files, and why columns cannot be read that have several signs."""
    first, unsure = dict[str, tuple[str, str]](), dict[str, str]()
    for file, table in tables.items():
        for name, sign in table.source.signs.items():
            (known, before) = first.setdefault(name, (sign, file))
            if sign != known:
                unsure[name] = f"its numbers have the sign `{known}` in {before}, and `{sign}` in {file}"
    return {name: sign for name, (sign, _) in first.items() if name not in unsure}, unsure


def _first_rows(path: Path, files: list[Path], source: Source) -> pa.RecordBatch:
    """The first rows of the first file with rows; RequestError if there is none."""
    for _, _, block in sources.batches(files, source, []):
        if block.num_rows:
            return block
    raise RequestError(f"{path} has no rows; give a file with rows")


def _renamed(names: list[str]) -> dict[str, str]:
    """New names for columns whose names answers have, or that measures cannot be written of, with the old names."""
    taken, renamed = {name.casefold() for name in names}, dict[str, str]()
    for name in names:
        if name.casefold() in RESERVED or '"' in name:
            new = name.replace('"', "'") + ("_" if name.casefold() in RESERVED else "")
            while new.casefold() in taken:
                new += "_"
            taken.add(new.casefold())
            renamed[new] = name
    return renamed


def _readable(block: pa.RecordBatch, source: Source | None) -> tuple[dict[str, pa.Array], dict[str, str]]:
    """The columns that can be read, and why others cannot; with the `source` of CSV, texts are numbers if all can."""
    read, left = dict[str, pa.Array](), dict[str, str]()
    for name in block.schema.names:
        try:
            read[name] = columns.column(block, name)
            if source and pa.types.is_string(read[name].type):
                read[name] = _as_numbers(block, name, source)
        except columns.ValueAtError as error:
            left[name] = str(error)
    return read, left


def _as_numbers(block: pa.RecordBatch, name: str, source: Source) -> pa.Array:
    """A column of texts as integers or decimal numbers if all are so written, and none is a code."""
    texts = columns.column(block, name)
    with suppress(columns.ValueAtError):
        numbers = columns.measure(block, name, source)
        if numbers.null_count < len(numbers) and not pc.any(pc.match_substring_regex(numbers, TEXT)).as_py():
            return columns.numbers(numbers, columns.widest(None, numbers, "measure"), name)
    return texts


def _codes(files: list[Path], source: Source, read: dict[str, pa.Array]) -> set[str]:
    """The columns of numbers with a text that numbers would change, in the first rows of the first files."""
    names = [name for name, column in read.items() if not pa.types.is_string(column.type)]
    codes = set[str]()
    for file in files[:FILES] if names else []:
        with suppress(StopIteration):
            _, _, block = next(sources.batches([file], source, names))
            read = {name: columns.column(block, name) for name in names}
            texts = {name: array for name, array in read.items() if pa.types.is_string(array.type)}
            codes |= {name for name, array in texts.items() if pc.any(pc.match_substring_regex(array, WHOLE)).as_py()}
    return codes


def _in_all_files(
    files: list[Path], source: Source, read: dict[str, pa.Array], left: dict[str, str], *, is_text: bool
) -> tuple[dict[str, pa.Array], dict[str, str]]:
    """Leaves out columns that some file lacks, or that are texts or times in one file and something else in another."""
    for file in files[1:]:
        with suppress(StopIteration):
            name, _, block = next(sources.batches([file], source, []))
            others, unread = _readable(block, source if is_text else None)
            for column, array in [*read.items()]:
                if column not in others:
                    left[column] = unread.get(column, f"{name} has no such column")
                elif (one := _kind(array.type)) != (other := _kind(others[column].type)) and other:
                    left[column] = f"it contains {one or 'nothing'}, but {other} in {name}"
            left |= {c: f"{files[0]} has no such column" for c in block.schema.names if c not in read and c not in left}
            read = {column: array for column, array in read.items() if column not in left}
    return read, left


def _kind(kind: pa.DataType) -> str:
    """What a column contains; integers and decimal numbers are the same here, and nothing is nothing."""
    if pa.types.is_null(kind):
        return ""
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    said = columns.contents(kind)
    return "numbers" if said in ("integers", "decimal numbers") else said


def _null_words(files: list[Path], source: Source) -> dict[str, Words]:
    """The words for NULL in columns that are texts in the first rows of the first files."""
    found = dict[str, Words]()
    for file in files[:FILES]:
        with suppress(StopIteration):
            _, _, block = next(sources.batches([file], source, []))
            for name, array in _readable(block, source)[0].items():
                if pa.types.is_string(array.type):
                    found[name] = found.get(name, Words()).joined(nulls.words(name, array.drop_null().to_pylist()))
    return found
