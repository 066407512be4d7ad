"""Reads Parquet, CSV and JSON as Arrow batches of the wanted columns; the values are not yet converted."""

import codecs
import csv
import io
import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from rollup_bench.workloads.columns import ValueAtError
from rollup_bench.workloads.source import Source

BLOCK = 2 << 20
ARRAY = 256 << 20
"""The bytes of the longest JSON array that is read, since it is read as a whole."""
ITEMS = 1 << 14
PLACES = "the name under [columns], or for CSV the `separator`, `skip` or `names` under [source]"
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
    wanted = _wanted(columns, _flat(file.schema_arrow.empty_table()).column_names)
    for batch in file.iter_batches(columns=wanted):
        yield from _flat(pa.Table.from_batches([batch])).to_batches()


def _flat(table: pa.Table) -> pa.Table:
    """The table with a column for each value of its objects, named like `user.id`."""
    while any(pa.types.is_struct(field.type) for field in table.schema):
        table = table.flatten()
    return table


def _csv(stream: pa.NativeFile, source: Source, columns: list[str]) -> Iterator[pa.RecordBatch]:
    text = _text(stream, source)
    names = source.names or _header(text, source)
    if (not columns or set(columns) - set(names)) and any("\N{REPLACEMENT CHARACTER}" in name for name in names):
        remedy = "write `encoding` under [source], which `rollup-bench data describe` finds, or save the file in UTF-8"
        raise ValueAtError(None, f"the line of column names is not text in UTF-8; {remedy}")
    wanted = _wanted(columns, names)
    refused: list[Any] = []

    def refuse(row: Any) -> str:
        refused.append(row)
        return "error"

    words = [word for word in source.null if word]
    try:
        batches = pa.csv.open_csv(
            text,
            read_options=pa.csv.ReadOptions(
                column_names=source.names, block_size=BLOCK, skip_rows=source.skip, use_threads=False
            ),
            parse_options=pa.csv.ParseOptions(
                delimiter=source.separator,
                quote_char=source.quote or False,
                escape_char=source.escape or False,
                newlines_in_values=True,
                invalid_row_handler=refuse,
            ),
            convert_options=pa.csv.ConvertOptions(
                include_columns=wanted,
                column_types={c: pa.binary() for c in columns},
                null_values=list(source.null),
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
                decimal_point=source.decimal,
            ),
        )
        yield from (_without(words, batch) for batch in batches) if words else batches
    except pa.ArrowInvalid as error:
        if "straddl" in str(error):
            remedy = "look for an unclosed quote, or correct `quote` under [source]"
            raise ValueAtError(None, f"a row is longer than {BLOCK >> 20} MiB; {remedy}") from None
        if not refused:
            raise
        (row,) = refused
        place = row.number - source.skip - (1 if source.names else 2)
        wrong = f"the row has {row.actual_columns} columns, not {row.expected_columns} like the column names"
        remedy = "correct the row, or `separator`, `quote`, `skip`, `footer` or `names` under [source]"
        raise ValueAtError(place, f"{wrong}; {remedy}") from None


def _without(words: Sequence[str], batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch with NULL in place of texts that are one of `words`: Arrow leaves those in quotes as they are."""
    arrays = [
        pc.if_else(pc.is_in(array, pa.array(words).cast(array.type)), pa.scalar(None, array.type), array)
        if pa.types.is_string(array.type) or pa.types.is_binary(array.type)
        else array
        for array in batch.columns
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=batch.schema)


def _text(stream: pa.NativeFile, source: Source) -> io.BufferedReader:
    """The stream in UTF-8, without the lines of a footer; if a space separates, one stands for each run of blanks."""
    if codecs.lookup(source.encoding).name != "utf-8":
        stream = pa.transcoding_input_stream(stream, source.encoding, "utf-8")
    if source.footer or source.separator == " ":
        stream = _Lines(_body(stream, source))
    return io.BufferedReader(stream, BLOCK)


def _header(text: io.BufferedReader, source: Source) -> list[str]:
    head = text.peek(BLOCK).removeprefix(BOM).decode("utf-8", "replace")
    lines = io.StringIO(head, newline="")
    names = next(filter(None, csv.reader(itertools.islice(lines, source.skip, None), **dialect(source))), None)
    if not names:
        raise ValueAtError(None, "the file is empty; write a line of column names and rows into it")
    return names


def dialect(source: Source) -> dict[str, Any]:
    """The options with which Python's module `csv` reads the files of a source."""
    quoting = csv.QUOTE_MINIMAL if source.quote else csv.QUOTE_NONE
    marks = {"quotechar": source.quote or None, "escapechar": source.escape or None}
    return {"delimiter": source.separator, "quoting": quoting} | marks


def _body(stream: pa.NativeFile, source: Source) -> Iterator[bytes]:
    """Yields parts of a stream that end where lines end; see `_text`. Empty lines do not count as lines of a footer."""
    lines, waiting = io.BufferedReader(stream, BLOCK), list[bytes]()
    while read := lines.readlines(BLOCK):
        waiting += [BLANKS.sub(b" ", line.strip()) + b"\n" for line in read] if source.separator == " " else read
        filled = [place for place, line in enumerate(waiting) if line.strip()]
        end = len(waiting) if not source.footer else filled[-source.footer] if len(filled) >= source.footer else 0
        yield b"".join(waiting[:end])
        del waiting[:end]


class _Lines(io.RawIOBase):
    """A stream of these parts of a text."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        self._parts, self._rest = parts, b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        room = memoryview(buffer)
        while not self._rest and (part := next(self._parts, None)) is not None:
            self._rest = part
        taken, self._rest = self._rest[: len(room)], self._rest[len(room) :]
        room[: len(taken)] = taken
        return len(taken)


def _json(stream: pa.NativeFile, _: Source, columns: list[str]) -> Iterator[pa.RecordBatch]:
    """Yields JSON lines, or the objects of a JSON array, as batches; a batch has the wanted columns of its rows.

    The value `id` of an object `user` within an object is the column `user.id`.
    """
    text = io.BufferedReader(stream, BLOCK)
    blocks = _items(text) if text.peek(BLOCK).removeprefix(BOM).lstrip()[:1] == b"[" else _lines(text)
    before = 0
    for block in blocks:
        objects = set[str]()
        rows = [_flat_row(row, place, objects) for place, row in enumerate(_objects(block, before), before)]
        known = dict.fromkeys(name for row in rows for name in row)
        if mixed := next((n for n in known if n in objects and any(row.get(n) is not None for row in rows)), None):
            raise ValueAtError(None, f"`{mixed}` is an object in some rows and a value in others; write it in one way")
        arrays = {name: _array([row.get(name) for row in rows]) for name in columns or known if name in known}
        yield pa.RecordBatch.from_pydict(arrays) if arrays else pa.RecordBatch.from_pylist([{}] * len(rows))
        before += len(rows)


def _lines(text: io.BufferedReader) -> Iterator[list[bytes]]:
    """Yields the lines of a text that are not empty, by blocks."""
    while lines := text.readlines(BLOCK):
        yield [stripped for line in lines if (stripped := line.removeprefix(BOM).strip())]


def _items(text: io.BufferedReader) -> Iterator[list[msgspec.Raw]]:
    """Yields the items of a JSON array by blocks; the whole array is in memory."""
    whole = text.read(ARRAY + 1)
    remedy = "write one object a line, as `jq -c '.[]'` does"
    if len(whole) > ARRAY:
        raise ValueAtError(None, f"the JSON array is longer than {ARRAY >> 20} MiB; {remedy}")
    try:
        items = msgspec.json.decode(whole.removeprefix(BOM), type=list[msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ValueAtError(None, f"the file is not a JSON array: {_reason(error)}; {remedy}") from None
    for start in range(0, len(items), ITEMS):
        yield items[start : start + ITEMS]


def _objects(texts: Sequence[bytes | msgspec.Raw], before: int) -> Iterator[dict[str, Any]]:
    for place, text in enumerate(texts, before):
        try:
            yield OBJECT.decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            kind = "item of the array" if isinstance(text, msgspec.Raw) else "line"
            wrong = f"the {kind} is not a JSON object: {_reason(error)}; write one object a line"
            raise ValueAtError(place, wrong) from None


def _flat_row(row: dict[str, Any], place: int, objects: set[str]) -> dict[str, Any]:
    """The values of an object by column; ValueAtError if two have one name. Names of inner objects join `objects`."""
    found: dict[str, Any] = {}
    for name, value in _values(row, "", objects):
        if name in found:
            raise ValueAtError(place, f"two values are named `{name}`; rename one of them")
        found[name] = value
    return found


def _values(row: dict[str, Any], prefix: str, objects: set[str]) -> Iterator[tuple[str, Any]]:
    """Yields the names and values of an object, and instead of objects within it, their names and values."""
    for name, value in row.items():
        if isinstance(value, dict):
            objects.add(prefix + name)
            yield from _values(value, f"{prefix}{name}.", objects)
        else:
            yield prefix + name, value


def _reason(error: Exception) -> str:
    return str(error).partition(" - at `$")[0].partition(" (byte")[0]


def _array(values: list[Any]) -> pa.Array:
    """The values as an Arrow array; if Arrow cannot hold them, as texts, with JSON for values that are not texts."""
    try:
        return pa.array(values)
    except (pa.ArrowException, OverflowError):
        texts = [v if v is None or isinstance(v, str) else msgspec.json.encode(v).decode() for v in values]
        return pa.array(texts, pa.string())


READERS: dict[str, Reader] = {".parquet": _parquet} | dict.fromkeys((".csv", ".tsv", ".txt"), _csv)
READERS |= dict.fromkeys((".json", ".jsonl", ".ndjson"), _json)
