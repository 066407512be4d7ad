"""A dataset as files for Cassandra's shell cqlsh: tables, their rows as CSV, and statements with their values."""

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext, suppress
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, NoReturn, cast

import pyarrow as pa
import pyarrow.csv

from rollup_bench.engines.cassandra import codec, loading, planning
from rollup_bench.engines.cassandra.client_work import AccessPath, client_work
from rollup_bench.engines.cassandra.driver import Reader
from rollup_bench.engines.cassandra.partitioning import assign_partitions, fitted
from rollup_bench.engines.cassandra.rollup_reader import RollupReader
from rollup_bench.engines.cassandra.rollup_tables import split, whole_buckets
from rollup_bench.engines.cassandra.tables import BUCKET, LoadedTable, Manifest, Table, literal
from rollup_bench.engines.contract import Plan
from rollup_bench.engines.exports import Forms, described, traced, write_text, zone
from rollup_bench.engines.sql import quoted
from rollup_bench.errors import RequestError
from rollup_bench.servers.watch import Watch
from rollup_bench.workloads import answers
from rollup_bench.workloads.events import Events, Statistics
from rollup_bench.workloads.questions import Grain, Question, milliseconds
from rollup_bench.workloads.specs import instant
from rollup_bench.workloads.templates import Template

NULL = r"\N"
EVER = (-(1 << 62), 1 << 62)
USAGE = r"""
1. settings/ holds the configuration of the server, with ${...} for ports and folders; memory.txt lists its memory.

2. Create the tables and load their rows, once:     cqlsh -f schema.cql

3. Ask a question:                                  cqlsh -f queries/NAME.cql

   cqlsh binds no values, so a file has a statement for each partition that has rows in the span, with the values of the
   question's parameters written into it. A comment after a value names its parameter: to ask about another date, change
   the number before each /* start */ or /* end */. The numbers are milliseconds since 1970; this prints them:

     TZ=America/New_York date -d "2013-06-01 00:00" +%s000

   Other times may need other partitions: the table `manifest` lists the rows of each bucket of a table, and the first
   comment of a file says how a time becomes a bucket. Copy a statement and change its bucket and its shard.

   The end of a file says how a client computes the answer from the rows of all its statements. Texts that are part of a
   key are stored with NULL as \, and with another \ before a text that begins with \.
"""
Request = tuple[str, tuple[Any, ...]]
Choose = Callable[[Question, Plan], AccessPath]


class _Rows:
    """Writes the rows of a table to a file that cqlsh copies."""

    def __init__(self, table: Table, folder: Path) -> None:
        self._table, self._path = table, folder / "data" / f"{table.name}.csv"
        self._bucket_rows: dict[int, int] = {}

    @property
    def loaded(self) -> LoadedTable:
        """The table with its size and the number of rows written to each bucket."""
        return LoadedTable(self._table, self._bucket_rows)

    def write(self, rows: pa.Table, pace: Callable[[int], None]) -> None:
        """Appends rows that have the table's columns; if the table has no size, these are all its rows."""
        self._table = fitted(self._table, rows)
        buckets, shards = assign_partitions(self._table, rows, self._bucket_rows)
        keyed = rows.append_column(BUCKET, pa.array(buckets)).append_column(self._table.shard, pa.array(shards))
        _append(keyed.select(_columns(self._table)), self._path)
        pace(rows.num_rows)


def write_tables(plan: Plan, events: Events, folder: Path) -> Manifest:
    """Writes the statements that create the tables, and the rows of each table; returns the rows of each bucket."""
    design: planning.Design = plan.tables
    (folder / "data").mkdir(parents=True)
    writers = {table.name: _Rows(table, folder) for table in design.tables}
    loading.write_tables(plan, events, writers, nullcontext, Watch())
    manifest = {name: writer.loaded for name, writer in writers.items()}
    names = list(loading.MANIFEST_COLUMNS)
    columns = zip(*loading.manifest_rows(manifest), strict=True)
    _append(pa.table(list(map(pa.array, columns)), names), folder / "data" / "manifest.csv")
    filled = [table for table in design.tables if manifest[table.name].bucket_rows]
    copies = [_copy(plan.name, table.name, _columns(table)) for table in filled]
    copies.append(_copy(plan.name, "manifest", names))
    created = [f"{statement};" for statement in planning.statements(plan.name, design)]
    write_text(folder / "schema.cql", *created, "", *copies)
    return manifest


def write_query(template: Template, plan: Plan, manifest: Manifest, choose: Choose, folder: Path) -> None:
    """Writes a question as statements with their values; `choose` returns the access path of a question."""
    question = template.fill()
    path = choose(question, plan)
    requests = _requests(path, question, plan, manifest)

    def bound(asked: Question) -> tuple[str, list[Any]]:
        if not _overlaps(asked, plan.statistics):
            raise RequestError("no event lies in the span")
        distinct = _distinct(_requests(choose(asked, plan), asked, plan, manifest))
        return "\n".join(text for text, _ in distinct), [value for _, values in distinct for value in values]

    _, values, written = traced(
        template, bound, lambda name, value: _forms(name, value, zone(template), plan.statistics)
    )
    forms = iter([value.form for value in values])
    named = {request: [next(forms) for _ in request[1]] for request in _distinct(requests)}
    about = [*described(template, plan, written), *_limits(path, plan), *_bucket_widths(manifest, requests)]
    write_text(
        folder / "queries" / f"{template.name}.cql",
        *(f"-- {line}" for line in about),
        "",
        *(f"{_filled(text, key, [None, None, *named[text, key[2:]]])};" for text, key in requests),
        "",
        *(f"-- {line}" for line in dict.fromkeys(client_work(path, question))),
    )


def _overlaps(question: Question, statistics: Statistics) -> bool:
    """Whether an event may lie in the span; the limits of other spans are not moved to buckets beside the events."""
    start, end = question.span.milliseconds
    return start <= statistics.last and statistics.first < end


class _RecordedError(Exception):
    """Ends an answer once its requests are known."""


class _Recorder:
    """Stands in for a reader, and records the requests in place of sending them."""

    def __init__(self) -> None:
        self.requests: list[Request] = []

    def results(self, requests: Iterable[Request]) -> NoReturn:
        self.requests = list(requests)
        raise _RecordedError


def _requests(path: AccessPath, question: Question, plan: Plan, manifest: Manifest) -> list[Request]:
    """The statements that answer a question, each with the bucket and the shard of a partition, and further values."""
    if isinstance(path, RollupReader):
        return list(path.requests(manifest))
    recorder = _Recorder()
    with suppress(_RecordedError):
        path.answer(cast(Reader, recorder), manifest, answers.schema(question, plan.schema))
    return recorder.requests


def _distinct(requests: Iterable[Request]) -> list[Request]:
    """The requests without their partitions, each once."""
    return list(dict.fromkeys((text, values[2:]) for text, values in requests))


def _limits(path: AccessPath, plan: Plan) -> Iterator[str]:
    """Lines about the dates that the statements of roll-ups serve."""
    if not isinstance(path, RollupReader):
        return
    first, *edges = path.parts
    tables = first.statements.rollup
    if all(tables is not coarse for rollup in plan.tables.rollups for coarse in rollup.coarse.values()):
        yield f"`start` and `end` must each begin a bucket ({tables.grain}), or lie outside the events."
        return
    before, after = (any(edge.limits[side] == first.limits[1 - side] for edge in edges) for side in (1, 0))
    for name, inside in (("start", before), ("end", after)):
        must = "lie inside a bucket" if inside else "begin a bucket, or lie outside the events"
        yield f"`{name}` must {must} ({tables.grain})."


def _bucket_widths(manifest: Manifest, requests: list[Request]) -> Iterator[str]:
    for name, loaded in manifest.items():
        if any(f".{quoted(name)} " in text for text, _ in requests):
            yield _bucket(loaded.table)


def _bucket(table: Table) -> str:
    """A sentence that says in which bucket a row is."""
    if table.buckets == 1:
        return f"All rows of {table.name} are in bucket 0."
    if not table.buckets:
        return f"The bucket of a row of {table.name} is its time in milliseconds divided by {table.bucket_width}."
    return (
        f"The bucket of a row of {table.name} is a hash of {', '.join(table.leading)}, modulo {table.buckets}: "
        "31 times the hash so far, from 0, plus the CRC-32 of the next value as text, in 32 bits."
    )


def _forms(name: str, default: object, zone: str, statistics: Statistics) -> Forms:
    """The names of the forms in which a value may follow from a parameter.

    A limit beyond the events is the same as one at the start of a bucket beside them, and whole weeks and months begin
    at or after a start and end at or before an end.
    """
    if not isinstance(default, date):
        yield name, lambda value: value
        yield name, lambda value: codec.key(pa.array([value]))[0].as_py()
        return
    side = 1 if name == "end" else 0
    yield name, lambda value: milliseconds(instant(value, zone))
    yield f"{name}, or the first event", lambda value: min(milliseconds(instant(value, zone)), statistics.first)

    def limit(value: date, grain: Grain) -> int:
        at = milliseconds(instant(value, zone))
        return whole_buckets((EVER[0], at) if side else (at, EVER[1]), grain, zone, statistics)[side]

    def whole(value: date, grain: Grain) -> int | None:
        at = limit(value, Grain.DAY)
        found, _ = split((EVER[0], at) if side else (at, EVER[1]), grain, zone, statistics)
        return found[side] if found else None

    yield from ((name, partial(limit, grain=grain)) for grain in Grain if grain is not Grain.ALL)
    for grain in (Grain.WEEK, Grain.MONTH):
        yield f"{grain} that {'ends by' if side else 'begins from'} {name}", partial(whole, grain=grain)


def _filled(text: str, values: Iterable[Any], forms: Iterable[str | None]) -> str:
    """The statement with literals in place of `?`, each followed by the name of its form as a comment."""
    pairs = zip(values, forms, strict=True)

    def replaced(match: re.Match[str]) -> str:
        if match[0] != "?":
            return match[0]
        value, form = next(pairs)
        return (literal(value) if isinstance(value, str) else str(value)) + (f" /* {form} */" if form else "")

    return re.sub(r'"(?:[^"]|"")*"|\?', replaced, text)


def _columns(table: Table) -> list[str]:
    return [BUCKET, table.shard, *table.columns]


def _copy(keyspace: str, table: str, columns: list[str]) -> str:
    named = ", ".join(map(quoted, columns))
    options = f"WITH ESCAPE = '\"' AND NULL = '{NULL}'"
    return f"COPY {quoted(keyspace)}.{quoted(table)} ({named}) FROM 'data/{table}.csv' {options};"


def _append(rows: pa.Table, path: Path) -> None:
    """Appends rows as CSV: times as milliseconds since 1970, NULL as `NULL`."""
    columns = [column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column for column in rows.columns]
    texts = pa.table([column.cast(pa.string()).fill_null(NULL) for column in columns], names=rows.column_names)
    with path.open("ab") as file:
        pyarrow.csv.write_csv(texts, file, pyarrow.csv.WriteOptions(include_header=False))
