"""HdrHistograms of microseconds, encoded as text that a run's file can store."""

from collections.abc import Iterable

from hdrh.histogram import HdrHistogram

_HOUR = 3_600_000_000


def encode(microseconds: Iterable[int]) -> str:
    """Encodes times as a base64 HdrHistogram with three significant digits; a time over an hour counts as an hour."""
    histogram = HdrHistogram(1, _HOUR, 3)
    for value in microseconds:
        histogram.record_value(min(max(value, 1), _HOUR))
    return str(histogram.encode().decode())


def percentile(text: str, share: float) -> float:
    """Returns the seconds that this share of the times (0.99 for p99) does not exceed, to three significant digits."""
    return float(HdrHistogram.decode(text).get_value_at_percentile(100 * share)) / 1e6
