"""A dataset as files for `spark-sql`: settings, tables, events, and questions with named parameters."""

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from operator import itemgetter
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow.parquet

from rollup_bench.engines import exports
from rollup_bench.engines.cohorts import StoredActivity
from rollup_bench.engines.contract import Plan
from rollup_bench.engines.cut_spans import bucket_after, bucket_before
from rollup_bench.engines.exports import Forms, described, traced
from rollup_bench.engines.integer_ages import by_period
from rollup_bench.engines.integer_time import LocalTime, shown_at, unit_at
from rollup_bench.engines.spark.loading import precise
from rollup_bench.engines.spark.rollup import Stored
from rollup_bench.engines.spark.sql import literal, quoted
from rollup_bench.engines.spark.statements import statement
from rollup_bench.engines.spark.table import Table, arriving
from rollup_bench.engines.spark.zones import SQL
from rollup_bench.engines.tuned import Source
from rollup_bench.workloads.calendar import DAY, YEAR
from rollup_bench.workloads.events import Events, Statistics
from rollup_bench.workloads.questions import MILLISECOND, Cohort, Grain, Question, milliseconds
from rollup_bench.workloads.specs import instant
from rollup_bench.workloads.templates import Template

FOLDER = "data"
PLACEHOLDER = re.compile(r":p(\d+)\b")
USAGE = """\
Run the files in this folder, in this order, with Spark's own `spark-sql`, of Spark 4 or later:

  spark-sql -i settings.sql -f schema.sql           makes the tables, once
  spark-sql -i settings.sql -f queries/NAME.sql     asks a question

Each file in queries/ begins with its parameters: change their values and run the file again. The folder `settings` has
the configuration of the Connect server, with `${...}` in place of folders and ports.

The columns `bucket` and `cohort` of answers by time are the milliseconds since 1970 in UTC at which a bucket begins.
"""


def write_events(events: Events, folder: Path) -> None:
    """Writes the events to a file from which the tables are filled."""
    (folder / FOLDER).mkdir(parents=True, exist_ok=True)
    rows = map(precise, events.batches())
    first = next(rows)
    with pyarrow.parquet.ParquetWriter(folder / FOLDER / "events.parquet", first.schema) as writer:
        for batch in [first, *rows]:
            writer.write_batch(batch)


def settings(config: Mapping[str, str]) -> list[str]:
    """The statements that set a configuration."""
    return [f"SET {name} = {value};" for name, value in config.items()]


def schema(plan: Plan) -> list[str]:
    """The statements that create and fill the tables."""
    first, *others = plan.tables.all
    lines = [arriving(plan.statistics).view(FOLDER), first.insert(_place(first))]
    lines += [first.view(_place(first)), *(table.insert(_place(table)) for table in others)] if others else []
    return [f"{line};" for line in lines]


def query(template: Template, plan: Plan, read: Source) -> list[str]:
    """A question as SQL, after its parameters and the names of the tables that it reads."""
    zone, known = exports.zone(template), plan.statistics
    local = LocalTime(SQL, zone, known.first - YEAR, known.last + YEAR)
    question = template.fill()
    text, values, written = traced(
        template,
        lambda other: statement(other, plan, local),
        lambda name, value: _forms(name, value, local, question, read),
    )
    variables = {name: value for name, value in template.parameters.items() if name not in written}
    arguments = [value.form or _literal(value.default) for value in values]
    return [
        *(f"-- {line}" for line in [*described(template, plan, written), *_limits(template, known, read)]),
        *(f"DECLARE OR REPLACE VARIABLE {quoted(n)} = {_variable(v, zone)};" for n, v in variables.items()),
        "",
        *(f"{table.view(_place(table))};" for table in plan.tables.all if table.name in read.names),
        "",
        f"{PLACEHOLDER.sub(lambda found: arguments[int(found[1]) - 1], text)};",
    ]


def _place(table: Table) -> str:
    return f"tables/{table.folder}"


def _limits(template: Template, statistics: Statistics, read: Source) -> Iterator[str]:
    """Lines about the dates that a table other than that of events serves."""
    table = read.table
    grain = table.rollup.layout.grain if isinstance(table, Stored) else getattr(table, "grain", None)
    activity = isinstance(table, StoredActivity)
    return exports.table_limits(template, statistics, read.name, grain, bool(read.whole), activity)


def _forms(name: str, default: object, local: LocalTime, question: Question, read: Source) -> Forms:
    """The SQL of each form in which a bound value may follow from a parameter, a local time if it is a date."""
    variable = f"session.{quoted(name)}"
    match default:
        case date():
            yield from _date_forms(variable, local, question, read)
        case list():
            yield from ((f"{variable}[{i}]", itemgetter(i)) for i in range(len(default)))
        case _:
            yield variable, lambda value: value


def _date_forms(variable: str, local: LocalTime, question: Question, read: Source) -> Forms:
    """The forms of a date: an instant, a local time, a local day, the number of a period, the ends of buckets."""
    shown, zone = f"unix_millis(timestamp({variable}))", local.zone
    at = local.instant(shown)
    before = local.shown(f"({at} - 1L)")
    yield at, lambda value: milliseconds(instant(value, zone))
    yield f"({at} - 1L)", lambda value: milliseconds(instant(value, zone) - MILLISECOND)
    yield before, lambda value: shown_at(instant(value, zone) - MILLISECOND, zone)
    yield SQL.day(local.shown(at)), lambda value: shown_at(instant(value, zone), zone) // DAY
    if isinstance(question, Cohort) and by_period(question):
        length = question.age.unit
        yield SQL.unit(local.shown(at), length), lambda value: unit_at(instant(value, zone), length, zone)
        yield SQL.unit(before, length), lambda value: unit_at(instant(value, zone) - MILLISECOND, length, zone)
    if read.whole and isinstance(read.table, Stored):
        yield from _bucket_forms(shown, Grain(read.table.rollup.layout.grain or Grain.ALL), local)


def _bucket_forms(shown: str, grain: Grain, local: LocalTime) -> Forms:
    """The forms of the start of the first bucket that begins at a local time or later, and of the bucket around it."""
    before, zone = SQL.first(SQL.day(f"({shown} - 1L)"), grain), local.zone
    following = local.instant(f"({SQL.following(before, grain)} * {DAY}L)")
    yield following, lambda value: milliseconds(bucket_after(instant(value, zone), grain, zone))
    around = local.instant(f"({SQL.first(SQL.day(shown), grain)} * {DAY}L)")
    yield around, lambda value: milliseconds(bucket_before(instant(value, zone), grain, zone))


def _variable(value: object, zone: str) -> str:
    """The literal of a parameter; a time with an offset becomes a local time."""
    if isinstance(value, datetime):
        value = instant(value, zone).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    match value:
        case date():
            return literal(str(value))
        case list():
            return f"array({', '.join(map(_literal, value))})"
        case int():
            return str(value)
        case _:
            return _literal(value)


def _literal(value: object) -> str:
    assert isinstance(value, str | int | float)
    return literal(value)
