"""HdrHistograms as they are kept: their range, their digits and their percentiles."""

import pytest
from hdrh.histogram import HdrHistogram

from rollup_bench.harness.stats import histograms

HOUR = 3_600_000_000


def test_a_histogram_goes_from_a_microsecond_to_an_hour_with_three_digits() -> None:
    text = histograms.encode([5])
    read = HdrHistogram.decode(text)
    assert (read.lowest_trackable_value, read.highest_trackable_value, read.significant_figures) == (1, HOUR, 3)
    assert isinstance(text, str)


def test_times_out_of_range_count_as_its_ends() -> None:
    text = histograms.encode([-5, 0, 2 * HOUR])
    assert HdrHistogram.decode(text).get_total_count() == 3
    assert histograms.percentile(text, 0.5) == 1e-6
    assert histograms.percentile(text, 1.0) == pytest.approx(3600, rel=1e-3)


def test_a_percentile_is_the_time_within_which_that_share_lies_in_seconds() -> None:
    text = histograms.encode(range(1, 101))
    assert [histograms.percentile(text, share) for share in (0.01, 0.5, 0.99)] == [1e-6, 50e-6, 99e-6]
