"""Where an adapter's own mistakes end: what it raises beside the contract is a failure of one line that says where."""

import re
import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import wraps
from inspect import unwrap
from pathlib import Path
from typing import Any

import pyarrow as pa

from engines.contract import Engine, Session
from workloads.errors import FailureError, RequestError
from workloads.questions import Question

_METHODS = ("__init__", "plan", "explain", "load", "rows", "drop", "close")
_FOLDERS = re.compile(r"(?<![\w:/])/(?:[^/\s'\"]+/)+")


def guarded(kind: type[Engine]) -> type[Engine]:
    """The same engine, whose methods and sessions raise what the contract names and nothing else."""
    methods = {name: _method(kind, name, RequestError) for name in _METHODS} | {"support": _method(kind, "support")}
    sessions = {name: _sessions(kind, name) for name in ("session", "cached_session")}
    return type(kind.__name__, (kind,), {"__module__": kind.__module__, "__doc__": kind.__doc__} | methods | sessions)


def raised(error: BaseException, folder: Path) -> str:
    """The error and its place: the last line in the adapter's folder, or where there is none the last of all."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).is_relative_to(folder)]
    file, line = (own or frames)[-1][:2]
    said = ": ".join(filter(None, (type(error).__name__, _FOLDERS.sub("", " ".join(str(error).split())))))
    return f"{said} ({'/'.join(Path(file).parts[-2:])}:{line})"


def folder(kind: type[Engine]) -> Path:
    """Where the code of an adapter is."""
    return Path(unwrap(kind.load).__code__.co_filename).parent


@contextmanager
def _failures(kind: type[Engine], *named: type[Exception]) -> Iterator[None]:
    """Whatever is raised inside, but for what the contract names, is a FailureError."""
    try:
        yield
    except Exception as error:
        if isinstance(error, (FailureError, *named)):
            raise
        raise FailureError(raised(error, folder(kind))) from error


def _method(kind: type[Engine], name: str, *named: type[Exception]) -> Callable[..., Any]:
    @wraps(getattr(kind, name))
    def method(*given: Any, **more: Any) -> Any:
        with _failures(kind, *named):
            return getattr(kind, name)(*given, **more)

    return method


def _sessions(kind: type[Engine], name: str) -> Callable[..., Any]:
    made = _method(kind, name, RequestError)

    @wraps(getattr(kind, name))
    def session(*given: Any, **more: Any) -> AbstractContextManager[Session] | None:
        opened = made(*given, **more)
        return None if opened is None else _session(kind, opened)

    return session


@contextmanager
def _session(kind: type[Engine], opened: AbstractContextManager[Session]) -> Iterator[Session]:
    with _failures(kind, RequestError):
        session = opened.__enter__()
    try:
        yield _Guarded(kind, session)
    finally:
        with _failures(kind):
            opened.__exit__(None, None, None)


class _Guarded(Session):
    def __init__(self, kind: type[Engine], session: Session) -> None:
        self._kind, self._session = kind, session

    def ask(self, question: Question) -> pa.Table:
        with _failures(self._kind, RequestError, OverflowError):
            answer = self._session.ask(question)
        if not isinstance(answer, pa.Table):
            raise FailureError(f"an answer is a {type(answer).__name__}, not an Arrow table")
        return answer
