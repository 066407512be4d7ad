"""Finds engines: those of this package by folder, and those of other packages by entry point."""

from importlib import import_module
from importlib.metadata import entry_points, metadata
from importlib.util import find_spec
from pathlib import Path
from typing import TypeGuard

from rollup_bench.engines import folder
from rollup_bench.engines.contract import GROUP, Engine
from rollup_bench.engines.failures import described
from rollup_bench.engines.tested import refuse_old
from rollup_bench.errors import RequestError
from rollup_bench.servers.recipe import Recipe

HERE = Path(__file__).parent


def names() -> list[str]:
    """The names of all engines: folders of `engines` with an `engine.py` (`-` for `_`), and installed entry points."""
    folders = sorted(path.parent.name.replace("_", "-") for path in HERE.glob("*/engine.py"))
    return [*folders, *(point.name for point in entry_points(group=GROUP) if point.name not in folders)]


def module(name: str) -> str:
    """The name of the module that defines an engine's class; RequestError if no engine has the name."""
    if name not in names():
        raise RequestError(f"`{name}` is not an engine; the engines are {', '.join(names())}")
    own = folder(name)
    return (
        f"{__package__}.{own.name}.engine" if (own / "engine.py").exists() else entry_points(group=GROUP)[name].module
    )


def engine_type(name: str) -> type[Engine]:
    """The class of an engine; calling this imports the engine's module and its client library.

    RequestError if no engine has the name, a client library is missing or too old, or the module lacks the class.
    """
    where = module(name)
    refuse_old(name)
    try:
        found = import_module(where)
    except ModuleNotFoundError as error:
        extras = metadata("rollup-bench").get_all("Provides-Extra") or []
        package = f"'rollup-bench[{name}]'" if name in extras else error.name
        hint = f": {'make all, or ' if name in extras else ''}pip install {package}"
        raise RequestError(f"{where} needs the Python package {error.name}{hint}") from None
    except Exception as error:
        raise RequestError(f"{where} cannot be imported: {described(error)}") from None
    kinds = [thing for thing in vars(found).values() if _is_engine(thing) and thing.__module__ == where]
    kind = next((one for one in kinds if getattr(one, "name", None) == name), None)
    if kind is None:
        raise RequestError(f'{where} lacks an Engine with name = "{name}"')
    if lacks := kind.__abstractmethods__.union(one for one in ("scope", "version") if not hasattr(kind, one)):
        raise RequestError(f"{where} lacks {', '.join(sorted(lacks))}")
    return kind


def recipe(engine: str) -> Recipe | None:
    """The server that an engine declares in a module `server` beside its own; None if there is no such module."""
    beside = f"{module(engine).rpartition('.')[0]}.server"
    return import_module(beside).RECIPE if find_spec(beside) else None


def _is_engine(thing: object) -> TypeGuard[type[Engine]]:
    return isinstance(thing, type) and issubclass(thing, Engine)
