"""Mutation testing of the code that decides which answers are right and which differences are claimed.

By hand: `python -m experiments.mutants [PATH ...]`, for all modules or for those whose path begins with a PATH. mutmut
changes one expression at a time and runs the tests that reach it. A mutant is noticed when a test fails, or when it
runs out of time. pyproject.toml lists the modules and the tests, equivalent.toml the mutants that change no output.
The exit status is 1 if a survivor is not in equivalent.toml, or if an entry there matches no survivor.
"""

import ast
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from mutmut.mutation.data import SourceFileMutationData
from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.stats import status_by_exit_code
from mutmut.utils.format_utils import orig_function_and_class_names_from_key
from rich.console import Console
from rich.table import Table

CONFIGURATION = Path("pyproject.toml")
EQUIVALENT = Path(__file__).with_name("equivalent.toml")


class Survivor(NamedTuple):
    """A mutant that no test noticed: where it is, its lines before and after."""

    module: str
    function: str
    before: str
    after: str


class Result(NamedTuple):
    """What became of the mutants of a module."""

    module: str
    mutants: int
    timed_out: int
    survivors: list[Survivor]


def main(paths: Sequence[str]) -> int:
    """Mutates and tests the modules, prints what became of the mutants and returns the exit status."""
    known = tomllib.loads(CONFIGURATION.read_text())["tool"]["mutmut"]["only_mutate"]
    modules = [module for module in known if module.startswith(tuple(paths or [""]))]
    if not modules:
        print(f"{' '.join(paths)}: no such module; give the beginning of one of {', '.join(known)}", file=sys.stderr)
        return 2
    shutil.rmtree("mutants", ignore_errors=True)
    mutmut = Path(sys.executable).with_name("mutmut")
    patterns = [f"{module.removesuffix('.py').replace('/', '.')}.x[_ǁ]*" for module in modules]
    subprocess.run([mutmut, "run", *patterns], check=True, stdout=sys.stderr)
    return report([result(module) for module in modules], Console())


def result(module: str) -> Result:
    """Reads what mutmut found in its last run."""
    data = SourceFileMutationData(path=module)
    data.load()
    status = {name: status_by_exit_code[code] for name, code in data.exit_code_by_key.items()}
    noticed = ("killed", "timeout")
    survivors = [_survivor(module, name) for name, became in status.items() if became not in noticed]
    return Result(module, len(status), list(status.values()).count("timeout"), survivors)


def report(results: Sequence[Result], console: Console) -> int:
    """Prints the score of each module, the survivors and the entries that match none; 1 if either is left over."""
    entries = tomllib.loads(EQUIVALENT.read_text())["mutants"]
    argued = {Survivor(*(entry[field] for field in Survivor._fields)): entry["why"] for entry in entries}
    survivors = [one for each in results for one in each.survivors]
    whole = Result("all", sum(one.mutants for one in results), sum(one.timed_out for one in results), survivors)
    table = Table("module", box=None)
    for header in ("mutants", "noticed", "timed out", "survived", "argued", "score"):
        table.add_column(header, justify="right")
    for one in (*results, whole):
        survived, without_effect = len(one.survivors), sum(each in argued for each in one.survivors)
        figures = (one.mutants, one.mutants - survived - one.timed_out, one.timed_out, survived, without_effect)
        table.add_row(one.module, *map(str, figures), f"{1 - survived / max(one.mutants, 1):.1%}")
    console.print(table)
    for survivor in survivors:
        console.print(_shown(survivor, argued.get(survivor)), markup=False, highlight=False, soft_wrap=True)
    modules = {one.module for one in results}
    unused = [one for one in argued if one.module in modules and one not in survivors]
    for survivor in unused:
        words = f"\n{EQUIVALENT.name}: no survivor matches this entry; remove it"
        console.print(words, _shown(survivor), markup=False, highlight=False, soft_wrap=True)
    return int(bool(unused) or any(one not in argued for one in survivors))


def _survivor(module: str, name: str) -> Survivor:
    changed = get_diff_for_mutant(name, path=module).splitlines()[2:]
    before, after = ("\n".join(line[1:].strip() for line in changed if line[0] == sign) for sign in "-+")
    function, owner = orig_function_and_class_names_from_key(name)
    return Survivor(module, f"{owner}.{function}" if owner else function, before, after)


def _shown(survivor: Survivor, why: str | None = None) -> str:
    signed = (("-", survivor.before), ("+", survivor.after))
    lines = [f"{sign} {line}" for sign, text in signed for line in text.splitlines()]
    where = f"\n{survivor.module}:{_line(survivor)} {survivor.function}"
    return "\n".join([f"{where}, argued: {why}" if why else where, *lines])


def _line(survivor: Survivor) -> int:
    """The number of the changed line, or of the function where the function no longer has that line."""
    source = Path(survivor.module).read_text()
    name = survivor.function.rpartition(".")[2]
    nodes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef) and node.name == name]
    lines, first = source.splitlines(), survivor.before.partition("\n")[0]
    numbers = (number for node in nodes for number in range(node.lineno, (node.end_lineno or 0) + 1))
    return next((number for number in numbers if lines[number - 1].strip() == first), nodes[0].lineno)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
