"""Answers as people see them in a terminal."""

import io
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from msgspec.structs import replace
from rich.console import Console

from rollup_bench.harness.report.answers import answer_table
from rollup_bench.harness.report.drawings import blocks, short
from rollup_bench.workloads.columns import INSTANT
from rollup_bench.workloads.filters import parse
from rollup_bench.workloads.measures import Function, Measure
from rollup_bench.workloads.questions import Age, Aggregate, Cohort, Funnel, Grain, Question, Span, Top

FIRST = datetime(2024, 1, 1, tzinfo=UTC)
SPAN = Span(FIRST, FIRST + timedelta(days=60))
COUNT = Measure(Function.COUNT)


def printed(answer: pa.Table, question: Question, width: int = 80, terminal: bool = True, **options: Any) -> list[str]:
    text = io.StringIO()
    console = Console(file=text, width=width, force_terminal=terminal, no_color=True)
    answer_table(answer, question, "title", "UTC", console, **options)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text.getvalue())
    return [line.rstrip() for line in plain.splitlines()]


def cohort(**changes: object) -> tuple[pa.Table, Cohort]:
    """Two cohorts by month: one of 200 with three ages, one of 40 with two."""
    months = [FIRST] * 3 + [datetime(2024, 2, 1, tzinfo=UTC)] * 2
    columns = {"size": [200] * 3 + [40] * 2, "age": [0, 1, 2, 0, 1], "value": [200, 50, 7, 40, None]}
    table = pa.table({"cohort": pa.array(months, INSTANT), **columns})
    question = Cohort(SPAN, SPAN.end, Age(Grain.MONTH, 3), grain=Grain.MONTH)
    return table, replace(question, **changes)


def test_a_cohort_is_a_triangle_of_shares() -> None:
    assert printed(*cohort()) == [
        "title",
        "cohort         size     0     1     2",
        "2024-01-01      200  100%   25%  3.5%",
        "2024-02-01       40  100%",
        "columns: ages of a month each; values: share of the cohort's size",
    ]


def test_a_measure_of_a_cohort_is_shown_as_numbers() -> None:
    lines = printed(*cohort(measure=COUNT))
    assert lines[2] == "2024-01-01      200   200    50     7"
    assert lines[-1] == "columns: ages of a month each; values: count()"


def test_a_cohort_can_be_shown_as_counts() -> None:
    lines = printed(*cohort(), shares=False)
    assert lines[2] == "2024-01-01      200   200    50     7"
    assert lines[-1] == "columns: ages of a month each; values: subjects"


def test_integers_that_are_keys_have_no_commas() -> None:
    answer = pa.table({"bucket": pa.array([FIRST], INSTANT), "plane": [20135], "count()": [20135]})
    lines = printed(answer, Aggregate(SPAN, (COUNT,), by=("plane",)), terminal=False)
    assert lines[-2].split() == ["2024-01-01", "20135", "20,135"]


def test_a_table_can_show_shares() -> None:
    shares, counts = (
        [line.split()[-1] for line in printed(*cohort(), terminal=False, shares=shares) if " 2024" in line]
        for shares in (True, None)
    )
    assert shares == ["1.00", "0.25", "0.035", "1.00", "NULL"]
    assert counts == ["200", "50", "7", "40", "NULL"]


def by_country() -> tuple[pa.Table, Cohort]:
    table, question = cohort(grain=None, by="country")
    return table.set_column(0, "cohort", pa.array(["DE"] * 3 + ["FR"] * 2)), question


@pytest.mark.parametrize("terminal", [True, False])
def test_labels_stand_for_values(terminal: bool) -> None:
    labels = {"country": {"DE": "Germany"}, "cohort": {"FR": "wrong"}}
    lines = printed(*by_country(), terminal=terminal, labels=labels)
    assert {line.split()[0] for line in lines if line} >= {"Germany", "FR"}
    weekdays = pa.table({"bucket": pa.array([FIRST] * 2, INSTANT), "day": [1, 2], "count()": [3, 4]})
    question = Aggregate(SPAN, (COUNT,), by=("day",))
    rows = [line.split()[0] for line in printed(weekdays, question, labels={"day": {"1": "Monday"}})[4:6]]
    assert rows == ["Monday", "2"]


def test_ages_that_do_not_fit_are_named() -> None:
    lines = printed(*cohort(), width=32)
    assert lines[1] == "cohort         size     0     1"
    assert "left out: ages from 2 on" in lines[-3]


def by_hour(days: int, hours: int, **changes: Any) -> tuple[pa.Table, Aggregate]:
    """A count for each weekday and hour but the last one; it is 1,000 for the first and 0 for the second hour."""
    cells = [(day, hour) for day in range(1, days + 1) for hour in range(hours)][:-1]
    columns = {"day": [day for day, _ in cells], "hour": [hour for _, hour in cells]}
    counts = [1000 * (hour == 0) for _, hour in cells]
    table = pa.table({"bucket": pa.array([FIRST] * len(cells), INSTANT), **columns, "count()": counts})
    return table, replace(Aggregate(SPAN, (COUNT,), by=("day", "hour")), **changes)


def test_two_dimensions_of_few_integers_are_a_heat_map() -> None:
    assert printed(*by_hour(2, 3), labels={"day": {"1": "Monday"}, "hour": {"0": "night"}}) == [
        "title",
        "day    night     1     2",
        "Monday  1.0k     0     0",
        "2       1.0k     0",
        "rows: day; columns: hour; values: count()",
    ]


def test_a_heat_map_without_room_for_numbers_has_shades() -> None:
    lines = printed(*by_hour(2, 20), width=80)
    assert lines[1] == "day" + "".join(f"{hour:>3}" for hour in range(20))
    assert lines[2:4] == ["1   ██" + " ░░" * 19, "2   ██" + " ░░" * 18]
    assert lines[-1] == "rows: day; columns: hour; values: count(); the darkest is 1.0k"


def test_in_a_narrow_terminal_every_second_column_of_a_heat_map_has_a_heading() -> None:
    lines = printed(*by_hour(2, 24), width=62)
    assert lines[1] == "  0" + "".join(f"{hour:>4}" for hour in range(2, 24, 2))
    assert lines[2:4] == ["1 █" + " ░" * 23, "2 █" + " ░" * 22]


@pytest.mark.parametrize(
    ("days", "hours", "changes"),
    [(2, 34, {}), (41, 3, {}), (2, 1, {}), (2, 3, {"grain": Grain.DAY}), (2, 3, {"subtotals": "cube"})],
)
def test_other_aggregates_are_tables(days: int, hours: int, changes: dict[str, Any]) -> None:
    assert (
        " ".join(printed(*by_hour(days, hours, **changes))[2].split()).removeprefix("bucket ").startswith("day hour ")
    )


def aggregate(rows: int, by: bool) -> tuple[pa.Table, Aggregate]:
    days = [FIRST + timedelta(days=number) for number in range(rows)]
    groups = {"page": [f"page {number}" for number in range(rows)]} if by else {}
    table = pa.table({"bucket": pa.array(days, INSTANT), **groups, "count()": list(range(rows))})
    return table, Aggregate(SPAN, (COUNT,), Grain.DAY, by=("page",) if by else ())


def test_rows_of_an_aggregate_have_bars_that_end_at_the_largest() -> None:
    lines = printed(*aggregate(5, by=True))
    bars = [line.rpartition(" ")[2] for line in lines[4:9]]
    assert bars[-1] == "█" * 30
    assert bars[2] == "█" * 15
    assert "█" not in bars[0]


def test_a_long_series_is_drawn_as_blocks() -> None:
    lines = printed(*aggregate(60, by=False))
    assert lines[1].startswith("2024-01-01 ▁▁▁▁▁▁▁▁▂")
    assert lines[1].endswith("█")
    assert "the first 40 of 60 rows" in lines[-1]


@pytest.mark.parametrize("by", [True, False])
def test_elsewhere_an_answer_is_a_plain_table(by: bool) -> None:
    text = "\n".join(printed(*aggregate(50, by), terminal=False))
    assert "█" not in text
    assert "▁" not in text
    assert printed(*cohort(), terminal=False)[2].split() == ["cohort", "size", "age", "value"]


def test_blocks_and_short_numbers() -> None:
    assert blocks([0, None, 4, 8]) == "▁ ▅█"
    assert blocks([0, 0]) == "▁▁"
    numbers = (0, 7, 950, 1234, 34_000, 5.1e6, 0.25, 0.0123, 0.00012)
    assert [short(number) for number in numbers] == ["0", "7", "950", "1.2k", "34k", "5.1M", "0.25", "0.012", "1e-04"]


def test_measures_for_which_a_terminal_is_too_narrow_are_left_out_and_named() -> None:
    measures = (COUNT, *(Measure(function, "paid") for function in (Function.SUM, Function.MAX, Function.MEAN)))
    values = {str(measure): [1_234_567_890, 2] for measure in measures}
    table = pa.table({"bucket": pa.array([FIRST] * 2, INSTANT), "shop": ["north", "south"], **values})
    question = Aggregate(SPAN, measures, Grain.DAY, by=("shop",))
    lines = printed(table, question, width=60)
    assert lines[2].split()[:4] == ["bucket", "shop", "count()", "sum(paid)"]
    assert lines[4].split()[:4] == ["2024-01-01", "north", "1,234,567,890", "1,234,567,890"]
    assert lines[-1] == "a wider terminal also shows max(paid), mean(paid)"


@pytest.mark.parametrize("width", [30, 40, 60])
def test_wide_dimensions_wrap_before_a_number_is_cut(width: int) -> None:
    names = {"country": ["United-Kingdom"], "kind": ["Home-and-garden-and-more"]}
    table = pa.table({"bucket": pa.array([FIRST], INSTANT), **names, "count()": [1_234_567]})
    lines = printed(table, Aggregate(SPAN, (COUNT,), Grain.DAY, by=tuple(names)), width=width)
    assert {len(line) <= width for line in lines} == {True}
    assert "1,234,567" in "".join(lines)
    assert "2024-01-01" in "".join(lines)


def test_the_measure_that_ranks_groups_is_left_out_last() -> None:
    measures = (COUNT, Measure(Function.MAX, "paid"))
    values = {str(measure): [1_234_567_890] * 2 for measure in measures}
    table = pa.table({"bucket": pa.array([FIRST] * 2, INSTANT), "shop": ["north", "south"], **values})
    lines = printed(table, Aggregate(SPAN, measures, by=("shop",), top=Top(2, measures[1])), width=30)
    assert lines[2].split() == ["shop", "max(paid)"]
    assert " ".join(lines[-2:]) == "a wider terminal also shows count()"


def test_a_funnel_without_a_first_step_has_no_shares() -> None:
    table = pa.table({"step": [1, 2], "subjects": [0, 3]})
    assert [line.split()[:2] for line in printed(table, Funnel(SPAN, ((), ()), 60))[5:7]] == [["1", "0"], ["2", "3"]]


def test_bars_show_the_measure_that_ranks_groups() -> None:
    measures = (COUNT, Measure(Function.MAX, "paid"))
    table = pa.table(
        {"bucket": pa.array([FIRST] * 2, INSTANT), "shop": ["a", "b"], "count()": [1, 9], "max(paid)": [4, 2]}
    )
    lines = printed(table, Aggregate(SPAN, measures, by=("shop",), top=Top(2, measures[1])))
    assert lines[2].split() == ["shop", "count()", "max(paid)", "max(paid)"]
    assert [line.count("█") for line in lines[4:6]] == [30, 15]


def test_a_funnel_has_its_steps_shares_and_bars() -> None:
    table = pa.table({"shop": ["a", "a", "b", "b"], "step": [1, 2, 1, 2], "subjects": [8, 4, 3, 0]})
    steps = (parse({"did": "open"}), parse({"paid": {"ge": 5}, "shop": {"null": False}}))
    lines = printed(table, Funnel(SPAN, steps, 60, by=("shop",)), width=90)
    assert lines[1] == "steps, within 60 s of the first one: 1 did = open; 2 paid ≥ 5 and shop is not NULL"
    assert [line.split()[:4] for line in lines[5:9]] == [
        ["a", "1", "8", "100.0%"],
        ["a", "2", "4", "50.0%"],
        ["b", "1", "3", "100.0%"],
        ["b", "2", "0", "0.0%"],
    ]
    assert [line.count("█") for line in lines[5:9]] == [30, 15, 11, 0]
