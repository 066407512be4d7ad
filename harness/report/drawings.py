"""Draws answers in a terminal: a cohort as a shaded triangle, a series as blocks, and bars beside groups."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyarrow as pa
from rich.console import Console
from rich.text import Text

from rollup_bench.workloads.questions import Aggregate, Cohort

Number = int | float
BLOCKS = "▁▂▃▄▅▆▇█"
_EIGHTHS = ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")
_PALE, _FULL = (222, 235, 247), (8, 48, 107)
"""The colours of the smallest and the largest value of a triangle, in red, green and blue."""
_CELL, _SIZE = 6, 9
"""The characters of a value and of a size, with the space before them."""
_SHADES = (3, 2)
"""The characters of a shade without a number, with the space before them, of which the first that fits is taken."""
_GREY = "░▒▓█"
"""Shades without colours."""


def eighths(number: int) -> str:
    """A bar that is so many eighths of a character long."""
    whole, rest = divmod(number, 8)
    return "█" * whole + _EIGHTHS[rest]


def bar(value: Number, most: Number, width: int) -> str:
    """A bar that is `width` characters long for the value `most`."""
    return eighths(round(8 * width * value / most) if most else 0)


def blocks(values: Sequence[Number | None]) -> str:
    """A block for each value, the lowest for 0 and the highest for the largest value; a space for NULL."""
    most = max((value for value in values if value is not None), default=0)
    return "".join(" " if v is None else BLOCKS[min(int(8 * v / most), 7) if most else 0] for v in values)


def triangle(
    answer: pa.Table, question: Cohort, share: bool, label: Callable[[object], Text], rows: int, console: Console
) -> None:
    """Prints a row for each of the first `rows` cohorts with its size and its values by age, shaded by value.

    With `share`, values are shown as shares of the cohort's size, else as numbers. `label` writes the name of a cohort.
    Ages for which the terminal is too narrow are left out.
    """
    cohorts: dict[object, dict[int, Number | None]] = {}
    sizes: dict[object, int] = {}
    for row in answer.to_pylist():
        value, sizes[row["cohort"]] = row["value"], row["size"]
        known = value is not None and share
        cohorts.setdefault(row["cohort"], {})[row["age"]] = value / row["size"] if known else value
    shown = list(cohorts)[:rows]
    names = {cohort: label(cohort) for cohort in shown}
    first = max([len("cohort"), *(name.cell_len for name in names.values())])
    ages = range(max((age for values in cohorts.values() for age in values), default=-1) + 1)
    fitting = ages[: max((console.width - first - _SIZE) // _CELL, 1)]
    heading = "".join(f"{age:>{_CELL}}" for age in fitting)
    console.print(Text(f"{'cohort':<{first}}{'size':>{_SIZE}}{heading}", style="bold"), no_wrap=True)
    most = max((value for values in cohorts.values() for value in values.values() if value is not None), default=0)
    for cohort in shown:
        name = names[cohort]
        line = Text.assemble(name, " " * (first - name.cell_len), f"{sizes[cohort]:>{_SIZE},}")
        for age in fitting:
            line.append_text(_cell(cohorts[cohort], age, most, _percent if share else short))
        console.print(line, no_wrap=True, overflow="ignore", crop=False)
    unit = f"{question.age.width} {question.age.unit}s" if question.age.width > 1 else str(question.age.unit)
    what = "share of the cohort's size" if share else str(question.measure or "subjects")
    console.print(Text(f"columns: ages of a {unit} each; values: {what}", style="dim"))
    left = [f"{len(cohorts) - len(shown):,} cohorts"] * (len(cohorts) > len(shown))
    left += [f"ages from {len(fitting)} on"] * (len(fitting) < len(ages))
    if left:
        console.print(Text(f"left out: {' and '.join(left)}; --format csv, json or arrow prints all", style="dim"))


def heat_map(answer: pa.Table, question: Aggregate, label: Callable[[str, object], Text], console: Console) -> None:
    """Prints a row for each value of the first dimension and a column for each of the second one, shaded by value.

    `label` writes the name of a value of a dimension. The cells have numbers if the terminal is wide enough, and in a
    narrow one only every second column has a heading.
    """
    down, across = question.by
    columns = sorted(set(answer[across].to_pylist()))
    rows: dict[object, dict[object, Number | None]] = {}
    for row in answer.to_pylist():
        rows.setdefault(row[down], {})[row[across]] = row[str(question.measures[0])]
    names = max(label(down, name).cell_len for name in rows)
    wide = max(names, len(down))
    first = wide if wide + _SHADES[0] * len(columns) <= console.width else names
    width = next((each for each in (_CELL, *_SHADES) if first + each * len(columns) <= console.width), _SHADES[-1])
    heads = [label(across, column).plain for column in columns]
    heading = "".join(f"{head:>{width}.{width - 1}}" for head in heads)
    if width == _SHADES[-1]:
        heading = f"{heads[0]:>2.2}" + "".join(f"{head:>4.3}" for head in heads[2::2])
    console.print(Text(f"{down if first == wide else '':<{first}}{heading}", style="bold"), no_wrap=True, crop=False)
    most = max((value for values in rows.values() for value in values.values() if value is not None), default=0)

    def grey(value: Number) -> str:
        shade = _GREY[min(int(len(_GREY) * value / most), len(_GREY) - 1) if most > 0 else 0]
        return shade * (width - 1)

    text = short if width == _CELL else grey if console.no_color or not console.color_system else _no_number
    for name, values in rows.items():
        shown = label(down, name)
        line = Text.assemble(shown, " " * (first - shown.cell_len))
        for column in columns:
            line.append_text(_cell(values, column, most, text, width))
        console.print(line, no_wrap=True, overflow="ignore", crop=False)
    largest = f"; the darkest is {short(most)}" if width != _CELL else ""
    console.print(Text(f"rows: {down}; columns: {across}; values: {question.measures[0]}{largest}", style="dim"))


def _cell(
    values: Mapping[Any, Number | None], key: object, most: Number, text: Callable[[Number], str], width: int = _CELL
) -> Text:
    """A shaded value, written by `text`; empty if there is no value."""
    value = values.get(key)
    if value is None:
        return Text(" " * width)
    strength = min(max(value / most, 0.0), 1.0) if most > 0 else 0.0
    red, green, blue = (round(a + strength * (b - a)) for a, b in zip(_PALE, _FULL, strict=True))
    ink = "white" if strength > 0.5 else "black"
    return Text.assemble(" ", (f"{text(value):>{width - 1}}", f"{ink} on rgb({red},{green},{blue})"))


def _no_number(_value: Number) -> str:
    return ""


def _percent(share: Number) -> str:
    percent = 100 * share
    return f"{percent:.0f}%" if percent >= 9.95 or not percent else f"{percent:.1f}%"


def short(value: Number) -> str:
    """A number in at most five characters if it is not negative: 950, 1.2k, 34k, 5.1M, 0.05."""
    for unit, size in (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if abs(value) >= size:
            scaled = value / size
            return f"{scaled:.0f}{unit}" if abs(scaled) >= 9.95 else f"{scaled:.1f}{unit}"
    if abs(value) >= 99.95 or value == int(value):
        return f"{value:.0f}"
    return f"{value:.3g}" if abs(value) >= 0.1 else f"{value:.0e}" if abs(value) < 0.001 else f"{value:.3f}"
