"""A dataset as files for DuckDB's own clients: settings, tables, events, and questions with variables as parameters."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime
from operator import itemgetter
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet

from rollup_bench.engines import exports
from rollup_bench.engines.cohorts import StoredActivity
from rollup_bench.engines.contract import Plan
from rollup_bench.engines.cut_spans import bucket_after, bucket_before
from rollup_bench.engines.duckdb.sources import Source
from rollup_bench.engines.duckdb.sql import naive
from rollup_bench.engines.duckdb.zones import LocalTime
from rollup_bench.engines.exports import Bound, Forms, described, traced
from rollup_bench.engines.rollups import Rollup
from rollup_bench.engines.sql import quoted
from rollup_bench.workloads.calendar import YEAR
from rollup_bench.workloads.events import Statistics
from rollup_bench.workloads.questions import MILLISECOND, Grain, Question, milliseconds
from rollup_bench.workloads.specs import instant
from rollup_bench.workloads.templates import Template

EVENTS = "data/events.parquet"
Statement = Callable[[Question, Plan, LocalTime], Bound]
USAGE = """\
Run the files in this folder, in this order, with DuckDB's command line:

  cat settings.sql schema.sql | duckdb tables.duckdb            creates the tables and loads the events, once
  cat settings.sql queries/NAME.sql | duckdb tables.duckdb      asks a question

Each file in queries/ begins with its parameters: change their values and run the file again. In Python, pass the text
of a file to execute() of a connection; after a question, fetchall() returns the answer.

The columns `bucket` and `cohort` of answers by time are the milliseconds since 1970 in UTC at which a bucket begins.
"""


def everywhere(zone: str, statistics: Statistics) -> LocalTime:
    """The local time of a zone for all questions about the events, from a year before them to a year after them."""
    return LocalTime(zone, statistics.first - YEAR, statistics.last + YEAR)


def write_events(schema: pa.Schema, batches: Iterable[pa.RecordBatch], folder: Path) -> None:
    """Writes the events to the file from which the tables are created."""
    (folder / EVENTS).parent.mkdir(parents=True, exist_ok=True)
    with pyarrow.parquet.ParquetWriter(folder / EVENTS, schema, compression="zstd") as writer:
        for batch in batches:
            writer.write_batch(batch)


def schema(plan: Plan) -> list[str]:
    """The statements that create and fill the tables."""
    return [f"CREATE TEMP VIEW batches AS SELECT * FROM read_parquet('{EVENTS}');", f"{plan.text};", "CHECKPOINT;"]


def settings(config: Mapping[str, object]) -> list[str]:
    """The statements that set a configuration."""
    return [f"SET {name} = {literal(value)};" for name, value in config.items()]


def query(template: Template, plan: Plan, statement: Statement, read: Source) -> list[str]:
    """A question as SQL with its parameters as variables at the top; `statement` writes it for a zone's local time."""
    zone = exports.zone(template)
    local = everywhere(zone, plan.statistics)
    text, values, written = traced(
        template, lambda question: statement(question, plan, local), lambda name, value: _forms(name, value, zone, read)
    )
    about = [*described(template, plan, written), *_limits(template, plan.statistics, read)]
    variables = {name: value for name, value in template.parameters.items() if name not in written}
    arguments = ", ".join(value.form or literal(value.default) for value in values)
    macros = {
        "instant_of(shown)": f"make_timestamp(1000 * ({local.start('shown', Grain.DAY)}))",
        "shown_at(instant)": local.shown("instant"),
    }
    return [
        *(f"-- {line}" for line in about),
        *(f"SET VARIABLE {quoted(name)} = {_variable(value, zone)};" for name, value in variables.items()),
        "",
        f"-- The clock in {zone}: the instant in UTC at which it first shows a time, and what it shows at an instant.",
        *(f"CREATE OR REPLACE TEMP MACRO {macro} AS {body};" for macro, body in macros.items()),
        "",
        f"PREPARE question AS\n{text};",
        "",
        f"EXECUTE question({arguments});",
    ]


def _limits(template: Template, statistics: Statistics, read: Source) -> Iterator[str]:
    """Lines about the dates that a table other than that of events serves."""
    table = read.table
    grain = table.layout.grain if isinstance(table, Rollup) else getattr(table, "grain", None)
    activity = isinstance(table, StoredActivity)
    return exports.table_limits(template, statistics, read.name, grain, bool(read.whole), activity)


def _forms(name: str, default: object, zone: str, read: Source) -> Forms:
    """The SQL of each form in which a bound value may follow from a variable, a local time if it is a date."""
    variable = f"getvariable({literal(name)})"
    match default:
        case date():
            local = f"CAST({variable} AS TIMESTAMP)"
            at = f"instant_of({local})"
            yield local, lambda value: _shown(instant(value, zone), zone)
            yield at, lambda value: naive(instant(value, zone))
            yield f"epoch_ms({at})", lambda value: milliseconds(instant(value, zone))
            before = f"{at} - INTERVAL 1 MILLISECOND"
            yield before, lambda value: naive(instant(value, zone) - MILLISECOND)
            yield f"shown_at({before})", lambda value: _shown(instant(value, zone) - MILLISECOND, zone)
            if read.whole and isinstance(read.table, Rollup):
                yield from _bucket_forms(local, Grain(read.table.layout.grain or Grain.ALL), zone)
        case list():
            yield from ((f"{variable}[{place + 1}]", itemgetter(place)) for place in range(len(default)))
        case _:
            yield variable, lambda value: value


def _bucket_forms(local: str, grain: Grain, zone: str) -> Forms:
    """The forms of the start of the first bucket that begins at a local time or later, and of the bucket around it."""
    following = f"date_trunc('{grain}', {local} - INTERVAL 1 MILLISECOND) + INTERVAL 1 {grain}"
    yield f"instant_of({following})", lambda value: naive(bucket_after(instant(value, zone), grain, zone))
    around = f"date_trunc('{grain}', {local})"
    yield f"instant_of({around})", lambda value: naive(bucket_before(instant(value, zone), grain, zone))


def _shown(moment: datetime, zone: str) -> datetime:
    """What a clock in a zone shows at a moment."""
    return moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None)


def _variable(value: object, zone: str) -> str:
    """The literal of a parameter; a time with an offset becomes a local time."""
    return literal(_shown(instant(value, zone), zone) if isinstance(value, datetime) else value)


def literal(value: object) -> str:
    """The SQL of a value: a text, number, boolean, date or time, or a list of them."""
    match value:
        case str():
            return "'" + value.replace("'", "''") + "'"
        case datetime():
            return f"TIMESTAMP '{value}'"
        case date():
            return f"DATE '{value}'"
        case float():
            return f"DOUBLE '{value}'"
        case list():
            return f"[{', '.join(map(literal, value))}]"
        case _:
            return str(value)
