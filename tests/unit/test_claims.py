"""Which ratios are claimed: false discoveries, the noise floor, what was detectable."""

import math

import pytest

from rollup_bench.harness.stats.claims import Claim, claims, discoveries
from rollup_bench.harness.stats.estimate import Estimate, critical

BENJAMINI_HOCHBERG = [
    *(0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344),
    *(0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0000),
]
T = critical(0.99, 10.0)


def exactly(ratio: float) -> Estimate:
    """A ratio that is known without error."""
    return Estimate(math.log(ratio), 0.0, 10.0)


def between(low: float, high: float) -> Estimate:
    """An estimate whose interval at 99% is this one."""
    return Estimate(math.log(low * high) / 2, math.log(high / low) / 2 / T, 10.0)


def test_the_example_of_benjamini_and_hochberg_has_four_discoveries() -> None:
    assert discoveries(BENJAMINI_HOCHBERG, 0.05) == [True] * 4 + [False] * 11
    assert discoveries(BENJAMINI_HOCHBERG[::-1], 0.05) == [False] * 11 + [True] * 4


def test_a_test_is_held_by_one_further_on_that_passes() -> None:
    assert discoveries([0.03, 0.04, 0.04], 0.05) == [True] * 3
    assert discoveries([0.03, 0.04, 0.9], 0.05) == [False] * 3


def test_the_rate_is_one_percent_and_a_p_of_just_that_passes() -> None:
    assert discoveries([0.01]) == [True]
    assert discoveries([0.25], 0.25) == [True]
    assert discoveries([0.02]) == [False]
    assert discoveries([]) == []


def test_an_inverted_claim_has_its_sides_exchanged() -> None:
    assert Claim(2.0, 1.6, 2.5, "slower", 1.1).inverted() == Claim(0.5, 0.4, 0.625, "faster", 1.1)
    assert Claim(0.5, None, 0.8, "faster", None).inverted() == Claim(2.0, 1.25, None, "slower", None)
    assert Claim(1.0, 0.8, 1.25, "no difference seen", 1.1).inverted().outcome == "no difference seen"


@pytest.mark.parametrize(
    ("ratio", "floor", "outcome"),
    [
        (0.95, None, "faster"),
        (1.05, None, "slower"),
        (1.0, None, "no difference seen"),
        (0.95, (0.9, 1.1), "no difference seen"),
        (1.05, (0.9, 1.1), "no difference seen"),
        (0.85, (0.9, 1.1), "faster"),
        (1.15, (0.9, 1.1), "slower"),
        (0.95, (1.1, 1.2), "faster"),
        (1.05, (1.1, 1.2), "no difference seen"),
        (0.95, (0.8, 0.9), "no difference seen"),
        (1.05, (0.8, 0.9), "slower"),
    ],
)
def test_a_claim_lies_beyond_1_and_beyond_the_floor(
    ratio: float, floor: tuple[float, float] | None, outcome: str
) -> None:
    assert claims([exactly(ratio)], [between(*floor) if floor else None])[0].outcome == outcome


def test_an_interval_that_only_touches_1_or_the_floor_is_not_claimed() -> None:
    """Where nothing has an error all bounds are exact."""
    assert claims([exactly(1.25)], [exactly(1.25)])[0].outcome == "no difference seen"
    assert claims([exactly(0.75)], [exactly(0.75)])[0].outcome == "no difference seen"


def test_the_whole_interval_lies_beyond_the_floor() -> None:
    floor = between(0.9, 1.1)
    found = claims([between(0.7, 0.95), between(0.7, 0.85), between(1.05, 1.3), between(1.15, 1.3)], [floor] * 4)
    assert [one.outcome for one in found] == ["no difference seen", "faster", "no difference seen", "slower"]
    assert [(one.low, one.high) for one in found[::2]] == [
        pytest.approx((0.7, 0.95), rel=1e-3),
        pytest.approx((1.05, 1.3), rel=1e-3),
    ]


def test_all_claims_are_one_family() -> None:
    """With 10 degrees of freedom t = 3.75 is p = 0.0051 at the last look: a discovery alone, but none beside a null."""
    one, nothing = Estimate(0.375, 0.1, 10.0), Estimate(0.0, 0.1, 10.0)
    assert claims([one], [None])[0].outcome == "slower"
    assert claims([one, nothing], [None, None])[0].outcome == "no difference seen"
    assert [found.outcome for found in claims([one, one], [None, None])] == ["slower"] * 2


def test_the_level_is_that_of_the_family_and_of_the_intervals() -> None:
    """With 10 degrees of freedom t = 2.4 is p = 0.0498 at the last look; t is 2.2281 there at a level of 93.3%."""
    one = Estimate(0.24, 0.1, 10.0)
    assert claims([one], [None])[0].outcome == "no difference seen"
    found = claims([one], [None], level=1 - 0.05 / 0.75)[0]
    assert found.outcome == "slower"
    assert found.ratio == pytest.approx(math.exp(0.24))
    assert (found.low, found.high) == pytest.approx((math.exp(0.24 - 0.22281), math.exp(0.24 + 0.22281)), rel=1e-4)
    assert found.detectable == pytest.approx(one.detectable(level=1 - 0.05 / 0.75))


def test_a_floor_is_taken_at_the_level_of_the_claim() -> None:
    """The floor reaches 0.16 at 80% and over 0.3 at 99%; the ratio lies between the two."""
    floor, ratio = Estimate(0.0, 0.1, 10.0), exactly(math.exp(0.25))
    assert claims([ratio], [floor])[0].outcome == "no difference seen"
    assert claims([ratio], [floor], level=0.8)[0].outcome == "slower"


@pytest.mark.parametrize("floor", [(0.5, 1.25), (0.8, 2.0)])
def test_what_is_detectable_lies_beyond_the_louder_side_of_the_floor(floor: tuple[float, float]) -> None:
    found = claims([Estimate(0.0, 0.1, 10.0)], [between(*floor)])[0]
    assert found.detectable == pytest.approx(2 * Estimate(0.0, 0.1, 10.0).detectable(), rel=1e-3)


def test_a_floor_that_is_unknown_lets_nothing_be_claimed() -> None:
    found = claims([exactly(2.0)], [Estimate(0.0, math.inf, 1.0)])[0]
    assert (found.ratio, found.low, found.high) == pytest.approx((2.0, 2.0, 2.0))
    assert (found.outcome, found.detectable) == ("no difference seen", None)


def test_an_interval_of_which_nothing_is_known_has_no_bounds() -> None:
    found = claims([Estimate(0.0, math.inf, 1.0)], [None])[0]
    assert (found.low, found.high, found.outcome, found.detectable) == (None, None, "no difference seen", None)


def test_estimates_and_floors_are_as_many() -> None:
    with pytest.raises(ValueError, match="shorter"):
        claims([exactly(2.0), exactly(2.0)], [None])
