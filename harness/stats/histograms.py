"""HdrHistograms of microseconds, encoded as text that a run's file can store."""

from collections.abc import Iterable

from hdrh.histogram import HdrHistogram

_HOUR = 3_600_000_000


def encode(microseconds: Iterable[int]) -> str:
    """Encodes times as a base64 HdrHistogram with three significant digits; a time over an hour counts as an hour."""
    histogram = _empty()
    for value in microseconds:
        histogram.record_value(min(max(value, 1), _HOUR))
    return str(histogram.encode().decode())


def merge(texts: Iterable[str]) -> str:
    """Merges encoded histograms into one encoded histogram."""
    histogram = _empty()
    for text in texts:
        histogram.decode_and_add(text)
    return str(histogram.encode().decode())


def count(text: str) -> int:
    """Returns the number of times in an encoded histogram."""
    return int(HdrHistogram.decode(text).get_total_count())


def percentile(text: str, share: float) -> float:
    """Returns the seconds that this share of the times (0.99 for p99) does not exceed, to three significant digits."""
    return float(HdrHistogram.decode(text).get_value_at_percentile(100 * share)) / 1e6


def _empty() -> HdrHistogram:
    return HdrHistogram(1, _HOUR, 3)
