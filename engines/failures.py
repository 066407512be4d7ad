"""Turns errors that adapters raise into one-line texts for reports."""

import re
import traceback
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from importlib.metadata import entry_points
from pathlib import Path
from typing import TypeVar

from rollup_bench.engines.contract import GROUP, UNANSWERED

T = TypeVar("T")
_FOLDERS = re.compile(r"(?<![\w:/])/(?:[^/\s'\"]+/)+")
_ADAPTER = re.compile(r"rollup_bench\.engines\.\w+\.")


def reason(error: Exception) -> str:
    """The text of a RequestError, OverflowError or FailureError; for other errors, what `described` returns."""
    return str(error) if isinstance(error, UNANSWERED) else described(error)


def described(error: BaseException) -> str:
    """One line with an error's type, its text without folders, and the file and line of an adapter that ran last.

    If no code of an adapter ran, they are the file and line of any code that ran last.
    """
    packages = {point.module.partition(".")[0] for point in entry_points(group=GROUP)}
    places = list(traceback.walk_tb(error.__traceback__))
    own = [place for place in places if _in_adapter(place[0].f_globals.get("__name__", ""), packages)]
    frame, line = (own or places)[-1]
    place = "/".join(Path(frame.f_code.co_filename).parts[-2:])
    text = _FOLDERS.sub("", " ".join(str(error).split()))
    return f"{': '.join(filter(None, (type(error).__name__, text)))} ({place}:{line})"


def _in_adapter(module: str, packages: set[str]) -> bool:
    return _ADAPTER.match(module) is not None or module.partition(".")[0] in packages


@contextmanager
def quietly_closed(opened: AbstractContextManager[T]) -> Iterator[T]:
    """Enters a context manager; an error raised when it closes is ignored, because all answers exist by then."""
    entered = opened.__enter__()
    try:
        yield entered
    finally:
        with suppress(Exception):
            opened.__exit__(None, None, None)
