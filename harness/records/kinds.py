"""The verdicts that an answer can get."""

from enum import StrEnum


class Kind(StrEnum):
    """The kinds of verdict; only answers that are right or within bound are timed."""

    RIGHT = "right"
    WITHIN = "within bound"
    WRONG = "wrong"
    UNSUPPORTED = "unsupported"
    FAILED = "failed"


RIGHT = (Kind.RIGHT, Kind.WITHIN)
"""Only answers with these verdicts are timed."""
