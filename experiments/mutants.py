"""Mutation testing of the code that decides which answers are right and which differences are claimed.

`python -m experiments.mutants [PATH ...]` tests all modules, or those whose path begins with a PATH. The tool mutmut
makes a mutant by changing one expression, and runs the tests that reach the expression. A mutant is noticed if a test
fails or runs out of time. The file pyproject.toml lists the modules and the tests; equivalent.toml lists mutants that
change no output. The exit status is 1 if a mutant survives that is not in equivalent.toml, or if an entry of
equivalent.toml matches no surviving mutant.
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
from rich.table import Column, Table

EQUIVALENT = Path(__file__).with_name("equivalent.toml")
PACKAGE = "src/rollup_bench/"
"""The folder with the modules that mutmut changes; the paths of modules are written without this folder."""


class Survivor(NamedTuple):
    """A mutant that no test noticed: its module and function, and the lines before and after the change."""

    module: str
    function: str
    before: str
    after: str

    def __str__(self) -> str:
        """Returns the place of the mutant, and the lines before and after the change as a diff."""
        lines = [f"- {line}" for line in self.before.splitlines()] + [f"+ {line}" for line in self.after.splitlines()]
        return "\n".join([f"{self.module}:{self.line} {self.function}", *lines])

    @property
    def line(self) -> int:
        """The number of the first changed line, or 1 if the function no longer has that line."""
        source, name = Path(self.module).read_text(), self.function.rpartition(".")[2]
        nodes = [one for one in ast.walk(ast.parse(source)) if isinstance(one, ast.FunctionDef) and one.name == name]
        lines, first = source.splitlines(), self.before.partition("\n")[0]
        numbers = (number for node in nodes for number in range(node.lineno, (node.end_lineno or 0) + 1))
        return next((number for number in numbers if lines[number - 1].strip() == first), 1)


class Result(NamedTuple):
    """The numbers of mutants of a module, in all and timed out, and the mutants that no test noticed."""

    module: str
    mutants: int
    timed_out: int
    survivors: list[Survivor]


def main(paths: Sequence[str]) -> int:
    """Runs mutmut on the modules whose paths begin with one of `paths`, prints the results; returns the exit status."""
    known = tomllib.loads(Path("pyproject.toml").read_text())["tool"]["mutmut"]["only_mutate"]
    known = [module.removeprefix(PACKAGE) for module in known]
    modules = [module for module in known if module.startswith(tuple(paths) or "")]
    if not modules:
        print(f"{' '.join(paths)}: no such module; give the beginning of one of {', '.join(known)}", file=sys.stderr)
        return 2
    shutil.rmtree("mutants", ignore_errors=True)
    names = [module.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for module in modules]
    patterns = [f"rollup_bench.{name}.x[_ǁ]*" for name in names]
    command = [str(Path(sys.executable).with_name("mutmut")), "run", *patterns]
    subprocess.run(command, check=True, stdout=sys.stderr)
    return report([result(module) for module in modules], Console())


def result(module: str) -> Result:
    """Reads the result of a module from the files of mutmut's last run."""
    data = SourceFileMutationData(path=PACKAGE + module)
    data.load()
    status = {name: status_by_exit_code[code] for name, code in data.exit_code_by_key.items()}
    survivors = [_survivor(module, name) for name, became in status.items() if became not in ("killed", "timeout")]
    return Result(module, len(status), list(status.values()).count("timeout"), survivors)


def report(results: Sequence[Result], console: Console) -> int:
    """Prints the results; returns 1 if a survivor has no entry in equivalent.toml, or an entry no survivor, else 0."""
    argued, modules = _arguments(), {one.module for one in results}
    survivors = [one for each in results for one in each.survivors]
    whole = Result("all", sum(one.mutants for one in results), sum(one.timed_out for one in results), survivors)
    table = Table(Column("module", no_wrap=True), box=None, pad_edge=False)
    for header in ("mutants", "noticed", "timed out", "survived", "argued", "score"):
        table.add_column(header, justify="right")
    for one in (*results, whole):
        survived, without_effect = len(one.survivors), sum(each in argued for each in one.survivors)
        figures = (one.mutants, one.mutants - survived - one.timed_out, one.timed_out, survived, without_effect)
        table.add_row(one.module, *map(str, figures), f"{1 - survived / max(one.mutants, 1):.1%}")
    console.print(table)
    said = [f"{one}\n  {argued.get(one, 'not in equivalent.toml')}" for one in survivors]
    unused = [one for one in argued if one.module in modules and one not in survivors]
    said += [f"{EQUIVALENT.name}: no survivor matches an entry; remove it\n{one}" for one in unused]
    console.print("", *said, sep="\n", markup=False, highlight=False, soft_wrap=True)
    return int(bool(unused) or any(one not in argued for one in survivors))


def _arguments() -> dict[Survivor, str]:
    """Returns why mutants change no output; an entry of equivalent.toml may name several changes to the same lines."""
    entries = tomllib.loads(EQUIVALENT.read_text())["mutants"]
    argued = (
        (Survivor(e["module"], e["function"], e["before"], after), e["why"]) for e in entries for after in e["after"]
    )
    return dict(argued)


def _survivor(module: str, name: str) -> Survivor:
    changed = get_diff_for_mutant(name, path=PACKAGE + module).splitlines()[2:]
    before, after = ("\n".join(line[1:].strip() for line in changed if line[0] == sign) for sign in "-+")
    function, owner = orig_function_and_class_names_from_key(name)
    return Survivor(module, f"{owner}.{function}" if owner else function, before, after)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
