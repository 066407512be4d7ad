"""What a roll-up costs and saves, on figures that can be worked out by hand."""

from typing import cast

import pytest

from rollup_bench.engines.contract import Loaded, Support, Where
from rollup_bench.engines.duckdb.engine import DuckDB
from rollup_bench.harness.conformance.strategies import DAYS
from rollup_bench.harness.conformance.subject import RANDOM, packed
from rollup_bench.harness.report.payoff import Payoff, payoff
from rollup_bench.harness.run.arms import Arm, Cell
from rollup_bench.harness.run.verdicts import Kind, Verdict
from rollup_bench.servers.budget import Budget
from rollup_bench.workloads import layouts
from rollup_bench.workloads.layouts import Layout
from tests.conftest import HOME

KEPT = packed()
ENGINE = DuckDB(None, HOME, Budget(1, 1 << 30))


def arm(layout: Layout, rows: int, seconds: float) -> Arm:
    return Arm(ENGINE, ENGINE.plan(RANDOM, layout, KEPT.shape), Loaded(rows, seconds, 0), reused=False)


def cell(of: Arm, question: str, *seconds: float) -> Cell:
    return Cell(question, of, Support(Where.PROCESS), Verdict(Kind.RIGHT), 1, list(seconds))


RAW = arm(layouts.raw, KEPT.shape.rows, 1.0)
DAILY = arm(DAYS, KEPT.shape.rows // 4, 3.0)


def test_a_roll_up_pays_when_what_it_saves_has_made_up_for_its_load() -> None:
    cells = [
        cell(RAW, "a", 0.4),
        cell(RAW, "b", 0.8),
        cell(DAILY, "a", 0.1),
        cell(DAILY, "b", 0.2),
        cell(RAW, "c", 9.0),
    ]
    found = cast(Payoff, payoff(DAILY, cells))
    assert round(found.ratio) == 4
    assert found.questions == 2
    assert round(found.speedup, 9) == 4
    assert found.after == 7  # 3 s of load against 0.45 s saved by a question


def test_a_roll_up_that_saves_nothing_never_pays() -> None:
    found = cast(Payoff, payoff(DAILY, [cell(RAW, "a", 0.1), cell(DAILY, "a", 0.2)]))
    assert found.after is None
    assert round(found.speedup, 9) == 0.5


@pytest.mark.parametrize(
    ("seconds", "close"), [((0.1, 0.1), True), ((0.13, 0.08), True), ((0.14, 0.1), False), ((0.01, 0.8), False)]
)
def test_it_is_close_where_no_question_tells_them_apart(seconds: tuple[float, float], close: bool) -> None:
    own = [cell(DAILY, name, one) for name, one in zip("ab", seconds, strict=True)]
    found = cast(Payoff, payoff(DAILY, [cell(RAW, "a", 0.1), cell(RAW, "b", 0.1), *own]))
    assert found.close is close


def test_there_is_nothing_to_say_of_raw_or_of_questions_that_raw_was_not_asked() -> None:
    assert payoff(RAW, [cell(RAW, "a", 0.1)]) is None
    assert payoff(DAILY, [cell(RAW, "a", 0.1), cell(DAILY, "b", 0.2), cell(DAILY, "a")]) is None
