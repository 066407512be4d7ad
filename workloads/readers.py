"""Reads Parquet, CSV and JSON lines as Arrow batches of the wanted columns; the values are not yet converted."""

import csv
import io
import re
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from rollup_bench.workloads.columns import ValueAtError
from rollup_bench.workloads.dataset import Source

BLOCK = 2 << 20
PLACES = "the name under [columns], or for CSV the `separator` or `names` under [source]"
BOM = b"\xef\xbb\xbf"
BLANKS = re.compile(rb"[ \t]+")
OBJECT = msgspec.json.Decoder(dict[str, Any])
Reader = Callable[[pa.NativeFile, Source, list[str]], Iterator[pa.RecordBatch]]


def reader(name: str) -> Reader | None:
    """The function that reads a file of this name, chosen by the name's ending; None if the ending is unknown."""
    return next((read for ending, read in READERS.items() if name.lower().endswith(ending)), None)


def _wanted(columns: list[str], known: list[str]) -> list[str]:
    """Returns `columns`, or `known` if `columns` is empty; ValueAtError if `known` has one of them not exactly once."""
    for name in columns or known:
        if name not in known:
            raise ValueAtError(
                None, f"no column is named `{name}`; the columns are {', '.join(known)}; correct {PLACES}"
            )
        if known.count(name) > 1:
            raise ValueAtError(None, f"two columns of the file are named `{name}`; rename one")
    return columns or known


def _parquet(stream: pa.NativeFile, _: Source, columns: list[str]) -> Iterator[pa.RecordBatch]:
    file = pa.parquet.ParquetFile(stream if isinstance(stream, pa.OSFile) else io.BytesIO(stream.read()))
    yield from file.iter_batches(columns=_wanted(columns, file.schema_arrow.names))


def _csv(stream: pa.NativeFile, source: Source, columns: list[str]) -> Iterator[pa.RecordBatch]:
    text = io.BufferedReader(_Squeezed(stream) if source.separator == " " else stream, BLOCK)
    names = source.names or _header(text, source.separator)
    if (not columns or set(columns) - set(names)) and any("\N{REPLACEMENT CHARACTER}" in name for name in names):
        raise ValueAtError(None, "the line of column names is not text in UTF-8; save the file in UTF-8")
    wanted = _wanted(columns, names)
    refused: list[Any] = []

    def refuse(row: Any) -> str:
        refused.append(row)
        return "error"

    try:
        yield from pa.csv.open_csv(
            text,
            read_options=pa.csv.ReadOptions(column_names=source.names, block_size=BLOCK, use_threads=False),
            parse_options=pa.csv.ParseOptions(
                delimiter=source.separator, newlines_in_values=True, invalid_row_handler=refuse
            ),
            convert_options=pa.csv.ConvertOptions(
                include_columns=wanted,
                column_types={c: pa.binary() for c in columns},
                null_values=list(source.null),
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )
    except pa.ArrowInvalid as error:
        if "straddl" in str(error):
            raise ValueAtError(None, f"a row is longer than {BLOCK >> 20} MiB; look for an unclosed quote") from None
        if not refused:
            raise
        (row,) = refused
        place = row.number - (1 if source.names else 2)
        wrong = f"the row has {row.actual_columns} columns, not {row.expected_columns} like the column names"
        raise ValueAtError(place, f"{wrong}; correct the row, or `separator` or `names` under [source]") from None


def _header(text: io.BufferedReader, separator: str) -> list[str]:
    head = text.peek(BLOCK).removeprefix(BOM).decode("utf-8", "replace")
    names = next(csv.reader(io.StringIO(head, newline=""), delimiter=separator), None)
    if not names:
        raise ValueAtError(None, "the file is empty; write a line of column names and rows into it")
    return names


class _Squeezed(io.RawIOBase):
    """A stream of text with each run of spaces and tabs replaced by one space, and without these at ends of lines."""

    def __init__(self, stream: pa.NativeFile) -> None:
        self._lines = io.BufferedReader(stream, BLOCK)
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        room = memoryview(buffer)
        while not self._rest and (lines := self._lines.readlines(len(room))):
            squeezed = (BLANKS.sub(b" ", line.strip()) for line in lines)
            self._rest = b"".join(line + b"\n" for line in squeezed if line)
        part, self._rest = self._rest[: len(room)], self._rest[len(room) :]
        room[: len(part)] = part
        return len(part)


def _json(stream: pa.NativeFile, _: Source, columns: list[str]) -> Iterator[pa.RecordBatch]:
    """Yields JSON lines as batches; a batch has those wanted columns that at least one of its rows has."""
    text = io.BufferedReader(stream, BLOCK)
    before = 0
    while lines := text.readlines(BLOCK):
        rows = _objects(lines, before)
        known = dict.fromkeys(name for row in rows for name in row)
        arrays = {name: _array([row.get(name) for row in rows]) for name in columns or known if name in known}
        yield pa.RecordBatch.from_pydict(arrays) if arrays else pa.RecordBatch.from_pylist([{}] * len(rows))
        before += len(rows)


def _objects(lines: list[bytes], before: int) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for line in lines:
        text = line.removeprefix(BOM).strip()
        try:
            rows += [OBJECT.decode(text)] if text else []
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            reason = str(error).partition(" - at `$`")[0].partition(" (byte")[0]
            wrong = f"the line is not a JSON object: {reason}; write one object a line"
            raise ValueAtError(before + len(rows), wrong) from None
    return rows


def _array(values: list[Any]) -> pa.Array:
    """The values as an Arrow array; if Arrow cannot hold them, as texts, with JSON for values that are not texts."""
    try:
        return pa.array(values)
    except (pa.ArrowException, OverflowError):
        texts = [v if v is None or isinstance(v, str) else msgspec.json.encode(v).decode() for v in values]
        return pa.array(texts, pa.string())


READERS: dict[str, Reader] = {".parquet": _parquet} | dict.fromkeys((".csv", ".tsv", ".txt"), _csv)
READERS |= dict.fromkeys((".json", ".jsonl", ".ndjson"), _json)
