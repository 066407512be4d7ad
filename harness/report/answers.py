"""Prints answers, lists of names, and layouts as tables in the terminal."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, time
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc
from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from rollup_bench.harness.report import drawings
from rollup_bench.harness.report.drawings import Number
from rollup_bench.harness.report.grid import append, fit, needed
from rollup_bench.harness.report.terminal import say_omitted
from rollup_bench.workloads.dataset import Dataset
from rollup_bench.workloads.layouts import TUNED
from rollup_bench.workloads.questions import Aggregate, Cohort, Funnel, Grain, Question, measured_by
from rollup_bench.workloads.rule import unsupported_reason

ROWS = 40
"""The largest number of rows printed of an answer."""
BARS = range(8, 31)
"""The widths that bars may have."""
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")  # characters that could control the terminal
MIDNIGHT = time()
Labels = Mapping[str, Mapping[str, str]]
"""For dimensions, the texts that people see instead of values; the values are written as texts."""


def answer_table(
    answer: pa.Table,
    question: Question,
    title: str,
    zone: str,
    console: Console,
    *,
    labels: Labels | None = None,
    shares: bool | None = None,
) -> None:
    """Prints an answer, with times in the time zone `zone` and values of dimensions by their `labels`.

    A terminal shows a cohort as a triangle, an aggregate by two dimensions of few integers as a heat map, a long series
    also as blocks, bars beside the rows of an aggregate, and bars and shares of the first step beside those of a
    funnel. It leaves out the start of the span of an aggregate without a grain, and measures for which it is too
    narrow, the last ones first. `shares` says whether values of a cohort are shown as shares of its size; if it is
    None, a triangle of numbers of subjects is.
    """
    console.print(Text(title))
    labels = dict(labels or {})
    if isinstance(question, Cohort):
        labels = {"cohort": labels.get(question.by or "", {})}
        if console.is_terminal and answer.num_rows:
            share = question.measure is None if shares is None else shares
            drawings.triangle(
                answer, question, share, lambda cohort: _key(cohort, zone, labels["cohort"]), ROWS, console
            )
            return
        answer = as_shares(answer) if shares else answer
    if console.is_terminal and isinstance(question, Aggregate) and _is_map(answer, question, console.width):
        drawings.heat_map(answer, question, lambda name, value: _key(value, zone, labels.get(name, {})), console)
        return
    if console.is_terminal and isinstance(question, Funnel):
        console.print(Text(_steps(question), style="dim"))
        answer = _with_shares(answer, question)
    _print_rows(answer, question, zone, labels, console)


def _print_rows(answer: pa.Table, question: Question, zone: str, labels: Labels, console: Console) -> None:
    if console.is_terminal and isinstance(question, Aggregate) and question.grain is Grain.ALL:
        answer = answer.drop_columns(["bucket"])
    measure = _drawn(answer, question) if console.is_terminal else None
    if measure and answer.num_rows > ROWS and isinstance(question, Aggregate) and not question.by:
        _print_series(answer, measure, zone, console)
    table = _table(answer.slice(0, ROWS), zone, labels, ["cohort"] if isinstance(question, Cohort) else question.by)
    measures = [str(each) for each in measured_by(question)]
    kept = measure or next(iter(measures), None)
    omitted = fit(table, [each for each in reversed(measures) if each != kept], console.width)
    if measure:
        _add_bars(table, measure, answer.column(measure).to_pylist(), console.width)
    console.print(table)
    if omitted:
        say_omitted(omitted[::-1], console)
    if answer.num_rows > ROWS:
        console.print(
            f"[dim]the first {ROWS} of {answer.num_rows:,} rows; --format csv, json or arrow prints all[/dim]"
        )


def _is_map(answer: pa.Table, question: Aggregate, width: int) -> bool:
    """Whether an answer is drawn as a heat map: it has one measure, by two dimensions whose values are few integers.

    Those of the second one are headings, which have room for two digits.
    """
    if len(question.by) != 2 or len(question.measures) != 1 or question.grain is not Grain.ALL or question.top:
        return False
    columns = [answer[name] for name in question.by]
    whole = all(pa.types.is_integer(column.type) and not column.null_count for column in columns)
    few = len(columns[0].unique()) <= ROWS and 1 < len(columns[1].unique()) <= (width - 14) // 2
    return whole and few and question.subtotals == "none" and all(0 <= one < 100 for one in columns[1].to_pylist())


def as_shares(answer: pa.Table) -> pa.Table:
    """The answer of a cohort with its values divided by the sizes of the cohorts."""
    sizes = answer["size"].cast(pa.float64())
    return answer.set_column(answer.schema.get_field_index("value"), "value", pc.divide(answer["value"], sizes))


def _with_shares(answer: pa.Table, question: Funnel) -> pa.Table:
    """The answer of a funnel with a column `share`: the subjects of each step as a share of those of the first one."""
    rows = [(tuple(row[name] for name in question.by), row["step"], row["subjects"]) for row in answer.to_pylist()]
    first = {group: subjects for group, step, subjects in rows if step == 1}
    shares = [f"{subjects / size:>6.1%}" if (size := first.get(group)) else "" for group, _, subjects in rows]
    return answer.append_column("share", pa.array(shares, pa.string()))


def _steps(question: Funnel) -> str:
    """What each step of a funnel is, in a line."""
    steps = [" and ".join(_text(str(one), "UTC").plain for one in step) or "any event" for step in question.steps]
    each = "; ".join(f"{number} {step}" for number, step in enumerate(steps, 1))
    return f"steps, within {question.window:,} s of the first one: {each}"


def _drawn(answer: pa.Table, question: Question) -> str | None:
    """The measure that bars show, if they say something: it has several values, and none is negative."""
    if isinstance(question, Funnel):
        return "subjects"
    if not isinstance(question, Aggregate) or question.subtotals != "none":
        return None
    measure = str(question.top.measure if question.top else question.measures[0])
    if not _is_number(answer.column(measure).type):
        return None
    known = [value for value in answer.column(measure).to_pylist() if value is not None]
    return measure if len(known) > 1 and min(known) >= 0 < max(known) else None


def _print_series(answer: pa.Table, measure: str, zone: str, console: Console) -> None:
    """Prints a block for each row, in lines that begin with the time of their first row."""
    labels = [_text(bucket, zone) for bucket in answer.column("bucket").to_pylist()]
    first = max(label.cell_len for label in labels) + 1
    length = max(console.width - first, 1)
    shown = drawings.blocks(answer.column(measure).to_pylist())
    for start in range(0, len(shown), length):
        line = Text.assemble(
            labels[start], " " * (first - labels[start].cell_len), (shown[start : start + length], "blue")
        )
        console.print(line, no_wrap=True)


def _table(answer: pa.Table, zone: str, labels: Labels, keys: Sequence[str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for field in answer.schema:
        number = _is_number(field.type)
        no_wrap = number or pa.types.is_timestamp(field.type)
        table.add_column(Text(field.name), justify="right" if number else "left", overflow="fold", no_wrap=no_wrap)
    for row in answer.to_pylist():
        table.add_row(*((_key if n in keys else _text)(value, zone, labels.get(n, {})) for n, value in row.items()))
    return table


def _add_bars(table: Table, measure: str, values: Sequence[Number | None], width: int) -> None:
    """Adds bars for the values of a measure, if they fit into `width` characters."""
    room = min(width - needed(table) - 3, BARS[-1])  # the table has a space at both ends, and one after the bar
    if room < BARS[0]:
        return
    most = max((value for value in values if value is not None), default=0)
    bars = [Text(drawings.bar(value or 0, most, room), style="blue") for value in values[: table.row_count]]
    append(table, Text(measure if cell_len(measure) <= room else "", style="dim"), bars)


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _key(value: object, zone: str, labels: Mapping[str, str]) -> Text:
    """The text of a value of a dimension; integers are keys, which have no marks between groups of digits."""
    return _text(str(value) if isinstance(value, int) else value, zone, labels)


def _text(value: object, zone: str, labels: Mapping[str, str] | None = None) -> Text:
    match (labels or {}).get(str(value), value) if value is not None else None:
        case None:
            return Text("NULL", style="dim")
        case datetime() as instant:
            local = instant.astimezone(ZoneInfo(zone))
            return Text(f"{local:%Y-%m-%d}" if local.time() == MIDNIGHT else f"{local:%Y-%m-%d %H:%M %Z}")
        case float() as number:
            return Text(f"{number:,.4g}" if abs(number) < 1 else f"{number:,.2f}")
        case int() as number:
            return Text(f"{number:,}")
        case other:
            return Text(CONTROL.sub(lambda match: f"\\x{ord(match[0]):02x}", str(other)))


def listing(what: str, rows: Sequence[tuple[str, str]], console: Console) -> None:
    """Prints pairs of a name and its description, one pair in a line."""
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(what, no_wrap=True, style="bold")
    table.add_column("about")
    for name, description in rows:
        table.add_row(name, Text(description))
    console.print(table)


def layouts_by_question(dataset: Dataset) -> Table:
    """Returns a table that says for each question whether each layout but `tuned` can answer it, or why not."""
    layouts = [layout for name, layout in dataset.layouts.items() if name != TUNED]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("question", no_wrap=True)
    for layout in layouts:
        table.add_column(layout.name)
    for name, template in dataset.questions.items():
        reasons = [unsupported_reason(template.fill(), layout) for layout in layouts]
        table.add_row(name, *(Text(r, style="dim") if r else Text("yes", style="green") for r in reasons))
    return table
