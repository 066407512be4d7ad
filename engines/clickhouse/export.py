"""A dataset as files for ClickHouse's own client: settings, tables, events, and questions with named parameters."""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from operator import itemgetter
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet

from rollup_bench.engines import exports
from rollup_bench.engines.clickhouse.rollup import Stored
from rollup_bench.engines.clickhouse.sql import literal, quoted
from rollup_bench.engines.clickhouse.statements import statement
from rollup_bench.engines.clickhouse.table import BATCHES
from rollup_bench.engines.clickhouse.zones import SQL
from rollup_bench.engines.cohorts import StoredActivity
from rollup_bench.engines.contract import Plan
from rollup_bench.engines.cut_spans import bucket_after, bucket_before
from rollup_bench.engines.exports import Forms, described, traced
from rollup_bench.engines.integer_ages import by_period
from rollup_bench.engines.integer_time import LocalTime, shown_at, unit_at
from rollup_bench.engines.tuned import EVENTS, Source
from rollup_bench.workloads.calendar import DAY, YEAR
from rollup_bench.workloads.events import Statistics
from rollup_bench.workloads.questions import MILLISECOND, Cohort, Grain, Question, milliseconds
from rollup_bench.workloads.specs import instant
from rollup_bench.workloads.templates import Template

FILE = "data/events.parquet"
PLACEHOLDER = re.compile(r"\{p(\d+):\w+\}")
USAGE = """\
Run the files in this folder, in this order, with ClickHouse's command line:

  cat settings.sql schema.sql | clickhouse local --path tables            creates the tables and loads the events, once
  cat settings.sql queries/NAME.sql | clickhouse local --path tables      asks a question

Each file in queries/ begins with its parameters: change their values and run the file again. In Python, pass the text
of a file to query() of a session of chDB.

The columns `bucket` and `cohort` of answers by time are the milliseconds since 1970 in UTC at which a bucket begins.
"""


def write_events(schema: pa.Schema, batches: Iterable[pa.RecordBatch], folder: Path) -> None:
    """Writes the events to the file from which the tables are filled."""
    (folder / FILE).parent.mkdir(parents=True, exist_ok=True)
    with pyarrow.parquet.ParquetWriter(folder / FILE, schema, compression="zstd") as writer:
        for batch in batches:
            writer.write_batch(batch)


def settings(config: Mapping[str, str | int]) -> list[str]:
    """The statements that set a configuration."""
    return [f"SET {name} = {_literal(value)};" for name, value in config.items()]


def schema(plan: Plan) -> list[str]:
    """The statements that create and fill the tables."""
    lines = [f"CREATE VIEW {quoted(BATCHES)} AS SELECT * FROM file('{FILE}', 'Parquet');"]
    for table in plan.tables.all:
        lines.append(f"{table.text};")
        if not table.select:
            lines.append(f"INSERT INTO {quoted(EVENTS)} SELECT * FROM {quoted(BATCHES)};")
        lines.append(f"OPTIMIZE TABLE {quoted(table.name)} FINAL;")
    return [*lines, f"DROP VIEW {quoted(BATCHES)};"]


def query(template: Template, plan: Plan, read: Source) -> list[str]:
    """A question as SQL, after its parameters and two functions of local time."""
    zone, known = exports.zone(template), plan.statistics
    local = LocalTime(SQL, zone, known.first - YEAR, known.last + YEAR)
    question = template.fill()
    text, values, written = traced(
        template,
        lambda other: statement(other, plan, local),
        lambda name, value: _forms(name, value, zone, question, read),
    )
    variables = {name: value for name, value in template.parameters.items() if name not in written}
    arguments = [value.form or _literal(value.default) for value in values]
    functions = {"instant_of AS (shown)": local.instant("shown"), "shown_at AS (instant)": local.shown("instant")}
    return [
        *(f"-- {line}" for line in [*described(template, plan, written), *_limits(template, known, read)]),
        *(f"SET {quoted(f'param_{name}')} = {_variable(value, zone)};" for name, value in variables.items()),
        "",
        f"-- The clock in {zone}: the instant at which it first shows a time, and what it shows at an instant.",
        *(f"CREATE OR REPLACE FUNCTION {name} -> {body};" for name, body in functions.items()),
        "",
        f"{PLACEHOLDER.sub(lambda found: arguments[int(found[1]) - 1], text)};",
    ]


def _limits(template: Template, statistics: Statistics, read: Source) -> Iterator[str]:
    """Lines about the dates that a table other than that of events serves."""
    table = read.table
    grain = table.rollup.layout.grain if isinstance(table, Stored) else getattr(table, "grain", None)
    activity = isinstance(table, StoredActivity)
    return exports.table_limits(template, statistics, read.name, grain, bool(read.whole), activity)


def _forms(name: str, default: object, zone: str, question: Question, read: Source) -> Forms:
    """The SQL of each form in which a bound value may follow from a parameter, a local time if it is a date."""
    match default:
        case date():
            yield from _date_forms(f"{{{name}:String}}", zone, question, read)
        case list():
            kind = _kind(default[0])
            yield from ((f"{{{name}:Array({kind})}}[{i + 1}]", itemgetter(i)) for i in range(len(default)))
        case _:
            yield f"{{{name}:{_kind(default)}}}", lambda value: value


def _date_forms(variable: str, zone: str, question: Question, read: Source) -> Forms:
    """The forms of a date: an instant, a local time, a local day, the number of a period, the ends of buckets."""
    local = f"toUnixTimestamp64Milli(parseDateTime64BestEffort({variable}, 3, 'UTC'))"
    at = f"instant_of({local})"
    yield at, lambda value: milliseconds(instant(value, zone))
    yield f"({at} - 1)", lambda value: milliseconds(instant(value, zone) - MILLISECOND)
    yield f"shown_at({at} - 1)", lambda value: shown_at(instant(value, zone) - MILLISECOND, zone)
    yield SQL.day(f"shown_at({at})"), lambda value: shown_at(instant(value, zone), zone) // DAY
    if isinstance(question, Cohort) and by_period(question):
        length = question.age.unit
        yield SQL.unit(f"shown_at({at})", length), lambda value: unit_at(instant(value, zone), length, zone)
        last = SQL.unit(f"shown_at({at} - 1)", length)
        yield last, lambda value: unit_at(instant(value, zone) - MILLISECOND, length, zone)
    if read.whole and isinstance(read.table, Stored):
        yield from _bucket_forms(local, Grain(read.table.rollup.layout.grain or Grain.ALL), zone)


def _bucket_forms(local: str, grain: Grain, zone: str) -> Forms:
    """The forms of the start of the first bucket that begins at a local time or later, and of the bucket around it."""
    before = f"({SQL.first(SQL.day(f'({local} - 1)'), grain)})"
    following = f"instant_of(({SQL.following(before, grain)}) * {DAY})"
    yield following, lambda value: milliseconds(bucket_after(instant(value, zone), grain, zone))
    around = f"instant_of(({SQL.first(SQL.day(local), grain)}) * {DAY})"
    yield around, lambda value: milliseconds(bucket_before(instant(value, zone), grain, zone))


def _kind(value: object) -> str:
    return {str: "String", int: "Int64", float: "Float64"}[type(value)]


def _variable(value: object, zone: str) -> str:
    """The literal of a parameter; a time with an offset becomes a local time."""
    if isinstance(value, datetime):
        value = instant(value, zone).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    return _literal(str(value) if isinstance(value, date) else value)


def _literal(value: object) -> str:
    match value:
        case str():
            return literal(value)
        case list():
            return f"[{', '.join(map(_literal, value))}]"
        case _:
            return repr(value)
