"""Hashes the source of an adapter, so that figures of an older version of the adapter can be recognised."""

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from rollup_bench import errors
from rollup_bench.engines import registry

PACKAGE = Path(errors.__file__).parent
IGNORED = ("README.md", "verified.json", "following.py")
"""Files of an engine's folder that change nothing of its loads and answers."""


@cache
def adapter_hash(engine: str) -> str:
    """A hash of an engine's files, except those `IGNORED`, and of this package's modules that they import.

    The imports of imported modules in `engines` are followed too, those of other modules are not. RequestError if no
    engine has the name.
    """
    sink = hashlib.blake2b(digest_size=8)
    for name, path in sorted(_files(registry.module(engine)).items()):
        content = path.read_bytes().replace(b"\r\n", b"\n")
        sink.update(f"{name}\n{len(content)}\n".encode() + content)
    return sink.hexdigest()


def has_changed(engine: str, before: str) -> bool:
    """Whether the hash of an engine's adapter differs from `before`; False if no engine has the name any more."""
    return engine in registry.names() and adapter_hash(engine) != before


def _files(module: str) -> dict[str, Path]:
    """The files to hash for a module, by names that do not depend on where the package is installed."""
    spec = find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    own = Path(spec.origin)
    within = [path for path in own.parent.rglob("*") if path.is_file()] if "." in module else [own]
    counted = {path for path in within if path.name not in IGNORED and path.suffix != ".pyc"}
    following = [path for path in counted if path.suffix == ".py"]
    while following:
        found = set(_imported(ast.parse(following.pop().read_bytes()))) - counted
        counted |= found
        following += [path for path in found if PACKAGE / "engines" in path.parents]
    return {_name(path, own.parent): path for path in counted}


def _name(path: Path, folder: Path) -> str:
    if folder in path.parents:
        return f"adapter/{path.relative_to(folder).as_posix()}"
    return path.relative_to(PACKAGE).as_posix()


def _imported(tree: ast.Module) -> Iterator[Path]:
    """The files of this package that the import statements of a module name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        for name in names:
            top, *steps = name.split(".")
            path = PACKAGE.joinpath(*steps)
            if top == PACKAGE.name:
                yield from (p for p in (path.with_suffix(".py"), path / "__init__.py") if p.is_file())
