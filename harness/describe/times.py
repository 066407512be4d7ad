"""Finds the column of times of a sample, and the format of its times."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import product
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from rollup_bench.harness.describe.names import is_birth
from rollup_bench.workloads import columns
from rollup_bench.workloads.dataset import EPOCHS, Time

Order = Literal["day-first", "month-first"]
CLOCKS = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p", " %H:%M:%S UTC")
ORDERED = [f"%d{mark}%m{mark}{year}" for mark, year in product("/-", ("%Y", "%y"))]
"""Formats of dates that begin with the day; the month may be first instead."""
SURE = ["%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%d.%m.%Y", "%d.%m.%y", "%d %b %Y", "%d-%b-%Y", "%b %d, %Y"]
"""Formats of dates that cannot be read in another order; with dots, the day is first everywhere."""
DATES = [date + clock for date in (*SURE, *ORDERED) for clock in CLOCKS]
COMPACT = [f"%Y%m%d{clock}" for clock in ("", " %H%M%S", "T%H%M%S", "T%H%M%SZ", " %H:%M:%S", " %H:%M")]
"""Formats of dates without marks between their parts."""
MONTHS = ["%Y-%m", "%m/%Y"]
"""Formats of months, which are times only if no other column has any: beside times they are dimensions."""
FORMATS: list[str | None] = [None, *COMPACT, *DATES, "%d/%b/%Y:%H:%M:%S %z", *MONTHS, *EPOCHS]
CENTURIES = (datetime(1900, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
SINCE = datetime(1990, 1, 1, tzinfo=UTC)
"""Numbers and formatted dates before this instant are not taken for times."""


def candidates(read: Mapping[str, pa.Array], order: Order | None) -> Iterator[list[Time]]:
    """Yields columns that hold times, the likeliest first: a time, or two if days and months can be exchanged.

    Dates of birth are the least likely, then numbers, then columns with NULL. If `order` is given, dates that begin
    with a day or month in digits have this order.
    """
    ways = [(form, name, column) for form, (name, column) in product(FORMATS, read.items())]
    for form, name, column in sorted(ways, key=lambda way: (is_birth(way[1]), way[0] in EPOCHS, way[2].null_count > 0)):
        if times := [time for time in _times(name, form, order) if holds_times(column, time)]:
            yield times


def _times(name: str, form: str | None, order: Order | None) -> Iterable[Time]:
    if form is None or not form.startswith(tuple(ORDERED)):
        return [Time(name=name, format=form)]
    swapped = form.replace("%d", "%x").replace("%m", "%d").replace("%x", "%m")
    chosen = {"day-first": [form], "month-first": [swapped]}
    return [Time(name=name, format=each) for each in (chosen[order] if order else [form, swapped])]


def holds_dates(column: pa.Array) -> bool:
    """Whether the column holds texts that are dates or times in some format but MONTHS, and nothing else but NULL."""
    forms = (form for form in FORMATS if form not in (*COMPACT, *MONTHS, *EPOCHS))
    return pa.types.is_string(column.type) and any(
        holds_times(column, time) for form in forms for time in _times("", form, None)
    )


def holds_times(column: pa.Array, time: Time) -> bool:
    """Whether the column holds times in this format, in plausible years, and nothing else but NULL."""
    try:
        for part in (column[:1], column):
            extremes = pc.min_max(columns.instants(part, time))
    except columns.ValueAtError:
        return False
    first, last = extremes["min"].as_py(), extremes["max"].as_py()
    return first is not None and (SINCE if time.format else CENTURIES[0]) <= first <= last < CENTURIES[1]
