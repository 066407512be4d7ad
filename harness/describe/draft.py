"""Writes the draft of a dataset file."""

import json
from collections.abc import Callable
from datetime import timedelta
from itertools import chain, count
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from rollup_bench.harness.describe.roles import Roles, roles
from rollup_bench.harness.describe.sample import Sample, sample
from rollup_bench.harness.describe.simultaneous import simultaneous
from rollup_bench.harness.describe.spans import Span, span
from rollup_bench.harness.describe.times import Order
from rollup_bench.workloads.columns import OFFSET
from rollup_bench.workloads.dataset import EPOCHS, Time
from rollup_bench.workloads.measures import Function, Measure

UNITS = {"month": timedelta(days=31), "week": timedelta(days=7)}
"""Age units of the drafted cohort with their longest duration; `day` is used if the events span too little time."""
DAYS = timedelta(days=366)
"""The longest span of which a question by day is drafted; of a longer one, it is by month."""
LOCAL = 'add zone = "Europe/Paris" if its times are local'
REMARKS = {
    "encoding": "the bytes are not UTF-8; correct it if letters look wrong",
    "path": "absolute, or relative to this file",
    "footer": "as many lines at the end are no events, and are left out",
    "thousands": "the mark between groups of three digits",
    "signs": "left out before and after numbers, so 5 % is 5",
    "names": "the file has no usable line of names; write better ones here and below",
    "rename": "new names, which are used below, and those in the file",
}


def draft(
    path: Path, separator: str | None = None, order: Order | None = None, say: Callable[[str], None] = lambda _: None
) -> str:
    """The text of a dataset file for the events in the file or folder `path`, which runs as it is.

    `say` gets the share of the files that is read, and the time left.

    RequestError if there are no rows, no column of times, no column that can be the subject, or if `order` is needed.
    """
    found = sample(path, separator)
    times = span(found, order, say)
    if times.source != found.source:
        found = sample(path, separator, times.source.footer)
        times = span(found, order, say)
    chosen = roles(found, times.time)
    blocks = [_head(found, times, chosen), _columns(found, times, chosen), _layout(chosen), _calendar(times, chosen)]
    blocks += [_aggregate(times, chosen), _cohort(times, chosen) if chosen.repeats else _no_cohort(found, chosen)]
    return "\n".join(blocks)


def _head(found: Sample, times: Span, chosen: Roles) -> str:
    typed = "since nearly all other values are numbers or times"
    guessed = {name: sorted(words.guessed) for name, words in found.words.items() if words.guessed}
    because = [f"; `{'` and `'.join(words)}` of {name} {typed}" for name, words in guessed.items()]
    texts = [name for name in found.nulls if name not in chosen.left]
    nulls = f", also in columns of texts: {', '.join(texts)}" if texts else ""
    remarks = REMARKS | {"null": f"read as NULL{nulls}{''.join(because)}"}
    if times.source.encoding.startswith("utf"):
        remarks.pop("encoding")
    source, fields = times.source, msgspec.structs.fields(times.source)
    keys = {f.name: value for f in fields if (value := getattr(source, f.name)) != f.default and value != {}}
    lines = [f"{key} = {_value(value)}{_remark(remarks.get(key))}" for key, value in keys.items()]
    return f"""\
title = {_value(found.path.stem)}
# zone = "Europe/Paris"   # the time zone of the questions' days and dates; without it, UTC

[source]
{chr(10).join(lines)}
"""


def _columns(found: Sample, times: Span, chosen: Roles) -> str:
    form = f", format = {_value(times.time.format)}" if times.time.format else ""
    repeats = "# of each event; `unique = true` under [source] keeps the first of repeated ones"
    identity = f"id = {_value(chosen.id)}   {repeats}\n" if chosen.id else ""
    doubts = {name: words.doubt for name, words in found.words.items() if words.doubt and name not in chosen.left}
    lists = _listed("Columns that stay texts", doubts) + _listed("Columns that are left out", chosen.left)
    return f"""\
[columns]
time = {{ name = {_value(times.time.name)}{form} }}{_remark(None if _has_zone(found, times.time) else LOCAL)}
subject = {_value(chosen.subject)}   # cohorts count how many of these come back
{identity}dimensions = {_value(chosen.dimensions)}
measures = {_value(chosen.measures)}
{_order(found, times, chosen)}{lists}"""


def _has_zone(found: Sample, time: Time) -> bool:
    """Whether times have a zone or an offset, or count from 1970."""
    if time.format:
        return time.format in EPOCHS or time.format.endswith(("Z", "%z", "UTC"))
    column = found.columns[time.name]
    if pa.types.is_string(column.type):
        return bool(pc.all(pc.match_substring_regex(column, OFFSET), min_count=0).as_py())
    return getattr(column.type, "tz", None) is not None


def _order(found: Sample, times: Span, chosen: Roles) -> str:
    """Comments on events of a subject at the same instant, or nothing if there are few."""
    some = simultaneous(found, times.time, chosen)
    if some is None:
        return ""
    if some.column:
        remedy = f"if {_value(some.column)} orders them, give it no other role, and write order = {_value(some.column)}"
    elif some.by_rows:
        usual = ("line", "row", "row_number")
        name = next(name for name in chain(usual, map("row_{}".format, count(2))) if name not in found.names)
        remedy = f'if the file has their order, write row_number = "{name}" under [source], and order = "{name}" here'
    else:
        remedy = "if a column of integers orders them, name it here by `order`"
    said = f"{some.rows:,} of the first {found.rows:,} events have the time of another one of the same subject"
    return f"# {said}:\n# for cohorts and funnels, such events are simultaneous; {remedy}\n"


def _listed(what: str, reasons: dict[str, str]) -> str:
    """Comments with a reason for each column, or nothing."""
    lines = "".join(f"#   {_value(name)}: {' '.join(reason.split())}\n" for name, reason in reasons.items())
    return f"# {what}:\n{lines}" if lines else ""


def _layout(chosen: Roles) -> str:
    by = [chosen.best] if chosen.best else []
    return f"""\
[layouts.day]   # a roll-up, computed when an engine loads the events; `--layouts all` compares it with single events
grain = "day"
by = {_value(by)}
measures = {_value(_sums(chosen))}
"""


def _calendar(times: Span, chosen: Roles) -> str:
    grain = "month" if times.last - times.first > DAYS else "day"
    return f"""\
[[questions]]
name = "by-{grain}"
story = "What happened {"on" if grain == "day" else "in"} each {grain}?"
kind = "aggregate"
grain = "{grain}"
measures = {_value(_sums(chosen))}
{_parameters(times)}"""


def _aggregate(times: Span, chosen: Roles) -> str:
    top = 'top = "$n"\n' if chosen.best else ""
    story = f"Which values of {chosen.best} have the most events?" if chosen.best else "How many events are there?"
    by = f"by = {_value([chosen.best])}\n" if chosen.best else ""
    return f"""\
[[questions]]
name = "totals"
story = {_value(story)}
kind = "aggregate"
{by}measures = {_value([*_sums(chosen), str(Measure(Function.DISTINCT, chosen.subject))])}
{top}{_parameters(times)}{"n = 10" + chr(10) if top else ""}"""


def _no_cohort(found: Sample, chosen: Roles) -> str:
    return f"# There is no cohort: no {_value(chosen.subject)} repeats in the first {found.rows:,} rows.\n"


def _cohort(times: Span, chosen: Roles) -> str:
    length = times.last - times.first
    unit = next((name for name, longest in UNITS.items() if length > 3 * longest), "day")
    return f"""\
[[questions]]
name = "retention"
story = "Of the subjects first seen in a {unit}, how many come back in the {unit}s after it?"
kind = "cohort"
grain = "{unit}"
age = {{ unit = "{unit}", count = 12 }}
{_parameters(times, unit)}"""


def _parameters(times: Span, unit: str = "day") -> str:
    """The span from the start of the day, week or month of the first event."""
    days = {"month": times.first.day - 1, "week": times.first.weekday()}.get(unit, 0)
    start = times.first - timedelta(days=days)
    return f"""\
[questions.parameters]
start = {start:%Y-%m-%d}
end = {times.last + timedelta(days=1):%Y-%m-%d}
"""


def _sums(chosen: Roles) -> list[str]:
    return list(map(str, (Measure(Function.COUNT), *(Measure(Function.SUM, name) for name in chosen.measures[:1]))))


def _remark(remark: str | None) -> str:
    return f"   # {' '.join(remark.split())}" if remark else ""


def _value(value: object) -> str:
    """Writes a TOML value; JSON writes texts, numbers and lists in the same way."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_value(key)} = {_value(each)}" for key, each in value.items()) + " }"
    return json.dumps(value, ensure_ascii=False)
