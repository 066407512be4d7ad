"""Ratios and fastest arms of runs of two machines, and runs that cannot be compared."""

import re
from io import StringIO

import pytest
from msgspec.structs import replace
from rich.console import Console

from rollup_bench.errors import RequestError
from rollup_bench.harness.records.comparable import check, check_machines, same_machine
from rollup_bench.harness.records.findings import Pair, Run
from rollup_bench.harness.records.lines import Cost, Record, Rounds, Spent
from rollup_bench.harness.records.machines import choices, compare_processor_ratios, compare_ratios
from rollup_bench.harness.report.comparisons import comparison
from tests.support.timed import HEADER, rounds, run

NAMES = ("one.jsonl", "other.jsonl")
ARMS = ("clickhouse/raw", "clickhouse/tuned", "cassandra/tuned")
MACHINE: dict[str, str | int] = {"processor": "x", "cores": 2, "memory": 8 * 2**30}


def launches(question: str = "q", **times: int) -> list[Record]:
    """Eight launches of a question; each arm's times vary by 1% between launches."""
    factors = (100, 101, 99, 100, 101, 99, 100, 101)
    return [
        rounds(question, {arm: [each * factor] * 4 for arm, each in times.items()}, launch, next(iter(times)))
        for launch, factor in enumerate(factors)
    ]


def elsewhere(one: Run) -> Run:
    """The same run on another machine."""
    return Run(replace(HEADER, machine=MACHINE), one.lines)


def test_a_machine_that_is_slower_for_all_arms_changes_no_ratio() -> None:
    before, after = run(*launches(a=100, b=200)), run(*launches(a=300, b=600))
    (one,) = compare_ratios(before, after)
    assert (one.before, one.after, one.claim.ratio) == pytest.approx((0.5, 0.5, 1.0))
    assert one.claim.outcome == "no difference seen"
    assert [choice[2:] for choice in choices(before, after)] == [(("a",), ("a",), "same choice")]


def test_a_ratio_that_differs_is_claimed_whatever_the_order_of_arms() -> None:
    before, after = run(*launches(a=100, b=200)), run(*launches(b=100, a=200))
    (one,) = compare_ratios(before, after)
    assert one.pair == Pair("q", "hot", "a", "b")
    assert (one.before, one.after, one.claim.ratio) == pytest.approx((0.5, 2.0, 4.0))
    assert one.claim.outcome == "slower"
    assert [choice[2:] for choice in choices(before, after)] == [(("a",), ("b",), "other choice")]


def test_arms_that_are_not_told_apart_are_all_among_the_fastest() -> None:
    before, after = run(*launches(a=100, b=100, c=300)), run(*launches(a=100, b=200, c=300))
    assert [choice[2:] for choice in choices(before, after)] == [(("a", "b"), ("a",), "undecided")]


def test_arms_and_questions_of_one_run_are_not_chosen_from() -> None:
    before, after = run(*launches(a=100, b=200, c=50)), run(*launches(a=100, b=200), *launches("r", a=1, b=2))
    assert [choice[:4] for choice in choices(before, after)] == [("q", "hot", ("a",), ("a",))]
    assert not choices(run(*launches(a=100)), run(*launches(a=100)))


def test_a_ratio_of_times_that_drift_supports_no_claim() -> None:
    falling = [rounds("q", {"a": [200, 200, 100, 100], "b": [100] * 4}, launch) for launch in range(8)]
    (one,) = compare_ratios(run(*launches(a=900, b=100)), run(*falling))
    assert one.claim.outcome == "drifts"


def test_ratios_of_processor_seconds_are_compared_within_each_launch() -> None:
    def costs(**seconds: float) -> Run:
        return run(*(cost(arm, each, launch) for arm, each in seconds.items() for launch in range(8)))

    (one,) = compare_processor_ratios(costs(a=1.0, b=2.0), costs(b=1.0, a=1.0))
    assert (one.before, one.after, one.claim.ratio) == pytest.approx((0.5, 1.0, 2.0))
    assert one.claim.outcome == "slower"


def cost(arm: str, seconds: float, launch: int, engine: float | None = None) -> Cost:
    """One request alone; the client's seconds vary with the launch."""
    spent = Spent(seconds=1.0, client=seconds * (1 + launch / 8), engine=engine)
    return Cost(arm=arm, question="q", cache="hot", launch=launch, questions=1, spent=spent)


@pytest.mark.parametrize(
    ("machine", "same"),
    [
        ({}, True),
        ({"kernel": "newer", "memory": 8 * 2**30 + 4096}, True),
        ({"cores": 4}, False),
        ({"processor": "y"}, False),
        ({"memory": 16 * 2**30}, False),
    ],
)
def test_machines_are_told_apart_by_their_size_and_processor(machine: dict[str, str | int], same: bool) -> None:
    one, other = (Run(replace(HEADER, machine=MACHINE | each), []) for each in ({}, machine))
    assert same_machine(one, other) == same


@pytest.mark.parametrize("key", ["cores", "memory"])
def test_another_budget_counts_as_another_machine(key: str) -> None:
    budget = {"cores": 2, "memory": 600 << 20}
    one, other = (Run(replace(HEADER, budget=budget | {key: factor * budget[key]}), []) for factor in (1, 2))
    assert not same_machine(one, other)
    assert same_machine(one, one)


def test_runs_of_several_machines_are_refused_by_name() -> None:
    one, other = (Run(replace(HEADER, machine=MACHINE | {"cores": cores}), []) for cores in (2, 4))
    check_machines({"a": one, "b": one})
    with pytest.raises(RequestError, match="a and c: these runs are of different machines, budgets"):
        check_machines({"a": one, "b": one, "c": other})


def test_another_number_of_nodes_counts_as_another_machine() -> None:
    one, two, three = (Run(replace(HEADER, nodes=nodes), []) for nodes in ({}, {"x": 1}, {"x": 3}))
    assert same_machine(one, two)
    assert not same_machine(one, three)


def test_a_run_that_timed_nothing_is_refused() -> None:
    timed = run(*launches(a=100))
    for pair, name in (((timed, run()), "other.jsonl"), ((run(), timed), "one.jsonl")):
        with pytest.raises(RequestError, match=f"{name}: nothing was timed in this run; give a run of --profile quick"):
            check(*pair, NAMES)


@pytest.mark.parametrize(
    ("one", "other", "comparable"),
    [
        ({}, {"dataset": "e"}, False),
        ({}, {"rows": 2}, False),
        ({}, {"seed": 2}, False),
        ({"events": "x"}, {"events": "y"}, False),
        ({"events": "x"}, {"events": "x", "seed": 2}, True),
        ({"events": "x"}, {}, True),
    ],
)
def test_runs_about_other_events_are_refused(
    one: dict[str, str | int], other: dict[str, str | int], comparable: bool
) -> None:
    runs = [Run(replace(HEADER, **each), launches(a=100)) for each in (one, other)]
    if comparable:
        check(runs[0], runs[1], NAMES)
        return
    with pytest.raises(
        RequestError, match=re.escape("one.jsonl and other.jsonl: these runs are about different events")
    ):
        check(runs[0], runs[1], NAMES)


def test_runs_without_a_common_arm_are_refused() -> None:
    with pytest.raises(
        RequestError, match="no question was timed on the same arm in both; give runs with a common arm"
    ):
        check(run(*launches(a=100)), run(*launches(b=100)), NAMES)


def printed(before: Run, after: Run, width: int = 200) -> str:
    """What a comparison prints."""
    console = Console(record=True, width=width, file=StringIO())
    comparison(before, after, console)
    return console.export_text()


def test_what_differs_between_two_runs_is_said_before_their_figures() -> None:
    one = replace(HEADER, versions={"x": "1"}, adapters={"x": "a"}, nodes={"x": 1})
    other = replace(HEADER, versions={"x": "2"}, adapters={"x": "b"}, nodes={"x": 3}, machine=MACHINE | {"cores": 64})
    lines = launches(a=100, b=200)
    said = printed(Run(one, lines), Run(other, lines)).partition("fastest")[0]
    assert "the second on x with 64 cores" in said
    assert "x was version 1 in the first run, and version 2 in the second." in said
    assert "The nodes of x were 1 in the first run, and 3 in the second." in said
    assert "The source of these adapters differs: x." in said
    assert "first run" not in printed(Run(one, lines), Run(one, lines))


def test_no_milliseconds_of_two_machines_are_printed() -> None:
    before, after = (run(*launches(a=10**6, b=each)) for each in (2 * 10**6, 3 * 10**6))
    assert "before ms" in printed(before, after)
    assert "before ms" not in printed(before, elsewhere(after))


def narrow(before: Run, after: Run) -> str:
    """What a comparison prints in a terminal of 80 columns; no text is cut."""
    shown = printed(before, after, width=80)
    assert "…" not in shown
    return shown


def test_a_comparison_fits_a_narrow_terminal() -> None:
    hot = launches("retention-of-airports", **dict.fromkeys(ARMS, 10**6))
    one = run(*hot, *(replace(line, cache="cached") for line in hot if isinstance(line, Rounds)))
    shown = narrow(one, one)
    for whole in (" clickhouse/tuned ", " caches ", " outcome ", " no difference seen ", " before ms, after ms\n"):
        assert whole in shown
    for whole in (" cached ", " clickhouse/tuned   clickhouse/tuned ", " choice ", " same "):
        assert whole in narrow(one, elsewhere(one))


def test_a_comparison_of_ratios_fits_a_narrow_terminal() -> None:
    first, second = ARMS[1:]
    before, after = (run(*launches("q", **{first: 10**8, second: factor * 10**8})) for factor in (2, 1))
    shown = narrow(before, elsewhere(after))
    assert f" {second}   {first} " in shown
    assert re.search(r"change +outcome", shown)
    assert shown.index(" faster ") < shown.index("a wider terminal also shows")
