"""What the comparison with other load generators computes, and how it refuses a program that is not installed."""

import pytest

from experiments.generators_side_by_side import Figures, _installed, _run, _rune
from rollup_bench.errors import FailureError, RequestError


def test_the_clients_processor_time_is_subtracted_from_each_request() -> None:
    found = Figures(rate=100.0, p50=0.009, client=0.002).without_client()
    assert found == pytest.approx((125.0, 0.007, 0.0))


def test_values_are_written_in_the_language_of_the_generator() -> None:
    assert _rune((5, 'a"b\\', -1)) == '[5, "a\\"b\\\\", -1]'


def test_a_generator_that_is_missing_or_fails_is_named() -> None:
    with pytest.raises(RequestError, match="no-such-program is not installed: run `get it`"):
        _installed("no-such-program", "get it")
    with pytest.raises(FailureError, match="sh: broken"):
        _run(["sh", "-c", "echo broken >&2; exit 3"])
    assert _run(["sh", "-c", "echo fine"])[0] == "fine\n"
