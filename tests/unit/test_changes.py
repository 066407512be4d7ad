"""Changes between two runs whose times are given."""

import pytest
from msgspec.structs import replace

from rollup_bench.harness.records.compare import Change, compare, compare_processor, wider_floors
from rollup_bench.harness.records.findings import Cell, Run
from rollup_bench.harness.records.lines import Cost, Spent
from rollup_bench.harness.stats.abba import AGAIN
from rollup_bench.harness.stats.claims import Claim
from tests.support.timed import rounds, run

PATTERN = (1, 4, 1, 4)
"""How many times slower the machine is in each round; the geometric mean of the middle half is 2."""


def changes(before: Run, after: Run) -> dict[str, Change]:
    """The changes by arm."""
    return {one.cell.arm: one for one in compare(before, after).changes}


def claim(before: Run, after: Run, arm: str = "a") -> Claim:
    """What is claimed of an arm."""
    found = changes(before, after)[arm].claim
    assert found is not None
    return found


def bounds(found: Claim) -> tuple[float | None, float | None, float | None]:
    return found.ratio, found.low, found.high


def steady(**nanoseconds: int) -> Run:
    """One question in one launch of four rounds; every arm takes the same time in each."""
    return run(rounds("q", {arm: [each] * 4 for arm, each in nanoseconds.items()}))


def test_a_change_says_its_cell_and_the_seconds_of_both_runs() -> None:
    found = compare(steady(a=10**9), steady(a=2 * 10**9))
    assert found.common == 1.0
    (one,) = found.changes
    assert one.cell == Cell("q", "hot", "a")
    assert (one.before, one.after) == pytest.approx((1.0, 2.0), rel=1e-12)
    assert one.claim is not None
    assert (one.claim.ratio, one.claim.low, one.claim.high) == pytest.approx((2.0, 2.0, 2.0))
    assert one.claim.outcome == "slower"


def test_what_four_cells_have_in_common_is_their_median_and_is_taken_out() -> None:
    found = compare(steady(a=100, b=100, c=100, d=100), steady(a=300, b=300, c=300, d=600))
    assert found.common == pytest.approx(3.0)
    assert [one.claim and one.claim.ratio for one in found.changes] == pytest.approx([1.0, 1.0, 1.0, 2.0])


def test_three_cells_tell_nothing_of_what_they_have_in_common() -> None:
    found = compare(steady(a=100, b=100, c=100), steady(a=300, b=300, c=300))
    assert found.common == 1.0
    assert [one.claim and one.claim.ratio for one in found.changes] == pytest.approx([3.0] * 3)


def test_a_cell_of_one_run_has_no_claim_and_is_not_in_common() -> None:
    found = changes(steady(a=100, b=100), steady(b=100, c=10**9))
    assert list(found) == ["a", "b", "c"]
    assert (found["a"].after, found["a"].claim) == (None, None)
    assert (found["c"].before, found["c"].claim) == (None, None)
    assert (found["a"].before, found["c"].after) == pytest.approx((1e-7, 1.0))


def test_a_second_name_and_an_arm_without_rounds_are_no_cells() -> None:
    one = run(rounds("q", {"a": [100] * 4, "a" + AGAIN: [100] * 4, "b": []}))
    assert list(changes(one, one)) == ["a"]


def test_what_slows_all_cells_in_a_round_adds_no_error() -> None:
    """All cells are slower in the same rounds; what they share is taken out, so that none varies."""
    times = {arm: [base * slower for slower in PATTERN] for arm, base in (("a", 100), ("b", 300), ("c", 700))}
    before = run(rounds("q", times))
    for arm, ratio in (("a", 2.0), ("b", 1.0), ("c", 1.0)):
        assert bounds(claim(before, steady(a=400, b=600, c=1400), arm)) == pytest.approx((ratio,) * 3)


def test_a_cell_alone_keeps_what_slows_it() -> None:
    before = run(rounds("q", {"a": [100 * slower for slower in PATTERN]}))
    found = claim(before, steady(a=200))
    assert found.ratio == pytest.approx(1.0)
    assert found.low is not None
    assert found.low < 0.5


def test_rounds_that_no_other_cell_has_are_left_as_they_are() -> None:
    """Only `a` has a fifth and a sixth round, both at its centre."""
    times = {"a": [100, 400, 100, 400, 200, 200], "b": [300, 1200, 300, 1200], "c": [700, 2800, 700, 2800]}
    for arm in "abc":
        found = claim(run(rounds("q", times)), steady(a=200, b=600, c=1400), arm)
        assert bounds(found) == pytest.approx((1.0,) * 3)


def test_the_drift_of_a_launch_comes_from_the_cells_in_it() -> None:
    """The second launch is twice as slow for all three cells, the first is not; each has its own centre."""
    slow = {arm: [base * slower for slower in PATTERN] for arm, base in (("a", 100), ("b", 300), ("c", 700))}
    fast = {arm: [base * slower for slower in PATTERN[::-1]] for arm, base in (("a", 100), ("b", 300))}
    found = claim(run(rounds("q", slow), rounds("q", fast, launch=1)), steady(a=200, b=600, c=1400))
    assert bounds(found) == pytest.approx((1.0,) * 3)


def test_the_drift_is_the_median_of_several_other_cells() -> None:
    """In every second round `d` alone is slow, which is not taken for a slow machine."""
    times = {"a": [100] * 4, "b": [100] * 4, "c": [100] * 4, "d": [100, 900, 100, 900]}
    assert bounds(claim(run(rounds("q", times)), steady(a=100, b=100, c=100)))[1:] == pytest.approx((1.0, 1.0))


def test_a_change_is_held_against_the_wider_noise_of_the_two_runs() -> None:
    def noisy(*second: int) -> Run:
        return run(rounds("q", {"a": [100] * 4, "b": [100] * 4, "a" + AGAIN: second}))

    quiet, loud, slower = (
        noisy(100, 100, 100, 100),
        noisy(50, 200, 60, 170),
        steady(**{"a": 100, "b": 120, "a" + AGAIN: 100}),
    )
    assert [one.claim and one.claim.outcome for one in compare(quiet, slower).changes] == [
        "no difference seen",
        "slower",
    ]
    for before, after in ((loud, slower), (slower, loud)):
        assert {one.claim and one.claim.outcome for one in compare(before, after).changes} == {"no difference seen"}
    assert changes(steady(a=100, b=100), slower)["b"].claim == changes(quiet, slower)["b"].claim


def test_the_noise_that_reaches_further_counts_though_its_error_is_smaller() -> None:
    """In one run the second name is 10% slower in every launch; in the other, it is 3% faster or slower."""

    def controlled(*second: int) -> Run:
        return run(*(rounds("q", {"a": [100] * 4, "a" + AGAIN: [each] * 4}, n) for n, each in enumerate(second)))

    shifted, scattered = controlled(*[110, 111] * 4), controlled(*[97, 103] * 4)
    for before, after in ((shifted, scattered), (scattered, shifted)):
        (floor,) = wider_floors(before, after).values()
        assert floor.ratio == pytest.approx(1.105, rel=0.01)


def test_a_change_is_held_against_a_control_of_its_own_question_that_differs() -> None:
    quiet = {"a": [100] * 4, "a" + AGAIN: [100] * 4}
    loud = {"a": [100] * 4, "a" + AGAIN: [150] * 4}
    after = run(rounds("loud", {"a": [120] * 4}), rounds("quiet", {"a": [120] * 4}))
    found = compare(run(rounds("loud", loud), rounds("quiet", quiet)), after)
    assert {one.cell.question: one.claim and one.claim.outcome for one in found.changes} == {
        "loud": "no difference seen",
        "quiet": "slower",
    }


def test_the_same_runs_give_the_same_figures() -> None:
    noisy = run(rounds("q", {"a": [100, 130, 90, 115], "b": [50, 70, 90, 60]}))
    assert compare(noisy, steady(a=100, b=60)) == compare(noisy, steady(a=100, b=60))


def test_a_cell_that_drifts_in_one_of_the_runs_supports_no_claim() -> None:
    falling = run(*(rounds("q", {"a": [400, 400, 300, 300]}, launch) for launch in range(8)))
    level = run(*(rounds("q", {"a": [100] * 4}, launch) for launch in range(8)))
    assert claim(falling, level).outcome == claim(level, falling).outcome == "drifts"


def test_processor_seconds_of_a_cell_that_drifts_support_no_claim() -> None:
    def costs(seconds: float, last: int) -> Run:
        spent = Spent(seconds=1.0, client=seconds, engine=None)
        cost = Cost(arm="a", question="q", cache="hot", launch=0, questions=1, spent=spent)
        lines = [replace(cost, launch=launch) for launch in range(8)]
        return run(*lines, *(rounds("q", {"a": [400, 400, last, last]}, launch) for launch in range(8)))

    def outcomes(last: int) -> list[str]:
        changed = compare_processor(costs(1.0, 400), costs(2.0, last)).changes
        return [one.claim.outcome for one in changed if one.claim]

    assert (outcomes(400), outcomes(300)) == (["slower"], ["drifts"])


def test_processor_seconds_are_compared_where_both_runs_measured_the_same_processes() -> None:
    def costs(**engine: float | None) -> Run:
        spent = [Spent(seconds=1.0, client=0.5, engine=each) for each in engine.values()]
        lines = zip(engine, spent, strict=True)
        return run(
            *(
                Cost(arm=arm, question="q", cache="hot", launch=launch, questions=5, spent=each)
                for arm, each in lines
                for launch in range(8)
            )
        )

    before, after = costs(a=1.5, b=None, c=1.0, d=1.0), costs(a=2.0, b=None, c=None)
    found = {one.cell.arm: one for one in compare_processor(before, after).changes}
    assert found.keys() == {"a", "b"}
    assert (found["a"].before, found["a"].after) == pytest.approx((0.4, 0.5))
    assert [one.claim and one.claim.outcome for one in found.values()] == ["slower", "no difference seen"]
