"""What the modules of this repository import from each other, read from their source."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.support import ROOT


def modules() -> dict[str, Path]:
    """The file of each module, except tests, by the name under which the module is imported."""
    packaged = ("workloads", "servers", "streams", "engines", "harness")
    found = {path.relative_to(ROOT / "src"): path for path in (ROOT / "src" / "rollup_bench").glob("*.py")}
    for folder in (*packaged, "benchmarks", "experiments"):
        for path in (ROOT / folder).rglob("*.py"):
            found[Path("rollup_bench" if folder in packaged else "", path.relative_to(ROOT))] = path
    return {".".join(name.with_suffix("").parts).removesuffix(".__init__"): path for name, path in found.items()}


MODULES = modules()


def imported(module: str) -> Iterator[tuple[str, str]]:
    """Each module of MODULES that a module imports, with the name that it takes from it (empty: the whole module)."""
    for node in ast.walk(ast.parse(MODULES[module].read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names if alias.name in MODULES)
        elif isinstance(node, ast.ImportFrom) and node.module in MODULES:
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield (whole, "") if whole in MODULES else (str(node.module), alias.name)
