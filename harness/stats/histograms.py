"""HdrHistograms of microseconds, as text that can be kept and merged."""

from collections.abc import Iterable

from hdrh.histogram import HdrHistogram

_HOUR = 3_600_000_000


def encode(microseconds: Iterable[int]) -> str:
    """A histogram of times up to an hour, to three digits; base64, readable by every HdrHistogram."""
    histogram = _empty()
    for value in microseconds:
        histogram.record_value(min(max(value, 1), _HOUR))
    return str(histogram.encode().decode())


def merge(texts: Iterable[str]) -> str:
    """One histogram of all."""
    histogram = _empty()
    for text in texts:
        histogram.decode_and_add(text)
    return str(histogram.encode().decode())


def count(text: str) -> int:
    """How many times it holds."""
    return int(HdrHistogram.decode(text).get_total_count())


def percentile(text: str, share: float) -> float:
    """Seconds within which this share (0.99) of the times lies, to three digits."""
    return float(HdrHistogram.decode(text).get_value_at_percentile(100 * share)) / 1e6


def _empty() -> HdrHistogram:
    return HdrHistogram(1, _HOUR, 3)
