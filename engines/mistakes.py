"""Where an adapter's own mistakes end: what it raises beside the contract is a failure of one line that says where."""

import re
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from contextvars import ContextVar
from functools import cached_property, wraps
from inspect import getattr_static
from pathlib import Path
from typing import Any

import pyarrow as pa

from rollup_bench.engines.contract import UNANSWERED, Engine, Loaded, Plan, Session, Support
from rollup_bench.errors import FailureError, RequestError
from rollup_bench.workloads.questions import Question

_GIVES = {
    "__init__": None,
    "plan": Plan,
    "support": Support,
    "explain": str,
    "load": Loaded,
    "rows": int | None,
    "drop": None,
    "session": AbstractContextManager,
    "cached_session": AbstractContextManager | None,
}
_FOLDERS = re.compile(r"(?<![\w:/])/(?:[^/\s'\"]+/)+")
_inside = ContextVar("_inside", default=False)


class MistakeError(FailureError):
    """An adapter raised what the contract does not name, or gave what it does not ask for."""


def guarded(kind: type[Engine]) -> type[Engine]:
    """The same engine, whose methods and sessions raise what the contract names and nothing else.

    What it asks of itself is as it was.
    """
    where = folder(kind)
    methods = {name: _method(kind, where, name, gives) for name, gives in _GIVES.items()}
    named = {"__module__": kind.__module__, "__doc__": kind.__doc__}
    return type(
        kind.__name__, (kind,), methods | named | {"version": _version(kind, where), "close": _close(kind, where)}
    )


def raised(error: BaseException, folder: Path) -> str:
    """The error and its place: the last line in the adapter's folder, or where there is none the last of all."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).is_relative_to(folder)]
    file, line = (own or frames)[-1][:2]
    said = ": ".join(filter(None, (type(error).__name__, _FOLDERS.sub("", " ".join(str(error).split())))))
    return f"{said} ({'/'.join(Path(file).parts[-2:])}:{line})"


def folder(kind: type[Engine]) -> Path:
    """Where the code of an adapter is."""
    module = sys.modules.get(kind.__module__)
    return Path(getattr(module, "__file__", None) or kind.load.__code__.co_filename).parent


@contextmanager
def _failures(where: Path, *named: type[Exception]) -> Iterator[None]:
    """Whatever is raised inside, but for what the contract names, is a MistakeError; within another, as it was."""
    if _inside.get():
        yield
        return
    entered = _inside.set(True)
    try:
        yield
    except Exception as error:
        if isinstance(error, (FailureError, *named)):
            raise
        raise MistakeError(raised(error, where)) from error
    finally:
        _inside.reset(entered)


def _given(name: str, found: Any, wanted: Any) -> Any:
    if wanted and not isinstance(found, wanted):
        asked = getattr(wanted, "__name__", wanted)
        raise MistakeError(f"{name} gives a {type(found).__name__}, not what the contract says: {asked}")
    return found


def _method(kind: type[Engine], where: Path, name: str, gives: Any) -> Callable[..., Any]:
    named = () if name == "support" else (RequestError,)

    @wraps(getattr(kind, name))
    def method(*given: Any, **more: Any) -> Any:
        outermost = not _inside.get()
        with _failures(where, *named):
            found = _given(name, getattr(kind, name)(*given, **more), gives)
        if outermost and isinstance(found, AbstractContextManager):
            return _session(where, found)
        return found

    return method


def _version(kind: type[Engine], where: Path) -> cached_property[str]:
    declared = getattr_static(kind, "version")

    def version(engine: Engine) -> str:
        with _failures(where, RequestError):
            found = declared.__get__(engine) if hasattr(declared, "__get__") else declared
            return str(_given("version", found, str))

    return cached_property(version)


def _close(kind: type[Engine], where: Path) -> Callable[..., None]:
    @wraps(kind.close)
    def close(engine: Engine) -> None:
        with _letting_go(where):
            kind.close(engine)

    return close


@contextmanager
def _session(where: Path, opened: AbstractContextManager[Session]) -> Iterator[Session]:
    with _failures(where, RequestError):
        session = opened.__enter__()
    try:
        yield _Guarded(where, session)
    finally:
        with _letting_go(where):
            opened.__exit__(None, None, None)


@contextmanager
def _letting_go(where: Path) -> Iterator[None]:
    """Every answer is there already: what goes wrong now takes none of them away."""
    with suppress(FailureError), _failures(where):
        yield


class _Guarded(Session):
    def __init__(self, where: Path, session: Session) -> None:
        self._where, self._session = where, session

    def ask(self, question: Question) -> pa.Table:
        with _failures(self._where, *UNANSWERED):
            return _given("ask", self._session.ask(question), pa.Table)
