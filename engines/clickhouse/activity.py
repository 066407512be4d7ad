"""Tables of what subjects do at each age, from which cohorts are added up."""

from rollup_bench.engines.clickhouse.births import born_with_origin, first_events, joined, repeats
from rollup_bench.engines.clickhouse.sql import Literals, conditions
from rollup_bench.engines.clickhouse.table import TYPES, Table
from rollup_bench.engines.cohorts import StoredActivity
from rollup_bench.engines.integer_ages import BIRTH, age
from rollup_bench.engines.integer_statements import EventColumns
from rollup_bench.engines.integer_time import LocalTime
from rollup_bench.engines.partials import Partial

COUNTS = ("subjects", "first", "last", "events")


def table(stored: StoredActivity, columns: EventColumns, local: LocalTime) -> Table:
    """The table of stored activity, which is filled from the table of events.

    `born` is the local day of births, or the start of their minute or hour in milliseconds since 1970, UTC. A row
    counts, for such a bucket, a cohort `label` and an age, the subjects seen, those seen there first and last, and
    their events, and sums columns. Rows of the age -1 count births.
    """
    known, by = columns.statistics, stored.definition.by
    label = {"label": TYPES[known.types[by]]} if by else {}
    sums = {f"sum {name}": _sum_type(name, columns) for name in stored.columns}
    types = {"born": "Int64"} | label | {"age": "Int64"} | dict.fromkeys(COUNTS, "Int64") | sums
    return Table(stored.name, types, ("born", *label, "age"), _select(stored, columns, local))


def _select(stored: StoredActivity, columns: EventColumns, local: LocalTime) -> str:
    question, literals = stored.definition, Literals()
    keys = ["bucket", *(["label"] if question.by else [])]
    firsts = first_events(question, columns, literals)
    births = born_with_origin(question, columns, firsts, local, stored.grain)
    returns = [*repeats(question, columns), *conditions(question.returns, literals)]
    rows = joined(question, columns, births, [], returns, list(stored.columns))
    numbers = [f"number{i}" for i, _ in enumerate(stored.columns)]
    sums = "".join(f", sum({number}) AS {number}" for number in numbers)
    group = ", ".join([*keys, "subject"])
    ages = (
        f"SELECT {group}, {age(question, 'instant', 'origin', local)} AS age, count() AS events{sums}\n"
        f"FROM ({rows}) WHERE counts AND age >= 0 GROUP BY {group}, age"
    )
    window = "OVER (PARTITION BY subject)"
    ordered = f"SELECT *, age = min(age) {window} AS earliest, age = max(age) {window} AS latest FROM ({ages})"
    seen = f"count(), countIf(earliest), countIf(latest), sum(events){''.join(f', sum({n})' for n in numbers)}"
    nulls = "".join(", NULL" for _ in numbers)
    grouped = ", ".join(keys)
    return (
        f"SELECT {grouped}, age, {seen} FROM ({ordered}) GROUP BY {grouped}, age\nUNION ALL\n"
        f"SELECT {grouped}, {BIRTH}, count(), 0, 0, 0{nulls} FROM ({births}) GROUP BY {grouped}"
    )


def _sum_type(name: str, columns: EventColumns) -> str:
    wide = Partial("sum", name).is_wide(columns.statistics)
    return "Nullable(Int128)" if wide else TYPES[columns.statistics.types[name]]
