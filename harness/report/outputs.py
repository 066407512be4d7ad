"""Writes into pages what commands of this program print, so that every figure of a page comes from a stored run.

`python -m rollup_bench.harness.report.outputs PAGE.md...`, in the folder of the project, runs each command that a mark
names, and replaces the text after the mark.
"""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from rollup_bench.errors import FailureError, RequestError
from rollup_bench.harness.report.readme import marks, write
from rollup_bench.harness.report.terminal import ended

COLUMNS, SECONDS = "100", 120.0
_NAMED = re.compile(re.escape(marks("@")[0]).replace("@", "(rollup-bench .+)"))
_ANSWERED = (0, 1)
"""The exit statuses of commands that answer; 1 is a refusal to choose."""


def commands(page: Path) -> list[str]:
    """Returns the commands that the marks of a page name, in their order."""
    return _NAMED.findall(page.read_text("utf-8"))


def output(command: str) -> str:
    """Returns a command and what it prints, as a block of text; FailureError if it fails."""
    program = Path(sys.executable).with_name("rollup-bench")
    words = [str(program), *shlex.split(command)[1:]]
    setting = {**os.environ, "COLUMNS": COLUMNS, "NO_COLOR": "1"}
    try:
        done = subprocess.run(words, env=setting, capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise FailureError(f"{command}: no answer in {SECONDS:g} s") from None
    if done.returncode not in _ANSWERED:
        raise RequestError(f"{command}: {done.stderr.strip()}")
    printed = "\n".join(line.rstrip() for line in done.stdout.splitlines())
    return f"```text\n$ {command}\n{printed}\n```"


def _write_all(pages: Iterable[Path]) -> None:
    for page in pages:
        write(page, {command: output(command) for command in commands(page)})


def main() -> None:
    """Writes the outputs into all pages that the command line names."""
    ended(lambda: _write_all(map(Path, sys.argv[1:])))


if __name__ == "__main__":
    main()
