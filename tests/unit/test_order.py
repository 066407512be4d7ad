"""The order of events within a millisecond: by a column, by the rows of the files, or none."""

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from msgspec.structs import replace

from rollup_bench.engines import cohort_activity, funnel_entries
from rollup_bench.engines.cassandra.funnel_tables import funnel_table
from rollup_bench.engines.cohort_activity import EventSource, question_partials
from rollup_bench.engines.druid.datasource import MILLISECONDS
from rollup_bench.engines.druid.funnel_tables import FunnelTable
from rollup_bench.engines.druid.planning import datasources
from rollup_bench.engines.funnel_entries import ENTRY
from rollup_bench.engines.funnels import StoredFunnel
from rollup_bench.errors import RequestError
from rollup_bench.harness.conformance import strategies
from rollup_bench.harness.conformance.scripted_events import JUNE
from rollup_bench.harness.conformance.tested_engine import RANDOM, ordered
from rollup_bench.harness.run import verdicts
from rollup_bench.workloads import answers, dataset, layouts, truth
from rollup_bench.workloads import events as event_store
from rollup_bench.workloads.events import Events
from rollup_bench.workloads.filters import Filter, Op
from rollup_bench.workloads.questions import Age, Cohort, Funnel, Grain, Question
from tests.support import brute, datasets
from tests.support.agreement import check
from tests.support.datasets import SPAN

EVENTS = ordered()
CASES: dict[int, list[brute.Row]] = {case: [] for case in range(strategies.CASES)}
for row in strategies.ordered().to_pylist():
    CASES[row["case"]].append(row)
FUNNEL = {"kind": "funnel", "name": "through", "steps": [{"what": "view"}, {"what": "buy"}], "window": 60}
COHORT = {"kind": "cohort", "name": "first", "by": "what", "age": {"unit": "day", "count": 1}, "repeat": True}
ROWS = ["2013-06-01,u,buy,1", "2013-06-01,u,view,2", "2013-06-01,v,buy,9", "2013-06-01,v,view,3"]
"""The file has `buy` before `view` of both subjects; the column `seq` has it before of `u` only."""


@settings(max_examples=100)
@given(strategies.cohorts())
def test_the_truth_of_a_cohort_follows_the_order(question: Cohort) -> None:
    check(question, CASES[int(question.birth[0].value)], EVENTS, absolute=1e-6)


@settings(max_examples=100)
@given(strategies.funnels())
def test_the_truth_of_a_funnel_follows_the_order(question: Funnel) -> None:
    check(question, CASES[int(question.steps[0][0].value)], EVENTS, absolute=1e-6)


def tables() -> list[pa.Table]:
    return [pa.table(batch) for batch in EVENTS.batches()]


@settings(max_examples=100)
@given(strategies.cohorts())
def test_the_client_s_cohorts_follow_the_order(question: Cohort) -> None:
    partials = question_partials(question)
    source = EventSource(tables, EVENTS.columns, EVENTS.statistics)
    rows = cohort_activity.activity(question, question.grain or Grain.DAY, source, partials)
    sums = cohort_activity.summed(rows, partials, question.by is not None)
    schema = answers.schema(question, EVENTS.statistics.schema)
    try:
        answer = cohort_activity.answer(question, sums, schema)
    except OverflowError:
        with pytest.raises(OverflowError):
            truth.answer(question, EVENTS)
        return
    assert verdicts.check(question, answer, EVENTS).kind == "right"


@settings(max_examples=100)
@given(strategies.funnels())
def test_the_client_s_funnels_follow_the_order(question: Funnel) -> None:
    inside = [table.filter(_inside(table, question)) for table in tables()]
    rows = funnel_entries.entries(question.steps, question.by, lambda: inside, EVENTS.columns)
    schema = answers.schema(question, EVENTS.statistics.schema)
    answer = funnel_entries.answer(question, rows, EVENTS.columns.subject, schema)
    assert verdicts.check(question, answer, EVENTS).kind == "right"
    stored = funnel_entries.stored_entries(StoredFunnel("funnel", question.steps, question.by), EVENTS)
    start, end = question.span.milliseconds
    entered = stored.filter((pc.field(ENTRY) >= start) & (pc.field(ENTRY) < end))
    assert funnel_entries.answer(question, entered, EVENTS.columns.subject, schema).equals(answer)


def test_tables_of_entries_have_the_order() -> None:
    stored = StoredFunnel("funnel", ((), ()), ("country",))
    druid = FunnelTable(stored, EVENTS.statistics, EVENTS.columns)
    assert list(druid.columns) == ["user", "country", "order()", "step(2)"]
    assert set(druid.columns) < set(druid.rows(EVENTS).column_names)
    cassandra = funnel_table(stored, EVENTS.columns, EVENTS.statistics)
    assert set(cassandra.table.columns) == set(cassandra.rows(EVENTS).column_names)
    assert cassandra.table.columns["order()"] == "bigint"


def _inside(table: pa.Table, question: Funnel) -> pa.Array:
    start, end = question.span.milliseconds
    return pa.array([start <= when < end for when in table["when"].cast(pa.int64()).to_pylist()], pa.bool_())


def prepared(
    folder: Path, rows: list[str], columns: dict[str, object], **source: object
) -> tuple[Events, list[Question]]:
    """The events of these rows, and the funnel and the cohort about them."""
    (folder / "data.csv").write_text("\n".join(["at,who,what,seq", *rows]), "utf-8")
    path = datasets.write(
        folder,
        FUNNEL | {"parameters": SPAN},
        COHORT | {"parameters": SPAN},
        columns={"dimensions": ["what"]} | columns,
        source={"path": "data.csv"} | source,
    )
    mine = dataset.parse(path)
    return event_store.prepare(mine, folder / "home"), [each.fill() for each in mine.questions.values()]


@pytest.mark.parametrize(
    ("columns", "source", "through", "born"),
    [
        ({}, {}, 0, {"buy": (2, 0)}),  # simultaneous: nobody buys after a view, and `buy` sorts first
        ({"order": "seq"}, {}, 1, {"buy": (1, 1), "view": (1, 1)}),
        ({"order": "line"}, {"row_number": "line"}, 0, {"buy": (2, 2)}),
    ],
    ids=["no order", "a column", "the rows of the file"],
)
def test_events_of_one_millisecond(
    tmp_path: Path,
    columns: dict[str, object],
    source: dict[str, object],
    through: int,
    born: dict[str, tuple[int, int]],
) -> None:
    events, (funnel, cohort) = prepared(tmp_path, ROWS, columns, **source)
    assert truth.answer(funnel, events)["subjects"].to_pylist() == [2, through]
    found = truth.answer(cohort, events).to_pylist()
    assert {row["cohort"]: (row["size"], row["value"]) for row in found} == born


def test_rows_are_numbered_over_all_files_and_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rollup_bench.workloads.readers.BLOCK", 64)
    folder = tmp_path / "files"
    folder.mkdir()
    for name in ("a", "b"):
        (folder / f"{name}.csv").write_text("at,who,what\n" + "2013-06-01,u,view\n" * 10, "utf-8")
    columns = {"order": "line", "dimensions": ["what"]}
    path = datasets.write(tmp_path, columns=columns, source={"path": "files", "row_number": "line"})
    events = event_store.prepare(dataset.parse(path), tmp_path / "home")
    lines = [line for batch in events.batches(["line"]) for line in batch["line"].to_pylist()]
    assert lines == list(range(1, 21))


@pytest.mark.parametrize(("wrong", "said"), [("", "is empty, not an integer"), ("1.5", "is `1.5`, not an integer")])
def test_an_order_that_is_no_integer_is_refused_with_its_row(tmp_path: Path, wrong: str, said: str) -> None:
    rows = [*ROWS[:1], f"2013-06-01,u,view,{wrong}"]
    with pytest.raises(RequestError, match=f"row 2: column `seq` {said}"):
        prepared(tmp_path, rows, {"order": "seq"})


def test_druid_refuses_cohorts_that_depend_on_the_order() -> None:
    (raw,) = datasources(replace(RANDOM, columns=strategies.ORDERED), layouts.raw, EVENTS.statistics)
    (plain,) = datasources(RANDOM, layouts.raw, EVENTS.statistics)
    whole = Cohort(JUNE, JUNE.end, Age(Grain.DAY, 2), grain=Grain.DAY)
    born = Filter("did", Op.EQ, ("open",))
    dependent = [replace(whole, grain=None, by="country"), replace(whole, repeat=True), replace(whole, birth=(born,))]
    assert [raw.unsupported_reason(question) for question in dependent] == [MILLISECONDS] * 3
    independent = [whole, replace(whole, birth=(born,), returns=(born,))]
    assert [raw.unsupported_reason(question) for question in independent] == [None, None]
    assert [plain.unsupported_reason(question) for question in dependent] == [None] * 3
