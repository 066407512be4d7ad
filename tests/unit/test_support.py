"""The table of what each engine supports, made of what it was asked."""

from rollup_bench.engines.contract import Where
from rollup_bench.harness.conformance.support import KINDS, BuiltIn, kind, table
from rollup_bench.workloads import dataset


def right(question: str, layout: str, where: Where) -> BuiltIn:
    return BuiltIn("flights", layout, question, "counts and sums", where, "", ruled=False)


def no(question: str, layout: str, reason: str, *, ruled: bool = False) -> BuiltIn:
    return BuiltIn("flights", layout, question, "counts and sums", None, reason, ruled)


def test_every_question_that_comes_along_is_of_a_kind_with_a_row() -> None:
    questions = [one.fill() for name in dataset.offline() for one in dataset.read(name).questions.values()]
    assert {kind(question) for question in questions} == set(KINDS) - {"cohorts, estimated"}


def test_a_cell_says_where_all_run_and_else_how_many_where() -> None:
    asked = [
        right("carriers", "raw", Where.PROCESS),
        right("carriers", "day", Where.INGEST),
        right("flights-by-month", "raw", Where.PROCESS),
        no("flights-by-month", "day", "too coarse"),
        right("cancelled-by-day", "raw", Where.CLIENT),
        no("cancelled-by-day", "day", "not kept"),
        no("routes", "day", "not kept"),
    ]
    assert table({"duckdb": asked, "other": [right("carriers", "tuned", Where.SERVER)]}) == (
        [
            ["question", "duckdb/raw", "duckdb/roll-up", "other/tuned"],
            ["counts and sums (4)", "in process 2, in the client 1", "at ingest 1, no 3 [1]", "on the server"],
        ],
        ["cancelled-by-day on duckdb/day: not kept"],
    )


def test_of_several_roll_ups_the_best_counts_and_an_engine_s_own_reason_before_the_rule_s() -> None:
    asked = [
        no("players", "hour", "the rule", ruled=True),
        no("players", "day", "no sketch"),
        no("revenue", "day", "the rule", ruled=True),
        right("revenue", "hour", Where.INGEST),
    ]
    rows, reasons = table({"duckdb": asked})
    assert rows[1] == ["counts and sums (2)", "at ingest 1, no 1 [1]"]
    assert reasons == ["players on duckdb/day: no sketch"]
