"""The kinds of verdict on answers."""

from enum import StrEnum


class Kind(StrEnum):
    """The kinds of verdict; only answers that are right or within bound are timed."""

    RIGHT = "right"
    WITHIN = "within bound"
    WRONG = "wrong"
    UNSUPPORTED = "unsupported"
    FAILED = "failed"


RIGHT = (Kind.RIGHT, Kind.WITHIN)
"""The verdicts on answers that may be timed."""
