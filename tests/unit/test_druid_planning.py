"""Which datasources Druid plans, how segments are divided, and what the tables of cohorts and funnels contain."""

import pickle
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from rollup_bench.engines.cohort_activity import AGE, BIRTH, BORN, ROWS
from rollup_bench.engines.cohorts import StoredActivity, definition
from rollup_bench.engines.druid import cohort_tables, ingest, planning
from rollup_bench.engines.druid.cohort_tables import CohortTable
from rollup_bench.engines.druid.datasource import Datasource
from rollup_bench.engines.druid.engine import Druid
from rollup_bench.engines.druid.funnel_tables import FunnelTable
from rollup_bench.engines.druid.server import heap
from rollup_bench.engines.funnel_entries import ENTRY
from rollup_bench.engines.funnels import StoredFunnel
from rollup_bench.harness.conformance.tested_engine import few
from rollup_bench.servers.budget import Budget
from rollup_bench.workloads import dataset, layouts
from rollup_bench.workloads.events import Statistics
from rollup_bench.workloads.filters import Filter, Op
from rollup_bench.workloads.measures import parse
from rollup_bench.workloads.questions import Age, Aggregate, Cohort, Grain, Span

FLIGHTS = dataset.read("flights")
YEAR = Span(datetime(2013, 1, 1, 5, tzinfo=UTC), datetime(2014, 1, 1, 5, tzinfo=UTC))


def statistics(rows: int = 336_776) -> Statistics:
    """Those of the flights, with another number of rows."""
    types = {"time_hour": "timestamp"} | dict.fromkeys(("tailnum", "carrier", "origin", "dest"), "string")
    types |= {"flight": "int64"} | dict.fromkeys(FLIGHTS.columns.measures, "int64")
    cardinality = {"tailnum": 4043, "carrier": 16, "flight": 3844, "origin": 3, "dest": 105}
    first, last = YEAR.milliseconds
    return Statistics("f", rows, first, last - 1, types, cardinality, dict.fromkeys(FLIGHTS.columns.measures, 1e9))


def tuned(rows: int = 336_776) -> list[Datasource]:
    """The roll-ups and the events of the layout `tuned`."""
    found = planning.datasources(FLIGHTS, layouts.tuned, statistics(rows))
    return [datasource for datasource in found if isinstance(datasource, Datasource)]


def test_dimensions_are_in_the_order_of_their_use() -> None:
    assert planning.asked_dimensions(FLIGHTS) == ("origin", "carrier", "dest")
    assert tuned()[-1].dimensions[:3] == ["origin", "carrier", "dest"]


def test_no_rollup_has_a_dimension_of_many_values() -> None:
    assert {name for rollup in tuned()[:-1] for name in rollup.layout.by} == {"origin", "carrier", "dest"}
    assert {name for rollup in tuned(300)[:-1] for name in rollup.layout.by} == {"origin"}


def test_a_plan_that_was_asked_can_be_sent_to_another_process(tmp_path: Path) -> None:
    engine = Druid(None, tmp_path, Budget(2, 6 << 30))
    plan = engine.plan(FLIGHTS, layouts.tuned, statistics())
    for template in FLIGHTS.questions.values():
        engine.support(template.fill(), plan)
    assert pickle.loads(pickle.dumps(plan)).text == plan.text


def test_sketches_are_merged_from_as_few_groups_as_possible() -> None:
    estimated = parse("distinct(tailnum, error=0.02)")
    (stored,) = [rollup for rollup in tuned()[:-1] if estimated in rollup.layout.measures]
    assert stored.layout.by == ()


def test_a_fixed_filter_on_numbers_is_a_dimension() -> None:
    question = FLIGHTS.question("long-hauls-late").fill()
    assert isinstance(question, Aggregate)
    flagged = next(rollup for rollup in tuned() if rollup.unsupported_reason(question) is None)
    assert flagged.rollup.flag == "distance ge 2000 and dep_delay gt 60"
    assert flagged.rollup.flagging(question).where == (Filter(flagged.rollup.flag, Op.EQ, ("true",)),)
    other = msgspec.structs.replace(question, where=question.where[:1])
    assert "cannot filter by it" in str(flagged.unsupported_reason(other))
    (transform,) = ingest.schema(flagged, "d")["transformSpec"]["transforms"]
    assert transform["expression"] == """if(("distance" >= 2000) && ("dep_delay" > 60), 'true', 'false')"""


@pytest.mark.parametrize(
    ("rows", "cores", "target"),
    [(336_776, 1, None), (336_776, 2, 168_388), (336_776, 64, 50_000), (70_000, 2, None), (29_000_000, 2, 5_000_000)],
)
def test_a_year_of_events_is_divided_for_the_cores(rows: int, cores: int, target: int | None) -> None:
    tuning = ingest.spec(tuned(rows)[-1], "d", Budget(cores, 6 << 30))["tuningConfig"]
    partitions = tuning["partitionsSpec"]
    if target is None:
        assert partitions == ingest.UNDIVIDED
    else:
        assert partitions["partitionDimensions"] == ["origin", "carrier", "dest"]
        assert partitions["targetRowsPerSegment"] == pytest.approx(target, rel=0.01)


def test_segments_are_as_small_as_the_heap_of_the_indexer_demands() -> None:
    (small, large) = (
        ingest.spec(tuned(29_000_000)[-1], "d", Budget(2, memory))["tuningConfig"]["partitionsSpec"]
        for memory in (5 << 29, 6 << 30)
    )
    assert small["targetRowsPerSegment"] == heap("indexer", Budget(2, 5 << 29)) // 256
    assert small["targetRowsPerSegment"] < large["targetRowsPerSegment"] / 3


def test_events_inside_a_task_are_divided_by_hash() -> None:
    spec = ingest.spec(tuned()[-1], "d", Budget(2, 6 << 30))
    for kind, partitions in (("local", "range"), ("inline", "hashed")):
        task = ingest.task("t", spec, {"type": kind})
        assert task["spec"]["tuningConfig"]["partitionsSpec"]["type"] == partitions


def test_a_rollup_without_dimensions_has_no_other_columns() -> None:
    (total,) = [rollup for rollup in tuned()[:-1] if not rollup.layout.by and not rollup.rollup.flagged]
    dimensions = ingest.schema(total, "d")["dimensionsSpec"]
    assert dimensions["dimensions"] == []
    assert set(dimensions["dimensionExclusions"]) == set(statistics().types)


def test_wide_sums_of_cohorts_are_stored_in_halves() -> None:
    huge, day = 2**62, datetime(2020, 1, 1, tzinfo=UTC)
    events = few(
        [{"when": day, "user": "u", "huge": huge}] * 2 + [{"when": day.replace(day=2), "user": "u", "huge": 1}]
    )
    question = Cohort(
        Span(day, day.replace(day=9)), day.replace(day=9), Age(Grain.DAY, 2), parse("sum(huge)"), Grain.DAY
    )
    activity = StoredActivity("cohort0", definition(question), ("huge",))
    table = CohortTable(activity, events.statistics)
    rows = table.rows(events).sort_by(AGE).to_pylist()
    assert [row[AGE] for row in rows] == [cohort_tables.NOBODY, BIRTH, 0, 1]
    assert [(row["sum(huge):high"] << 32) + row["sum(huge):low"] for row in rows[2:]] == [2 * huge, 1]
    with pytest.raises(OverflowError):
        cohort_tables.answer(question, table, results(rows))
    later = [row | {"sum(huge):high": 0} for row in rows]
    assert cohort_tables.answer(question, table, results(later))["value"].to_pylist() == [0, 1]


def test_entries_of_funnels_are_stored_with_a_row_for_nobody() -> None:
    day = datetime(2020, 1, 1, tzinfo=UTC)
    events = few([{"when": day.replace(hour=h), "user": "u", "did": did} for h, did in enumerate(("open", "buy"))])
    steps = tuple((Filter("did", Op.EQ, (did,)),) for did in ("open", "buy", "buy"))
    table = FunnelTable(StoredFunnel("funnel0", steps, ("user",)), events.statistics, events.columns)
    first, later = events.statistics.first, events.statistics.last
    entry = {"user": "u", ENTRY: first, "step(2)": later, "step(3)": None}
    assert table.rows(events).to_pylist() == [entry, dict.fromkeys(entry) | {ENTRY: first}]
    dimensions = table.spec("d")["dataSchema"]["dimensionsSpec"]["dimensions"]
    assert {d["name"]: d["type"] for d in dimensions} == {"user": "string", "step(2)": "long", "step(3)": "long"}


def results(rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """What Druid returns for a sum by day of birth, over these stored rows."""
    names = (BORN, AGE, ROWS, "count(huge)", "sum(huge):high", "sum(huge):low")
    return [tuple(row[name] for name in names) for row in rows if row[AGE] != cohort_tables.NOBODY]
